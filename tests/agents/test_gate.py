from dataclasses import replace

import pytest

from tests.agents.fakes import FEATURES
from tradinggroup.agents.gate import GateResult, gate
from tradinggroup.settings import ForecastSettings

OVERHEATED = {"rsi14": 75.0}
NEAR_HIGH = {"distance_to_high_fraction": -0.008}
PULLBACK = {"rsi14": 35.0, "distance_to_mean_fraction": -0.02, "distance_to_high_fraction": -0.06}


@pytest.mark.parametrize(
    ("changes", "p_up", "p_down", "expected"),
    [
        # 1. the hard intercept comes first, also for a certain rise or fall
        (OVERHEATED, 0.9, 0.05, ("sideways", "hard")),
        (OVERHEATED, 0.05, 0.9, ("sideways", "hard")),
        (OVERHEATED | NEAR_HIGH, 0.9, 0.05, ("up", "soft")),
        (OVERHEATED | {"distance_to_high_fraction": -0.01}, 0.9, 0.05, ("up", "soft")),  # at the threshold is not beyond it
        ({"rsi14": 70.0}, 0.9, 0.05, ("sideways", "default")),  # 70 itself is not overheated; no pattern either
        # 2. up needs a pattern
        (NEAR_HIGH, 0.56, 0.2, ("up", "soft")),
        (NEAR_HIGH, 0.55, 0.2, ("sideways", "default")),
        ({"is_new_high": True, "distance_to_high_fraction": 0.0}, 0.6, 0.2, ("up", "soft")),
        ({}, 0.9, 0.05, ("sideways", "default")),
        (PULLBACK, 0.6, 0.2, ("up", "soft")),
        (PULLBACK | {"distance_to_mean_fraction": -0.03}, 0.6, 0.2, ("up", "soft")),
        (PULLBACK | {"distance_to_mean_fraction": -0.031}, 0.6, 0.2, ("sideways", "default")),
        (PULLBACK | {"distance_to_mean_fraction": 0.0}, 0.6, 0.2, ("up", "soft")),
        (PULLBACK | {"distance_to_mean_fraction": 0.001}, 0.6, 0.2, ("sideways", "default")),
        (PULLBACK | {"rsi14": 40.0}, 0.6, 0.2, ("sideways", "default")),
        # 3. down needs none
        ({}, 0.2, 0.56, ("down", "soft")),
        ({}, 0.2, 0.55, ("sideways", "default")),
        (NEAR_HIGH, 0.2, 0.7, ("down", "soft")),
        # 4. otherwise sideways
        (NEAR_HIGH, 1 / 3, 1 / 3, ("sideways", "default")),
    ],
)
def test_reading_a(changes: dict[str, float], p_up: float, p_down: float, expected: tuple[str, str]) -> None:
    found = gate(replace(FEATURES, **changes), p_up=p_up, p_down=p_down, settings=ForecastSettings())
    assert (found.label, found.test) == expected


@pytest.mark.parametrize(
    ("margin", "reading_a", "reading_b"),
    [(-0.005, "up", "sideways"), (0.0, "up", "sideways"), (0.0099, "up", "sideways"), (0.01, "up", "up"), (0.03, "up", "up")],
)
def test_readings_differ_by_the_margin_over_the_previous_high(margin: float, reading_a: str, reading_b: str) -> None:
    features = replace(FEATURES, rsi14=75.0, distance_to_high_fraction=min(0.0, margin), distance_to_previous_high_fraction=margin)
    found = [gate(features, p_up=0.8, p_down=0.1, settings=ForecastSettings(gate_reading=reading)).label for reading in ("A", "B")]
    assert found == [reading_a, reading_b]


def test_thresholds_are_settings() -> None:
    settings = ForecastSettings(threshold_up=0.4, threshold_down=0.9, rsi_high=90)
    features = replace(FEATURES, **OVERHEATED, **NEAR_HIGH)
    assert gate(features, p_up=0.45, p_down=0.1, settings=settings) == GateResult("up", "soft")
    assert gate(features, p_up=0.1, p_down=0.85, settings=settings) == GateResult("sideways", "default")


@pytest.mark.parametrize(
    ("changes", "near", "new_high"),
    [
        (NEAR_HIGH, ("up", "soft"), ("sideways", "default")),
        ({"is_new_high": True, "distance_to_high_fraction": 0.0}, ("up", "soft"), ("up", "soft")),
        (PULLBACK, ("up", "soft"), ("up", "soft")),
        (OVERHEATED | NEAR_HIGH, ("up", "soft"), ("sideways", "default")),  # the hard test keeps its own distance
    ],
)
def test_a_breakout_may_need_a_new_high(changes: dict[str, float], near: tuple[str, str], new_high: tuple[str, str]) -> None:
    features = replace(FEATURES, **changes)
    for breakout, expected in (("near", near), ("new_high", new_high)):
        found = gate(features, p_up=0.6, p_down=0.2, settings=ForecastSettings(breakout=breakout))
        assert (found.label, found.test) == expected
