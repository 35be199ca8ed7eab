"""Decision agent: buy, hold or sell at the next fill (spec 7). How much is the risk layer's business."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, cast

from tradinggroup.agents import absent
from tradinggroup.agents.context import AgentContext, ask
from tradinggroup.agents.outputs import DecisionOutput, Forecasting, NewsSentiment, ReportRetrieval, StyleSelection, newest
from tradinggroup.agents.research_block import research_values
from tradinggroup.agents.timing import FILL_NAMES, fill_note
from tradinggroup.agents.wording import (
    NO_EXPERIENCE,
    account_evidence,
    account_text,
    forecast_text,
    limits_evidence,
    limits_text,
    style_text,
)
from tradinggroup.data.features import Features
from tradinggroup.models.answers import Decision
from tradinggroup.models.port import ModelReply
from tradinggroup.risk.account import Account
from tradinggroup.risk.thresholds import Thresholds

AGENT = "decision"


async def decide(
    context: AgentContext,
    *,
    session: date,
    features: Features,
    news: NewsSentiment,
    report: ReportRetrieval,
    forecasting: Forecasting,
    style: StyleSelection,
    account: Account,
    thresholds: Thresholds | None,
    performance: str,
    experience: str | None,
    lesson_id: str | None,
    experience_statistics: Mapping[str, Any] | None = None,
) -> DecisionOutput:
    """Ask for the action. A failed call has no action: it is counted and sends no order, and is never taken for a hold.

    Without the style agent the account's state is not shown either (spec 10, PC off).

    Args:
        thresholds: the exits that the risk layer enforces, None where it is off.
        performance: how the account did lately, as text without levels.
        experience: the lesson's text for the prompt, None where there is none.
        lesson_id: id of that lesson.
        experience_statistics: the lesson's numbers for the rule-based analyst: `cases`, `hit_rate`, `by_action`.
    """
    reply = await ask(
        context,
        agent=AGENT,
        template="decision",
        values={
            **research_values(context, session=session, features=features, news=news, report=report),
            "forecasting": absent.shown(context, "forecasting", forecast_text(forecasting), otherwise=absent.NO_FORECAST),
            "style_selection": absent.shown(context, "style", style_text(style), otherwise=absent.NO_STYLE),
            "account": absent.shown(context, "style", account_text(account), otherwise=absent.NO_ACCOUNT),
            "limits": limits_text(thresholds),
            "fill": FILL_NAMES[context.fill],
            "fill_note": fill_note(context.clock, context.fill),
            "performance": absent.shown(context, "style", performance, otherwise=absent.NO_PERFORMANCE),
            "experience": absent.shown(context, "reflections", experience or NO_EXPERIENCE, otherwise=absent.NO_EXPERIENCE),
        },
        evidence=_evidence(context, news=news, forecasting=forecasting, account=account, thresholds=thresholds)
        | {"experience_statistics": experience_statistics},
        session=session,
    )
    return _output(reply, lesson_id=lesson_id, newest_known_at=newest(news.newest_known_at, report.newest_known_at))


def _evidence(
    context: AgentContext, *, news: NewsSentiment, forecasting: Forecasting, account: Account, thresholds: Thresholds | None
) -> dict[str, Any]:
    """What the prompt was made from, for the rule-based analyst."""
    return {
        "p_up": forecasting.p_up,
        "p_down": forecasting.p_down,
        "gated_label": None if "forecasting" in context.without else forecasting.gated_label,
        "news_score": news.known_score,
        "account": None if "style" in context.without else account_evidence(account),
        "limits": limits_evidence(thresholds),
    }


def _output(reply: ModelReply, *, lesson_id: str | None, newest_known_at: datetime | None) -> DecisionOutput:
    answer = cast(Decision | None, reply.answer)
    return DecisionOutput(
        action=answer.action if answer else None,
        confidence=answer.confidence if answer else None,
        reasoning=answer.reasoning if answer else "",
        experience=lesson_id,
        failure=reply.failure,
        newest_known_at=newest_known_at,
    )
