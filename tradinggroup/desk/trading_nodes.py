"""The nodes of the trading half: style, the risk intercept, the decision, its size."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, get_args

from tradinggroup.agents import absent
from tradinggroup.agents.decision import decide
from tradinggroup.agents.outputs import StyleSelection
from tradinggroup.agents.reflection import experience_text, tell_lesson
from tradinggroup.agents.style_selection import select_style
from tradinggroup.desk.state import DeskState, Moment
from tradinggroup.models.answers import Style
from tradinggroup.reflection.memory import Lesson
from tradinggroup.risk.sizing import size_action, size_exit
from tradinggroup.risk.thresholds import forced_exit

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

STYLES: tuple[str, ...] = get_args(Style)


async def label_decision(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Label the decisions whose outcome became known by now: mostly one, the last or, under `next_close`, the one before."""
    return {"decision_outcomes": runtime.context.memories.label_decisions(runtime.context)}


async def style_selection(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Choose the session's style from the research, the account, and how past styles did.

    The record of past decisions is reviewed at the same time, so that a session takes two calls after each other. Only where every
    style would force an exit nobody asks for it; where one of them does, the review is left unused.
    """
    moment = runtime.context
    if "style" in moment.agents.without:
        return {"style": absent.no_style(), "style_lesson": None}
    if _must_exit(moment, state):
        style, lesson = await _style(moment, state)
        return {"style": style, "style_lesson": lesson}
    (style, lesson), reviewed = await asyncio.gather(_style(moment, state), _decision_lesson(moment, state))
    return {"style": style, "style_lesson": lesson, "decision_lesson": reviewed}


async def _style(moment: Moment, state: DeskState) -> tuple[StyleSelection, Lesson | None]:
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
    return style, lesson


def _must_exit(moment: Moment, state: DeskState) -> bool:
    """Whether every style would sell the open position without asking the decision agent."""
    account = moment.required_account()
    if account.is_exit_waiting:
        return True
    if not moment.rules.has_risk or moment.rules.stop_mode == "intraday":
        return False
    return all(forced_exit(account, moment.memories.watch(moment, state, style=style).exits) is not None for style in STYLES)


async def risk_intercept(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Write the exits in force, by style and anchor, and compare the open position with them (spec 6.1).

    Under stops inside the bar nothing is compared here: orders at these exits do it from the next bar on. In both modes an exit
    whose rest still waits goes on, whatever anybody would decide.
    """
    moment = runtime.context
    account, profile, has_risk = moment.required_account(), moment.rules.profile, moment.rules.has_risk
    watch = moment.memories.watch(moment, state, style=state["style"].style)
    moment.memories.keep_watch(moment, watch)
    code = forced_exit(account, watch.exits) if has_risk and moment.rules.stop_mode == "close" else None
    return {
        "thresholds": watch.exits if has_risk else None,
        "daily_thresholds": watch.daily if has_risk else None,
        "forced_exit": size_exit(code, account=account, style=watch.exits.style, profile=profile),
    }


def after_intercept(state: DeskState) -> Literal["decision", "sizing"]:
    """On a forced exit the decision agent is not called (design 3)."""
    return "decision" if state["forced_exit"] is None else "sizing"


async def decision(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Ask for buy, hold or sell, with the experience of past decisions in front."""
    moment = runtime.context
    lesson = state["decision_lesson"] if "decision_lesson" in state else await _decision_lesson(moment, state)
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


async def _decision_lesson(moment: Moment, state: DeskState) -> Lesson | None:
    return await tell_lesson(
        moment.agents,
        moment.memories.decision_lesson(moment, today=state["features"]),
        session=moment.session,
        settings=moment.rules.reflection,
    )


async def sizing(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Turn the action, or the forced exit, into whole shares."""
    moment = runtime.context
    account, rules, style = moment.required_account(), moment.rules, state["style"].style
    conditions, sized = moment.memories.purchase_conditions(moment), state["forced_exit"]
    if sized is None:
        made = state["decision"]
        sized = size_action(
            made.action if made is not None and made.failure is None else None,
            account=account,
            style=style,
            profile=rules.profile,
            commission=rules.commission,
            gap_buffer_fraction=rules.gap_buffer_fraction,
            slippage=rules.slippage,
            conditions=conditions,
        )
    moment.memories.keep_decision(moment, state=state, sizing=sized, conditions=conditions)
    return {"sizing": sized, "decision": state.get("decision")}
