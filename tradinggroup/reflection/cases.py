"""Which past cases a lesson is drawn from, and which of them it shows (spec 4.4, 7)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from tradinggroup.reflection.records import DecisionCase, DecisionLabel, DecisionOutcome, ForecastCase, ForecastLabel, ForecastOutcome
from tradinggroup.settings import ReflectionSettings


@dataclass(frozen=True, slots=True)
class LabelledForecast:
    """A forecast whose outcome is known and has a label."""

    case: ForecastCase
    label: ForecastLabel
    outcome_id: str
    known_at: datetime


@dataclass(frozen=True, slots=True)
class LabelledDecision:
    """A decision whose outcome is known and has a label."""

    case: DecisionCase
    label: DecisionLabel
    outcome_id: str
    known_at: datetime


Labelled = TypeVar("Labelled", LabelledForecast, LabelledDecision)


@dataclass(frozen=True, slots=True)
class Selection(Generic[Labelled]):
    """The cases of a window, oldest first, and the ones that are shown."""

    cases: tuple[Labelled, ...]
    successes: tuple[Labelled, ...]
    failures: tuple[Labelled, ...]


def labelled_forecast(outcome: ForecastOutcome) -> LabelledForecast | None:
    """The outcome as a case, or None without a label."""
    if outcome.label is None:
        return None
    return LabelledForecast(outcome.case, outcome.label, outcome.outcome_id, outcome.known_at)


def labelled_decision(outcome: DecisionOutcome) -> LabelledDecision | None:
    """The outcome as a case, or None without a label."""
    if outcome.label is None:
        return None
    return LabelledDecision(outcome.case, outcome.label, outcome.outcome_id, outcome.known_at)


def in_window(cases: Sequence[Labelled], *, as_of: datetime, session: date, window_start: date) -> tuple[Labelled, ...]:
    """Cases made in [window_start, session) whose outcome was known at `as_of`, oldest first.

    Args:
        cases: in the order of their sessions.
        as_of: nothing known later is returned, whenever it was added.
        session: the session that asks.
        window_start: first session that may still teach.
    """
    first = bisect_left(cases, window_start, key=_session_of)
    last = bisect_left(cases, session, key=_session_of)
    return tuple(each for each in cases[first:last] if each.known_at <= as_of)


def insert_by_session(cases: list[Labelled], case: Labelled) -> None:
    """Insert a case into a list that is ordered by session. Raises ValueError for a second case of the same session."""
    position = bisect_left(cases, case.case.session, key=_session_of)
    if position < len(cases) and cases[position].case.session == case.case.session:
        raise ValueError(f"two outcomes of {case.outcome_id}")
    cases.insert(position, case)


def select_forecasts(cases: Sequence[LabelledForecast], settings: ReflectionSettings) -> Selection[LabelledForecast] | None:
    """The right forecasts with the highest w_hit, and the wrong ones with the largest |return| * p(predicted) (spec 4.4).

    A forecast that failed was not the agent's and is left out. None with fewer cases than `minimum_labelled`. Ties go to
    the earlier session.
    """
    own = tuple(each for each in cases if not each.case.is_fallback)
    if len(own) < settings.minimum_labelled:
        return None
    right = sorted((each for each in own if each.label.correct), key=lambda each: (-each.label.hit_weight, each.case.session))
    wrong = sorted((each for each in own if not each.label.correct), key=lambda each: (-_confidence_lost(each), each.case.session))
    return Selection(own, tuple(right[: settings.success_cases]), tuple(wrong[: settings.failure_cases]))


def select_decisions(cases: Sequence[LabelledDecision], settings: ReflectionSettings) -> Selection[LabelledDecision] | None:
    """The profitable decisions with the highest reward and the others with the lowest (spec 7).

    Forced exits and unusable answers were not the agent's decisions and are left out. None with fewer cases than
    `minimum_labelled`. Ties go to the earlier session.
    """
    own = tuple(each for each in cases if each.case.action is not None and not each.case.forced)
    if len(own) < settings.minimum_labelled:
        return None
    good = sorted((each for each in own if each.label.profitable), key=lambda each: (-each.label.taken.reward, each.case.session))
    bad = sorted((each for each in own if not each.label.profitable), key=lambda each: (each.label.taken.reward, each.case.session))
    return Selection(own, tuple(good[: settings.success_cases]), tuple(bad[: settings.failure_cases]))


def _session_of(each: LabelledForecast | LabelledDecision) -> date:
    return each.case.session


def _confidence_lost(each: LabelledForecast) -> float:
    return abs(each.label.return_fraction) * each.case.probability(each.case.argmax_label)
