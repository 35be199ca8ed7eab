"""Walks a run from its log, session by session. Reads files only: no model is asked, nothing is executed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tradinggroup.backtest.orders import order_id
from tradinggroup.clock import NEW_YORK, parse_utc
from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.runs.case import AGENTS, Place, decisions_by_place
from tradinggroup.runs.figures import WIDTH, columns, counted, usd, wrapped
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.text.explain import agent_lines, forecast_label, outcome_text
from tradinggroup.runs.text.warnings import with_warnings


@dataclass(frozen=True, slots=True)
class ReplayStep:
    """One session of a run: what filled in it, what became known at its close, what was decided then, or before the next open."""

    session: str
    fills: tuple[Line, ...]
    outcomes: tuple[Line, ...]
    decisions: tuple[Line, ...]
    lessons: tuple[Line, ...]
    equity_usd: float | None
    """Sum of the accounts shown, at the close."""
    agent: str | None = None
    """Only what this agent saw and said."""
    without: tuple[str, ...] = ()
    """Parts that the run was made without."""
    filled_at: str = "open"
    """Which price of a bar the decided orders filled at: open or close."""
    shown: Mapping[str, Line] = field(default_factory=dict, repr=False)
    """The lessons of the run by id, to put the shown ones into words."""
    decided: Mapping[Place, Line] = field(default_factory=dict, repr=False)
    """The decisions of the run, to put their outcomes into words."""

    @property
    def text(self) -> str:
        """The session in words, at most 80 columns."""
        if self.agent is not None:
            return "\n".join([self.session, *(row for line in self.decisions for row in _agent_lines(self, line, self.agent))])
        return "\n".join([*_heading(self), *_fills(self), *_decisions(self), *_gated(self), *_learned(self)])

    def __str__(self) -> str:
        return self.text

    def to_plain(self) -> dict[str, Any]:
        """The rows by name, for JSON."""
        decisions = list(self.decisions)
        if self.agent is not None:
            decisions = [{key: line[key] for key in ("session", "symbol", "as_of", self.agent)} for line in decisions]
        return {
            "session": self.session,
            "equity_usd": self.equity_usd,
            "fills": list(self.fills),
            "outcomes": list(self.outcomes),
            "decisions": decisions,
            "lessons": list(self.lessons),
        }


def replay_steps(
    run: RunFolder, *, start: date | str | None = None, end: date | str | None = None, symbol: str | None = None, agent: str | None = None
) -> list[ReplayStep]:
    """The sessions of a run from `start` to `end`, both inclusive. Raises UsageError for an agent that does not exist."""
    if agent is not None and agent not in AGENTS:
        raise UsageError(ErrorCode.USAGE, f"no agent {agent}", remedy=did_you_mean(agent, AGENTS))
    first, last = str(start or ""), str(end or "9999")

    def by_session(rows: list[Line]) -> dict[str, list[Line]]:
        found: dict[str, list[Line]] = {}
        for row in rows:
            if first <= row["session"] <= last and symbol in {None, row["symbol"]}:
                found.setdefault(row["session"], []).append(row)
        return found

    equity, decisions = by_session(run.equity()), by_session(run.decisions())
    fills, outcomes, lessons = by_session(run.fills()), by_session(run.outcomes()), by_session(run.reflections())
    sessions = sorted({*equity, *decisions})
    known = {lesson["lesson_id"]: lesson for lesson in run.reflections()}
    decided = decisions_by_place(run)
    return [
        ReplayStep(
            session=session,
            fills=tuple(fills.get(session, ())),
            outcomes=tuple(outcomes.get(session, ())),
            decisions=tuple(decisions.get(session, ())),
            lessons=tuple(lessons.get(session, ())),
            equity_usd=math.fsum(row["equity_usd"] for row in equity[session]) if session in equity else None,
            agent=agent,
            without=tuple(run.settings.get("without") or ()),
            filled_at=str(run.settings.get("fill", "next_open")).rpartition("_")[2],
            shown=known,
            decided=decided,
        )
        for session in sessions
        if agent is None or session in decisions
    ]


def text_replay(
    run: RunFolder, *, start: date | str | None = None, end: date | str | None = None, symbol: str | None = None, agent: str | None = None
) -> str:
    """All sessions as one text. Raises UsageError for an agent that does not exist."""
    steps = replay_steps(run, start=start, end=end, symbol=symbol, agent=agent)
    if not steps:
        return with_warnings(run, "no session in this range")
    return with_warnings(run, "\n\n".join(step.text for step in steps))


FORCED_MEANINGS = {
    "stop": "the stop was reached inside the bar",
    "target": "the target was reached inside the bar",
    "delisted": "it has no bar any more: the last price less the haircut",
}
"""Last part of the id of an order that nobody decided -> what it was."""


def _heading(step: ReplayStep) -> Iterator[str]:
    equity = f"   equity {usd(step.equity_usd)} USD" if step.equity_usd is not None else ""
    yield f"{step.session}{equity}"


def _fills(step: ReplayStep) -> Iterator[str]:
    for fill in step.fills:
        word = "bought" if fill["shares"] > 0 else "sold"
        name = fill["order_id"].removeprefix(order_id(fill["symbol"], fill["decision_session"])).lstrip("-")
        why = FORCED_MEANINGS.get(name, f"decided on {fill['decision_session']}")
        is_inside = name and fill["session"] == fill["decision_session"]
        label = name[:6] if is_inside else step.filled_at
        yield from wrapped(
            f"{word} {counted(abs(fill['shares']), 'share')} at {usd(fill['price_usd'])}, {why}",
            first=f"  {label:<6} {fill['symbol']} ",
        )


def _decisions(step: ReplayStep) -> Iterator[str]:
    if step.decisions:
        label = f"  {_decided(step.decisions[0]):<7}"
        table = columns([_decision_row(line) for line in step.decisions], left=6, width=WIDTH - len(label))
        yield from (f"{label}{row}" for row in table.splitlines())


def _decided(line: Line) -> str:
    """When the decision was made: at the session's close, or on a later day before the next open."""
    day = parse_utc(line["as_of"]).astimezone(NEW_YORK).date().isoformat()
    return "close" if day == line["session"] else "decide"


def _decision_row(line: Line) -> list[str]:
    """Symbol, news, trend, style, what was asked, what was ordered."""
    news, decision, sizing = line["news_sentiment"], line["decision"], line["sizing"]
    code = line["risk"]["reason_code"].lower()
    shares = sizing["shares"]
    nothing = f"no order: {code if line['hold_kind'] == 'risk' else line['hold_kind']}"
    return [
        line["symbol"],
        "news -" if news["no_news"] else f"news {news['score']:+.2f}",
        _trend(line["forecasting"]),
        line["style_selection"]["style"],
        code if decision is None else decision["action"] or "failed",
        f"{'buy' if shares > 0 else 'sell'} {abs(shares):,d}" if shares else nothing,
    ]


def _gated(step: ReplayStep) -> Iterator[str]:
    """Where the trend of the close is not the most probable class, which the outcome will be compared with."""
    for line in step.decisions:
        forecast = line["forecasting"]
        if forecast["failure"] is None and forecast["argmax_label"] != forecast["gated_label"]:
            yield f"  trend  {line['symbol']} forecast {forecast_label(forecast)}"


def _trend(forecast: Line) -> str:
    """The gated label, if there was a forecast."""
    if forecast["failure"] is not None:
        return "no forecast"
    return "no trend" if forecast["gate"] == "off" else forecast["gated_label"]


def _learned(step: ReplayStep) -> Iterator[str]:
    for outcome in step.outcomes:
        decision = step.decided.get((outcome["symbol"], outcome["decision_session"]))
        first = f"  known  {outcome['symbol']} {outcome['decision_session']} "
        yield from wrapped(outcome_text(outcome, decision), first=first, then=" " * 9)
    if step.lessons:
        agents: dict[str, list[str]] = {}
        for lesson in step.lessons:
            agents.setdefault(lesson["symbol"], []).append(lesson["agent"])
        who = "; ".join(f"{symbol} {', '.join(names)}" for symbol, names in agents.items())
        yield from wrapped(f"{counted(len(step.lessons), 'new lesson')}: {who}", first="  learnt ")


def _agent_lines(step: ReplayStep, line: Line, agent: str) -> Iterator[str]:
    shown = (line[agent] or {}).get("experience")
    yield f"  {line['symbol']}"
    yield from agent_lines(line, agent, step.shown.get(shown) if shown else None, without=step.without)
