"""The hybrid gate between forecast and decision (spec 4.3): four tests, the first that holds decides.

1. hard: overheated, and far from a valid breakout -> sideways (do not chase tops)
2. soft: p_up above its threshold with a bullish pattern, breakout or healthy pullback -> up
3. soft: p_down above its threshold -> down
4. default: sideways
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tradinggroup.agents.outputs import Label
from tradinggroup.data.features import Features
from tradinggroup.settings import ForecastSettings


@dataclass(frozen=True, slots=True)
class GateResult:
    """The trend that passed, and which test decided."""

    label: Label
    test: Literal["hard", "soft", "default"]


def gate(features: Features, *, p_up: float, p_down: float, settings: ForecastSettings) -> GateResult:
    """Apply the four tests in order. Probabilities and distances are fractions."""
    if features.rsi14 > settings.rsi_high and _far_from_breakout(features, settings):
        return GateResult("sideways", "hard")
    if p_up > settings.threshold_up and (is_breakout(features, settings) or is_pullback(features, settings)):
        return GateResult("up", "soft")
    if p_down > settings.threshold_down:
        return GateResult("down", "soft")
    return GateResult("sideways", "default")


def is_breakout(features: Features, settings: ForecastSettings) -> bool:
    """A new high of the window; unless only that counts, also a gap below the high that is within the breakout threshold."""
    is_near = settings.breakout == "near" and -features.distance_to_high_fraction <= features.breakout_threshold_fraction
    return features.is_new_high or is_near


def is_pullback(features: Features, settings: ForecastSettings) -> bool:
    """A healthy pullback: oversold, and at or slightly below the mean."""
    return -settings.pullback_fraction <= features.distance_to_mean_fraction <= 0 and features.rsi14 < settings.rsi_low


def _far_from_breakout(features: Features, settings: ForecastSettings) -> bool:
    """Reading A: the gap below the window's high exceeds the threshold. B: the margin over the previous high is below it."""
    if settings.gate_reading == "A":
        return -features.distance_to_high_fraction > features.breakout_threshold_fraction
    return features.distance_to_previous_high_fraction < features.breakout_threshold_fraction
