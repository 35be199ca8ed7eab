"""The nodes of the trading half: style, the risk intercept, the decision, its size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tradinggroup.agents import absent
from tradinggroup.agents.decision import decide
from tradinggroup.agents.reflection import experience_text, tell_lesson
from tradinggroup.agents.style_selection import select_style
from tradinggroup.desk.state import DeskState, Moment
from tradinggroup.risk.sizing import size_action, size_forced_exit
from tradinggroup.risk.thresholds import forced_exit, thresholds

if TYPE_CHECKING:
    from langgraph.runtime import Runtime


async def label_decision(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Label the last decision if its outcome became known by now."""
    return {"decision_outcome": runtime.context.memories.label_decision(runtime.context)}


async def style_selection(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Choose the session's style from the research, the account, and how past styles did."""
    moment = runtime.context
    if "style" in moment.agents.without:
        return {"style": absent.no_style(), "style_lesson": None}
    lesson = moment.memories.style_lesson(moment)
    style = await select_style(
        moment.agents,
        session=moment.session,
        features=state["features"],
        news=state["news"],
        report=state["report"],
        forecasting=state["forecasting"],
        account=moment.required_account(),
        history=lesson.text if lesson else None,
        style_statistics=lesson.statistics if lesson else None,
        lesson_id=lesson.lesson_id if lesson else None,
    )
    return {"style": style, "style_lesson": lesson}


async def risk_intercept(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Write the style's thresholds and compare the open position with them (spec 6.1)."""
    moment = runtime.context
    if not moment.rules.has_risk:
        return {"thresholds": None, "forced_exit": None}
    limits = thresholds(state["style"].style, state["features"].sigma10_fraction, moment.rules.profile)
    return {"thresholds": limits, "forced_exit": forced_exit(moment.required_account(), limits)}


def after_intercept(state: DeskState) -> Literal["decision", "sizing"]:
    """On a forced exit the decision agent is not called (design 3)."""
    return "decision" if state["forced_exit"] is None else "sizing"


async def decision(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Ask for buy, hold or sell, with the experience of past decisions in front."""
    moment = runtime.context
    lesson = await tell_lesson(
        moment.agents,
        moment.memories.decision_lesson(moment, today=state["features"]),
        session=moment.session,
        settings=moment.rules.reflection,
    )
    made = await decide(
        moment.agents,
        session=moment.session,
        features=state["features"],
        news=state["news"],
        report=state["report"],
        forecasting=state["forecasting"],
        style=state["style"],
        account=moment.required_account(),
        thresholds=state["thresholds"],
        performance=moment.memories.performance_text(moment),
        experience=experience_text(lesson),
        lesson_id=lesson.lesson_id if lesson else None,
        experience_statistics=lesson.statistics if lesson else None,
    )
    return {"decision": made, "decision_lesson": lesson}


async def sizing(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Turn the action, or the forced exit, into whole shares."""
    moment = runtime.context
    account, rules, style = moment.required_account(), moment.rules, state["style"].style
    forced = state["forced_exit"]
    if forced is not None:
        sized = size_forced_exit(forced, account=account, style=style, profile=rules.profile)
    else:
        made = state["decision"]
        sized = size_action(
            made.action if made is not None and made.failure is None else None,
            account=account,
            style=style,
            profile=rules.profile,
            commission=rules.commission,
            gap_buffer_fraction=rules.gap_buffer_fraction,
        )
    moment.memories.keep_decision(moment, state=state, sizing=sized)
    return {"sizing": sized, "decision": state.get("decision")}
