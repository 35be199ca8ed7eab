"""Forecasting agent: probabilities of the next session's move, and the gate behind them (spec 4.2, 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, cast

from tradinggroup.agents import absent
from tradinggroup.agents.context import AgentContext, ask
from tradinggroup.agents.gate import gate
from tradinggroup.agents.outputs import Forecasting, Label, NewsSentiment, ReportRetrieval, newest
from tradinggroup.agents.research_block import research_values
from tradinggroup.agents.wording import NO_EXPERIENCE
from tradinggroup.data.features import Features
from tradinggroup.models.answers import Forecast

AGENT = "forecasting"
CAUTIOUS_ORDER: tuple[Label, ...] = ("sideways", "down", "up")
"""Of equally probable classes the first of these is the label (ours): the one that risks least."""


async def forecast(
    context: AgentContext,
    *,
    session: date,
    features: Features,
    news: NewsSentiment,
    report: ReportRetrieval,
    experience: str | None,
    lesson_id: str | None,
    experience_statistics: Mapping[str, Any] | None = None,
) -> Forecasting:
    """Ask for the three probabilities and pass them through the gate; one third each where the call fails.

    Args:
        experience: the lesson's text for the prompt, None where there is none.
        lesson_id: id of that lesson.
        experience_statistics: the lesson's numbers for the rule-based analyst, which reads no text: `cases`, `hit_rate`.
    """
    settings = context.settings.forecasting
    reply = await ask(
        context,
        agent=AGENT,
        template="forecast",
        values={
            **research_values(context, session=session, features=features, news=news, report=report),
            "experience": absent.shown(context, "reflections", experience or NO_EXPERIENCE, otherwise=absent.NO_EXPERIENCE),
        },
        evidence={
            "features": features,
            "news_score": news.known_score,
            "reports": report.summaries,
            "experience_statistics": experience_statistics,
        },
        session=session,
    )
    answer = cast(Forecast | None, reply.answer)
    p_up, p_down, p_sideways = normalised(answer)
    passed = gate(features, p_up=p_up, p_down=p_down, settings=settings)
    return Forecasting(
        p_up=p_up,
        p_down=p_down,
        p_sideways=p_sideways,
        argmax_label=argmax_label(p_up=p_up, p_down=p_down, p_sideways=p_sideways),
        gated_label=passed.label,
        gate=passed.test,
        reasoning=answer.reasoning if answer else "",
        experience=lesson_id,
        failure=reply.failure,
        newest_known_at=newest(news.newest_known_at, report.newest_known_at),
    )


def normalised(answer: Forecast | None) -> tuple[float, float, float]:
    """(up, down, sideways) scaled to sum to one; one third each without an answer. The schema bounds how far off the sum may be."""
    if answer is None:
        return 1 / 3, 1 / 3, 1 / 3
    total = answer.p_up + answer.p_down + answer.p_sideways
    return answer.p_up / total, answer.p_down / total, answer.p_sideways / total


def argmax_label(*, p_up: float, p_down: float, p_sideways: float) -> Label:
    """The most probable class; ties go to sideways, then to down."""
    probability = {"up": p_up, "down": p_down, "sideways": p_sideways}
    return max(CAUTIOUS_ORDER, key=lambda label: probability[label])
