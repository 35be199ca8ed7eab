"""Which past sessions were like today, and that only visible cases set the scale."""

from __future__ import annotations

import math

import pytest

from tests.reflection.builders import SESSIONS, close_at, features, forecast_outcome
from tradinggroup.reflection.cases import labelled_forecast, select_forecasts
from tradinggroup.reflection.memory import SIMILAR, LessonMemory
from tradinggroup.reflection.similarity import distances
from tradinggroup.settings import ReflectionSettings

SIMILARITY = ReflectionSettings(case_ranking="similarity")
RSI = (30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 35.0, 45.0)


def test_distance_by_hand() -> None:
    """RSI 40, 50, 60: mean 50, deviation sqrt(200/3); volatility 0.2, 0.3, 0.4: deviation 0.1*sqrt(2/3); the rest is constant."""
    cases = [features(rsi14=rsi, volatility_per_year_fraction=hv) for rsi, hv in ((40.0, 0.2), (50.0, 0.3), (60.0, 0.4))]
    today = features(rsi14=50.0, volatility_per_year_fraction=0.4)
    expected = [math.sqrt(100 * 3 / 200 + 4 * 3 / 2), math.sqrt(0 + 1 * 3 / 2), math.sqrt(100 * 3 / 200 + 0)]
    assert distances(cases, today) == pytest.approx(expected, abs=1e-8)


def test_a_feature_that_does_not_vary_tells_nothing_apart() -> None:
    assert distances([features(), features()], features(rsi14=5.0)) == [0.0, 0.0]


def _cases() -> list[object]:
    changes = (0.05, 0.04, 0.03, 0.02, -0.05, -0.04, -0.03, -0.02)
    return [labelled_forecast(forecast_outcome(n, change, features=features(rsi14=RSI[n]))) for n, change in enumerate(changes)]


def test_the_nearest_cases_are_shown_in_the_order_of_their_weight() -> None:
    selection = select_forecasts(_cases(), SIMILARITY, today=features(rsi14=62.0))  # type: ignore[arg-type]
    assert selection is not None
    # Right: RSI 30, 40, 50, 60 -> the nearest three; wrong: 70, 80, 35, 45.
    assert [SESSIONS.index(each.case.session) for each in selection.successes] == [1, 2, 3]
    assert [SESSIONS.index(each.case.session) for each in selection.failures] == [4, 5, 7]


def test_the_default_ranking_does_not_look_at_today() -> None:
    plain = select_forecasts(_cases(), ReflectionSettings())  # type: ignore[arg-type]
    assert plain == select_forecasts(_cases(), ReflectionSettings(), today=features(rsi14=1.0))  # type: ignore[arg-type]


def _memory(count: int) -> LessonMemory:
    memory = LessonMemory("ACME", SIMILARITY)
    for n in range(count):
        memory.add(forecast_outcome(n, (0.05, 0.04, 0.03, 0.02, -0.05, -0.04, -0.03, -0.02)[n % 8], features=features(rsi14=RSI[n % 8])))
    return memory


def test_what_becomes_known_later_changes_neither_scale_nor_choice() -> None:
    moment = {"as_of": close_at(SESSIONS[8]), "session": SESSIONS[8], "window_start": SESSIONS[0], "today": features(rsi14=62.0)}
    assert _memory(8).experience("forecasting", **moment) == _memory(16).experience("forecasting", **moment)  # type: ignore[arg-type]


def test_another_today_is_another_lesson_from_the_same_outcomes() -> None:
    memory = _memory(8)
    moment = {"as_of": close_at(SESSIONS[9]), "window_start": SESSIONS[0]}
    calm = memory.experience("forecasting", session=SESSIONS[8], today=features(rsi14=30.0), **moment)  # type: ignore[arg-type]
    hot = memory.experience("forecasting", session=SESSIONS[9], today=features(rsi14=80.0), **moment)  # type: ignore[arg-type]
    again = memory.experience("forecasting", session=SESSIONS[9], today=features(rsi14=30.0), **moment)  # type: ignore[arg-type]
    assert calm is not None
    assert hot is not None
    assert calm.outcome_ids == hot.outcome_ids
    assert calm.case_ids != hot.case_ids
    assert calm.lesson_id != hot.lesson_id
    assert again is calm
    assert calm.text.endswith(SIMILAR)
