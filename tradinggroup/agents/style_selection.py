"""Style-selection agent: how much risk suits the session (spec 5). The style sets sizes and exit widths."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

from tradinggroup.agents import absent
from tradinggroup.agents.context import AgentContext, ask
from tradinggroup.agents.outputs import Forecasting, NewsSentiment, ReportRetrieval, StyleSelection, newest
from tradinggroup.agents.research_block import research_values
from tradinggroup.agents.wording import (
    account_evidence,
    account_text,
    forecast_text,
)
from tradinggroup.data.features import Features
from tradinggroup.models.answers import Style, StyleChoice
from tradinggroup.risk.account import Account

AGENT = "style_selection"
FALLBACK: Style = "balanced"
"""The middle choice: while there is no past style to compare, and after a failure (spec 5)."""
FIRST_SESSION = "No past style to compare yet."


async def select_style(
    context: AgentContext,
    *,
    session: date,
    features: Features,
    news: NewsSentiment,
    report: ReportRetrieval,
    forecasting: Forecasting,
    account: Account,
    history: str | None,
    style_statistics: Mapping[str, Any] | None,
    lesson_id: str | None,
) -> StyleSelection:
    """Ask for the style; balanced, without a call, while there is no history, and where the call fails.

    Args:
        history: how past styles did, as text for the prompt; None where there is nothing yet.
        style_statistics: the same for the rule-based analyst: style -> `sessions`, `mean_return_fraction`.
        lesson_id: id of that history.
    """
    known_at = newest(news.newest_known_at, report.newest_known_at)
    if history is None:
        return StyleSelection(FALLBACK, None, FIRST_SESSION, experience=None, failure=None, newest_known_at=known_at)
    reply = await ask(
        context,
        agent=AGENT,
        template="style",
        values={
            **research_values(context, session=session, features=features, news=news, report=report),
            "forecasting": absent.shown(context, "forecasting", forecast_text(forecasting), otherwise=absent.NO_FORECAST),
            "account": account_text(account),
            "experience": history,
        },
        evidence={
            "features": features,
            "news_score": news.known_score,
            "p_up": forecasting.p_up,
            "p_down": forecasting.p_down,
            "account": account_evidence(account),
            "style_statistics": style_statistics,
        },
        session=session,
    )
    answer = cast(StyleChoice | None, reply.answer)
    return StyleSelection(
        style=answer.style if answer else FALLBACK,
        confidence=answer.confidence if answer else None,
        reasoning=answer.reasoning if answer else "",
        experience=lesson_id,
        failure=reply.failure,
        newest_known_at=known_at,
    )
