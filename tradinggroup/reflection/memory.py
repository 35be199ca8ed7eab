"""The lessons of one symbol inside a run: added as outcomes become known, recalled by the clock alone.

What `experience` returns depends on `as_of` and on the outcomes, never on the order in which they were added. A run starts
empty and never reads another run's lessons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from tradinggroup.clock import iso_utc, parse_utc
from tradinggroup.reflection import wording
from tradinggroup.reflection.cases import (
    LabelledDecision,
    LabelledForecast,
    in_window,
    insert_by_session,
    labelled_decision,
    labelled_forecast,
    select_decisions,
    select_forecasts,
)
from tradinggroup.reflection.records import DecisionOutcome, ForecastOutcome
from tradinggroup.settings import ReflectionSettings

LearningAgent = Literal["forecasting", "style_selection", "decision"]


@dataclass(frozen=True, slots=True)
class Lesson:
    """What outcomes taught an agent: the text that stands in its prompt, and where it comes from."""

    lesson_id: str
    """`SYMBOL-AGENT-SESSION`."""
    agent: str
    symbol: str
    session: date
    """The session at whose close the lesson first existed."""
    known_at: datetime
    """The newest moment at which one of its outcomes became known; the lesson is visible from then on."""
    text: str
    outcome_ids: tuple[str, ...]
    statistics: Mapping[str, Any]
    """The numbers behind the text, for the rule-based analyst, which reads none."""

    def to_line(self) -> dict[str, Any]:
        """One line of `reflections.jsonl`."""
        return {
            "session": self.session.isoformat(),
            "symbol": self.symbol,
            "agent": self.agent,
            "lesson_id": self.lesson_id,
            "known_at": iso_utc(self.known_at),
            "outcome_ids": list(self.outcome_ids),
            "statistics": dict(self.statistics),
            "text": self.text,
        }

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> Lesson:
        """The inverse of `to_line`. Raises KeyError or ValueError for what is no such line."""
        return cls(
            lesson_id=str(line["lesson_id"]),
            agent=str(line["agent"]),
            symbol=str(line["symbol"]),
            session=date.fromisoformat(line["session"]),
            known_at=parse_utc(line["known_at"]),
            text=str(line["text"]),
            outcome_ids=tuple(line["outcome_ids"]),
            statistics=line["statistics"],
        )


class LessonMemory:
    """Outcomes of one symbol, and the lessons drawn from them.

    Forecasts and decisions share nothing in here, so that the research half may run ahead of the trading half.
    """

    def __init__(self, symbol: str, settings: ReflectionSettings) -> None:
        self._symbol = symbol
        self._settings = settings
        self._forecasts: list[LabelledForecast] = []
        self._decisions: list[LabelledDecision] = []
        self._lessons: dict[tuple[str, tuple[str, ...]], Lesson] = {}

    def add(self, outcome: ForecastOutcome | DecisionOutcome) -> None:
        """Take an outcome, in any order; one without a label teaches nothing and is passed over.

        Raises ValueError for another symbol's outcome, or for two outcomes of the same session.
        """
        if outcome.case.symbol != self._symbol:
            raise ValueError(f"an outcome of {outcome.case.symbol} in the memory of {self._symbol}")
        if isinstance(outcome, ForecastOutcome):
            forecast = labelled_forecast(outcome)
            if forecast is not None:
                insert_by_session(self._forecasts, forecast)
        else:
            decision = labelled_decision(outcome)
            if decision is not None:
                insert_by_session(self._decisions, decision)

    def visible(self, as_of: datetime) -> tuple[LabelledForecast | LabelledDecision, ...]:
        """Everything labelled that was known at `as_of`, forecasts first, each in the order of sessions."""
        both: tuple[LabelledForecast | LabelledDecision, ...] = (*self._forecasts, *self._decisions)
        return tuple(each for each in both if each.known_at <= as_of)

    def experience(self, agent: Literal["forecasting", "decision"], *, as_of: datetime, session: date, window_start: date) -> Lesson | None:
        """What an agent may learn at the close of `session`; None with too few labelled cases.

        The same set of outcomes gives the lesson that it gave before, so a lesson is new exactly when its `session` is the
        one that asks.

        Args:
            agent: whose record.
            as_of: outcomes known later stay unseen.
            session: the session that asks.
            window_start: first session whose cases may still teach.
        """
        if agent == "forecasting":
            forecasts = in_window(self._forecasts, as_of=as_of, session=session, window_start=window_start)
            return self._forecasting_lesson(forecasts, session)
        decisions = in_window(self._decisions, as_of=as_of, session=session, window_start=window_start)
        return self._decision_lesson(decisions, session)

    def style_history(self, *, as_of: datetime, session: date, window_start: date) -> Lesson | None:
        """How each style did on the sessions it was used, forced exits included; None before the first outcome (spec 5)."""
        cases = in_window(self._decisions, as_of=as_of, session=session, window_start=window_start)
        if not cases:
            return None
        statistics = wording.style_statistics(cases)
        return self._lesson("style_selection", session, cases, statistics, text=wording.style_text(cases, statistics))

    def _forecasting_lesson(self, cases: Sequence[LabelledForecast], session: date) -> Lesson | None:
        selection = select_forecasts(cases, self._settings)
        if selection is None:
            return None
        statistics = wording.forecast_statistics(selection.cases)
        return self._lesson("forecasting", session, selection.cases, statistics, text=wording.forecast_text(selection, statistics))

    def _decision_lesson(self, cases: Sequence[LabelledDecision], session: date) -> Lesson | None:
        selection = select_decisions(cases, self._settings)
        if selection is None:
            return None
        statistics = wording.decision_statistics(selection.cases)
        return self._lesson("decision", session, selection.cases, statistics, text=wording.decision_text(selection, statistics))

    def _lesson(
        self,
        agent: LearningAgent,
        session: date,
        cases: Sequence[LabelledForecast] | Sequence[LabelledDecision],
        statistics: Mapping[str, Any],
        *,
        text: str,
    ) -> Lesson:
        outcome_ids = tuple(each.outcome_id for each in cases)
        lesson = Lesson(
            lesson_id=f"{self._symbol}-{agent}-{session.isoformat()}",
            agent=agent,
            symbol=self._symbol,
            session=session,
            known_at=max(each.known_at for each in cases),
            text=text,
            outcome_ids=outcome_ids,
            statistics=statistics,
        )
        return self._lessons.setdefault((agent, outcome_ids), lesson)
