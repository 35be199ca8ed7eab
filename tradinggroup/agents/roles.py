"""What each agent is asked for: its schema, its templates, and the placeholders that a card may use.

`agents/README.md` shows these placeholders; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tradinggroup.models.answers import Answer, Decision, ExperienceSummary, Forecast, NewsScore, ReportSummary, StyleChoice

_SYMBOL = {"symbol": "the ticker", "schema": "the fields of the answer"}
_TODAY = _SYMBOL | {
    "session": "the weekday on which the prompt is asked; no prompt needs its date",
    "clock": "when on that day: after the close, or how long before the open",
}
_EVIDENCE = _TODAY | {
    "features": "technical features of the close, as fractions and percentages",
    "news_sentiment": "score and analysis of the session's news, or that there is none",
    "report_retrieval": "what the latest filings say, or that there is none",
    "experience": "what past outcomes teach, or that there is nothing yet",
}
_ACCOUNT = _EVIDENCE | {
    "forecasting": "probabilities, gated trend and reasoning of the forecast",
    "account": "invested share, open profit and drawdown, as percentages",
}
_RECORD = _SYMBOL | {
    "record": "counts, means and the chosen cases of the agent's own record",
    "words": "the longest summary, in words",
}
_REPORT = _SYMBOL | {
    "form": "10-K or 10-Q",
    "period": "how long before its filing the period ended",
    "figures": "figures as filed, where there are any",
    "passages": "the passages that retrieval found, each in its block of quoted text",
}


@dataclass(frozen=True, slots=True)
class Role:
    """One agent. `templates` holds the placeholders, with their meaning, of each template that its card must have."""

    agent: str
    output: type[Answer]
    templates: Mapping[str, Mapping[str, str]]


ROLES: dict[str, Role] = {
    role.agent: role
    for role in (
        Role(
            "news_sentiment",
            NewsScore,
            {
                "item": _TODAY
                | {
                    "title": "the headline, in its block of quoted text",
                    "summary": "the publisher's text, likewise",
                    "source": "who published it, likewise",
                    "published": "how many hours ago it became known",
                },
                "overall": _TODAY
                | {"items": "the items read, with their scores and analyses", "items_seen": "how many items there were before selection"},
            },
        ),
        Role("report_retrieval", ReportSummary, {"10-K": _REPORT, "10-Q": _REPORT}),
        Role("forecasting", Forecast, {"forecast": _EVIDENCE}),
        Role("style_selection", StyleChoice, {"style": _ACCOUNT}),
        Role(
            "decision",
            Decision,
            {
                "decision": _ACCOUNT
                | {
                    "style_selection": "the session's style and why",
                    "limits": "stop loss and take profit of the style, as percentages",
                    "performance": "how the account did lately",
                    "fill": "where the order goes: the next open, by default",
                    "fill_note": "where it fills, and where not",
                }
            },
        ),
        Role(
            "reflection",
            ExperienceSummary,
            {
                "forecasting": _RECORD,
                "decision": _RECORD
                | {"fill": "where the orders filled: the next open, by default", "reward_span": "the session whose return the reward is"},
            },
        ),
    )
}
"""The agents in their order. An agent with one template needs no `[[name]]` line in its card."""
