"""Everything a run's files say about one decision, joined: the line itself, what it was shown, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from tradinggroup.errors import DataError, ErrorCode, TradinggroupError
from tradinggroup.runs.folder import Line, RunFolder

AGENTS = ("news_sentiment", "report_retrieval", "forecasting", "style_selection", "decision")
LEARNERS = ("forecasting", "style_selection", "decision")
"""Agents that experience is shown to."""
SWITCHES = {"style_selection": "style"}
"""Agents that `--without` knows by another name."""
Place = tuple[str, str]
"""(symbol, session) of a decision."""


@dataclass(frozen=True, slots=True)
class Case:
    """One decision from its inputs to its outcome. Rows are those of the files, unchanged; missing is None or empty."""

    decision: Line
    order: Line | None
    fills: tuple[Line, ...]
    outcomes: tuple[Line, ...]
    """Of this decision's forecast and action, once known."""
    lessons_shown: tuple[Line, ...]
    """What stood in its prompts, by agent."""
    lessons_born: tuple[Line, ...]
    """For each agent the first lesson that draws on its outcomes."""

    @property
    def session(self) -> str:
        return str(self.decision["session"])

    @property
    def symbol(self) -> str:
        return str(self.decision["symbol"])

    def to_plain(self) -> dict[str, Any]:
        """All of it by name, for JSON."""
        return {
            "decision": self.decision,
            "order": self.order,
            "fills": list(self.fills),
            "outcomes": list(self.outcomes),
            "lessons_shown": list(self.lessons_shown),
            "lessons_born": list(self.lessons_born),
        }


def cases_of(run: RunFolder, session: date | str, symbol: str | None = None) -> list[Case]:
    """The decisions of a session, of one symbol or all. Raises DataError DECISION_NOT_FOUND, naming the nearest sessions."""
    day = str(session)
    lines = [line for line in run.decisions() if line["session"] == day and symbol in {None, line["symbol"]}]
    if not lines:
        raise _not_found(run, day, symbol)
    return [_case(run, line) for line in lines]


def decisions_by_place(run: RunFolder) -> dict[Place, Line]:
    """(symbol, session) -> decision line."""
    return {(line["symbol"], line["session"]): line for line in run.decisions()}


def shown_lesson_ids(decision: Line) -> list[str]:
    """Ids of the lessons that stood in the prompts of a decision line."""
    shown = [(decision[agent] or {}).get("experience") for agent in LEARNERS]
    return [lesson_id for lesson_id in shown if lesson_id]


def call_counts(run: RunFolder, case: Case) -> dict[str, int]:
    """Model calls behind a decision, by agent in the order of the chain; empty without a store of recordings."""
    if not run.recordings.is_file():
        return {}
    from tradinggroup.models.recordings import RecordingStore

    try:
        with RecordingStore.open(run.recordings, readonly=True) as store:
            calls = store.read_calls(session=case.session, symbol=case.symbol)
    except TradinggroupError:
        return {}
    asked = [call.agent for call in calls]
    return {agent: asked.count(agent) for agent in (*AGENTS, "reflection") if agent in asked}


def _case(run: RunFolder, line: Line) -> Case:
    order_id = (line.get("sizing") or {}).get("order_id")
    shown = set(shown_lesson_ids(line))
    outcomes = [row for row in run.outcomes() if row["symbol"] == line["symbol"] and row["decision_session"] == line["session"]]
    return Case(
        decision=line,
        order=next((row for row in run.orders() if row["order_id"] == order_id), None) if order_id else None,
        fills=tuple(row for row in run.fills() if row["order_id"] == order_id) if order_id else (),
        outcomes=tuple(outcomes),
        lessons_shown=tuple(row for row in run.reflections() if row["lesson_id"] in shown),
        lessons_born=tuple(_first_lessons(run, {row["outcome_id"] for row in outcomes})),
    )


def _first_lessons(run: RunFolder, outcome_ids: set[str]) -> Iterator[Line]:
    found: set[str] = set()
    for row in run.reflections():
        if row["agent"] not in found and not outcome_ids.isdisjoint(row["outcome_ids"]):
            found.add(row["agent"])
            yield row


def _not_found(run: RunFolder, day: str, symbol: str | None) -> DataError:
    sessions = sorted({line["session"] for line in run.decisions() if symbol in {None, line["symbol"]}})
    return DataError(
        ErrorCode.DECISION_NOT_FOUND,
        f"no decision on {day}{f' for {symbol}' if symbol else ''} in run {run.run_id}",
        remedy=_near(day, sessions),
    )


def _near(day: str, sessions: Sequence[str]) -> str:
    if not sessions:
        return "The run has no decision yet."
    near = [*[each for each in sessions if each < day][-1:], *[each for each in sessions if each > day][:1]]
    return f"Nearest: {', '.join(near)}. The run has decisions from {sessions[0]} to {sessions[-1]}."
