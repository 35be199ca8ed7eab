"""Which past cases a lesson is drawn from, and which of them it shows (spec 4.4, 7)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Generic, TypeVar

from tradinggroup.data.features import Features
from tradinggroup.reflection.records import DecisionCase, DecisionLabel, DecisionOutcome, ForecastCase, ForecastLabel, ForecastOutcome
from tradinggroup.reflection.similarity import distances
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

    @property
    def shown_ids(self) -> tuple[str, ...]:
        """Outcome ids of the cases that are shown, successes first."""
        return tuple(each.outcome_id for each in (*self.successes, *self.failures))


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


def own_forecasts(cases: Sequence[LabelledForecast]) -> tuple[LabelledForecast, ...]:
    """The cases that are the agent's own: a forecast whose call failed is not."""
    return tuple(each for each in cases if not each.case.is_fallback)


def own_decisions(cases: Sequence[LabelledDecision]) -> tuple[LabelledDecision, ...]:
    """The cases that are the agent's own: forced exits and unusable answers are not."""
    return tuple(each for each in cases if each.case.action is not None and not each.case.forced)


def select_forecasts(
    own: Sequence[LabelledForecast], settings: ReflectionSettings, *, today: Features | None = None
) -> Selection[LabelledForecast] | None:
    """The right forecasts with the highest w_hit, and the wrong ones with the largest |return| * p(predicted) (spec 4.4).

    None with fewer cases than `minimum_labelled`. Ties go to the earlier session.

    Args:
        own: of `own_forecasts`.
        settings: how many of each, and how they are ranked.
        today: the features of the session that asks; needed where cases are ranked by similarity, and not looked at else.
    """
    if len(own) < settings.minimum_labelled:
        return None
    right = sorted((each for each in own if each.label.correct), key=lambda each: (-each.label.hit_weight, each.case.session))
    wrong = sorted((each for each in own if not each.label.correct), key=lambda each: (-_confidence_lost(each), each.case.session))
    far = _distances(own, settings, today)
    return Selection(tuple(own), _shown(right, settings.success_cases, far), _shown(wrong, settings.failure_cases, far))


def select_decisions(
    own: Sequence[LabelledDecision], settings: ReflectionSettings, *, today: Features | None = None
) -> Selection[LabelledDecision] | None:
    """The profitable decisions with the highest reward and the others with the lowest (spec 7).

    `own` is of `own_decisions`; everything else as in `select_forecasts`.
    """
    if len(own) < settings.minimum_labelled:
        return None
    good = sorted((each for each in own if each.label.profitable), key=lambda each: (-each.label.taken.reward, each.case.session))
    bad = sorted((each for each in own if not each.label.profitable), key=lambda each: (each.label.taken.reward, each.case.session))
    far = _distances(own, settings, today)
    return Selection(tuple(own), _shown(good, settings.success_cases, far), _shown(bad, settings.failure_cases, far))


def _distances(
    own: Sequence[LabelledForecast] | Sequence[LabelledDecision], settings: ReflectionSettings, today: Features | None
) -> dict[str, float] | None:
    """Distance of each case's features to today's by outcome id; None where cases are ranked by what they weigh."""
    if settings.case_ranking != "similarity" or today is None:
        return None
    ids = [each.outcome_id for each in own]
    return dict(zip(ids, distances([each.case.features for each in own], today), strict=True))


def _shown(ranked: Sequence[Labelled], count: int, distance: dict[str, float] | None) -> tuple[Labelled, ...]:
    """The first `count` of those ranked by weight, or the `count` nearest to today; either way in the order of their weight."""
    if distance is None:
        return tuple(ranked[:count])
    nearest = sorted(ranked, key=lambda each: (distance[each.outcome_id], each.case.session))[:count]
    kept = {each.outcome_id for each in nearest}
    return tuple(each for each in ranked if each.outcome_id in kept)


def _session_of(each: LabelledForecast | LabelledDecision) -> date:
    return each.case.session


def _confidence_lost(each: LabelledForecast) -> float:
    return abs(each.label.return_fraction) * each.case.probability(each.case.argmax_label)
