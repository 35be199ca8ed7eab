"""The lessons of one symbol inside a run: added as outcomes become known, recalled by the clock alone.

What `experience` returns depends on `as_of` and on the outcomes, never on the order in which they were added. A run starts
empty and never reads another run's lessons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal

from tradinggroup.clock import iso_utc, parse_utc
from tradinggroup.data.features import Features
from tradinggroup.reflection import wording
from tradinggroup.reflection.cases import (
    LabelledDecision,
    LabelledForecast,
    in_window,
    insert_by_session,
    labelled_decision,
    labelled_forecast,
    own_decisions,
    own_forecasts,
    select_decisions,
    select_forecasts,
)
from tradinggroup.reflection.records import DecisionOutcome, ForecastOutcome
from tradinggroup.reflection.shuffling import shuffled_decisions, shuffled_forecasts
from tradinggroup.settings import ReflectionSettings

LearningAgent = Literal["forecasting", "style_selection", "decision"]
Author = Literal["template", "model", "fallback"]
"""Who wrote a lesson's text; `fallback` is the template's, because the model's summary failed."""
SIMILAR = "The cases above are those whose features were most like today's, of each kind."
"""Last line of a lesson whose cases were chosen by similarity."""


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
    case_ids: tuple[str, ...] = ()
    """Ids of the outcomes whose cases were shown one by one: to the agent by the template, or to the model that wrote the text."""
    author: Author = "template"

    def told(self, text: str, author: Author) -> Lesson:
        """The same lesson in other words."""
        return replace(self, text=text, author=author)

    def to_line(self) -> dict[str, Any]:
        """One line of `reflections.jsonl`."""
        return {
            "session": self.session.isoformat(),
            "symbol": self.symbol,
            "agent": self.agent,
            "lesson_id": self.lesson_id,
            "known_at": iso_utc(self.known_at),
            "outcome_ids": list(self.outcome_ids),
            "case_ids": list(self.case_ids),
            "author": self.author,
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
            case_ids=tuple(line["case_ids"]),
            author=line["author"],
        )


class LessonMemory:
    """Outcomes of one symbol, and the lessons drawn from them.

    Forecasts and decisions share nothing in here, so that the research half may run ahead of the trading half.
    """

    def __init__(self, symbol: str, settings: ReflectionSettings, *, shuffle_seed: int | None = None) -> None:
        """With `shuffle_seed` every lesson is drawn from outcomes that were dealt out anew among its cases: the placebo."""
        self._symbol = symbol
        self._settings = settings
        self._shuffle_seed = shuffle_seed
        self._forecasts: list[LabelledForecast] = []
        self._decisions: list[LabelledDecision] = []
        self._lessons: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Lesson] = {}

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

    def experience(
        self,
        agent: Literal["forecasting", "decision"],
        *,
        as_of: datetime,
        session: date,
        window_start: date,
        today: Features | None = None,
    ) -> Lesson | None:
        """What an agent may learn at the close of `session`; None with too few labelled cases.

        The same outcomes, with the same cases shown, give the lesson that they gave before, so a lesson is new exactly when
        its `session` is the one that asks.

        Args:
            agent: whose record.
            as_of: outcomes known later stay unseen.
            session: the session that asks.
            window_start: first session whose cases may still teach.
            today: the session's features, by which similar cases are found where the settings rank them so.
        """
        if agent == "forecasting":
            forecasts = in_window(self._forecasts, as_of=as_of, session=session, window_start=window_start)
            return self._forecasting_lesson(forecasts, session, today)
        decisions = in_window(self._decisions, as_of=as_of, session=session, window_start=window_start)
        return self._decision_lesson(decisions, session, today)

    def style_history(self, *, as_of: datetime, session: date, window_start: date) -> Lesson | None:
        """How each style did on the sessions it was used, forced exits included; None before the first outcome (spec 5)."""
        cases = in_window(self._decisions, as_of=as_of, session=session, window_start=window_start)
        if not cases:
            return None
        if self._shuffle_seed is not None:
            cases = shuffled_decisions(cases, seed=self._shuffle_seed, purpose="style")
        statistics = wording.style_statistics(cases)
        return self._lesson("style_selection", session, cases, statistics, text=wording.style_text(cases, statistics))

    def _forecasting_lesson(self, cases: Sequence[LabelledForecast], session: date, today: Features | None) -> Lesson | None:
        own = own_forecasts(cases)
        if self._shuffle_seed is not None:
            own = shuffled_forecasts(own, self._settings, seed=self._shuffle_seed)
        selection = select_forecasts(own, self._settings, today=today)
        if selection is None:
            return None
        statistics = wording.forecast_statistics(selection.cases)
        text = wording.forecast_text(selection, statistics)
        return self._lesson("forecasting", session, selection.cases, statistics, text=text, case_ids=selection.shown_ids)

    def _decision_lesson(self, cases: Sequence[LabelledDecision], session: date, today: Features | None) -> Lesson | None:
        own = own_decisions(cases)
        if self._shuffle_seed is not None:
            own = shuffled_decisions(own, seed=self._shuffle_seed, purpose="decision")
        selection = select_decisions(own, self._settings, today=today)
        if selection is None:
            return None
        statistics = wording.decision_statistics(selection.cases)
        text = wording.decision_text(selection, statistics)
        return self._lesson("decision", session, selection.cases, statistics, text=text, case_ids=selection.shown_ids)

    def _lesson(
        self,
        agent: LearningAgent,
        session: date,
        cases: Sequence[LabelledForecast] | Sequence[LabelledDecision],
        statistics: Mapping[str, Any],
        *,
        text: str,
        case_ids: tuple[str, ...] = (),
    ) -> Lesson:
        is_similar = self._settings.case_ranking == "similarity" and bool(case_ids)
        outcome_ids = tuple(each.outcome_id for each in cases)
        lesson = Lesson(
            lesson_id=f"{self._symbol}-{agent}-{session.isoformat()}",
            agent=agent,
            symbol=self._symbol,
            session=session,
            known_at=max(each.known_at for each in cases),
            text=f"{text}\n{SIMILAR}" if is_similar else text,
            outcome_ids=outcome_ids,
            statistics=statistics,
            case_ids=case_ids,
        )
        return self._lessons.setdefault((agent, outcome_ids, case_ids), lesson)
