"""Technical features from closes alone (spec 4.1), as fractions.

All windows end with the last close given; nothing later is ever looked at. Sums are exact (`math.fsum`) and logarithms
scalar, so that a processor with wider vector units computes the same bits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from tradinggroup.settings import SESSIONS_PER_YEAR, ForecastSettings

HISTORY_CLOSES = 150
"""Closes the desk passes: Wilder's smoothing has forgotten its start to one part in ten thousand by then."""

MINIMUM_CLOSES = 21
FLAT_RSI = 50.0


@dataclass(frozen=True, slots=True)
class Features:
    """Features of one symbol at one session's close. Distances and volatilities are fractions (0.02 is 2 %)."""

    return_1_fraction: float
    """Simple return of the last session."""
    return_5_fraction: float
    return_20_fraction: float
    rsi14: float
    """Relative strength index, 0 to 100, smoothed as `rsi_smoothing` says."""
    distance_to_high_fraction: float
    """Close over the highest of the last 20 closes, less one: zero or negative."""
    distance_to_low_fraction: float
    """Close over the lowest of the last 20 closes, less one: zero or positive."""
    distance_to_mean_fraction: float
    """Close over the mean of the last 20 closes, less one."""
    distance_to_previous_high_fraction: float
    """Close over the highest of the 20 closes before the last, less one (gate reading B)."""
    is_new_high: bool
    is_new_low: bool
    volatility_per_year_fraction: float
    """HV-10: deviation of the last 10 log returns, times the root of 252. All deviations are as `deviation` says."""
    simplified_atr_fraction: float
    """Deviation of the last 20 log returns (spec eq. 2)."""
    breakout_threshold_fraction: float
    sigma10_fraction: float
    """Deviation of the last 10 log returns, not annualised: scales stop and target (spec 6.1)."""
    mean_absolute_return_fraction: float
    """Mean absolute log return of the last 20 sessions: scales the sideways band (spec 8.3)."""


def closes_needed(settings: ForecastSettings) -> int:
    """Closes below which there are no features: the longest window and the return into it (21 with the default settings)."""
    return max(MINIMUM_CLOSES, settings.window_sessions + 1, settings.rsi_sessions + 1, settings.volatility_sessions + 1)


def closes_passed(settings: ForecastSettings) -> int:
    """Closes that the desk passes where there are so many."""
    return max(HISTORY_CLOSES, closes_needed(settings))


def compute_features(closes_usd: npt.NDArray[np.float64], settings: ForecastSettings) -> Features | None:
    """Features at the last of `closes_usd` (n_sessions,), oldest first, positive, on one scale.

    None where there are fewer than `closes_needed`.
    """
    closes = closes_usd.tolist()
    window = settings.window_sessions
    if len(closes) < closes_needed(settings):
        return None
    close = closes[-1]
    recent = closes[-window:]
    log_returns = _log_returns(closes, max(window, settings.volatility_sessions))
    sigma = _deviation(log_returns[-settings.volatility_sessions :], settings.deviation)
    simplified_atr = _deviation(log_returns[-window:], settings.deviation)
    return Features(
        return_1_fraction=close / closes[-2] - 1,
        return_5_fraction=close / closes[-6] - 1,
        return_20_fraction=close / closes[-21] - 1,
        rsi14=relative_strength_index(closes, settings.rsi_sessions, smoothing=settings.rsi_smoothing),
        distance_to_high_fraction=close / max(recent) - 1,
        distance_to_low_fraction=close / min(recent) - 1,
        distance_to_mean_fraction=close / (math.fsum(recent) / window) - 1,
        distance_to_previous_high_fraction=close / max(closes[-window - 1 : -1]) - 1,
        is_new_high=close == max(recent),
        is_new_low=close == min(recent),
        volatility_per_year_fraction=sigma * math.sqrt(SESSIONS_PER_YEAR),
        simplified_atr_fraction=simplified_atr,
        breakout_threshold_fraction=max(settings.breakout_minimum_fraction, settings.breakout_factor * simplified_atr),
        sigma10_fraction=sigma,
        mean_absolute_return_fraction=math.fsum(abs(value) for value in log_returns[-window:]) / window,
    )


def sigma10_fraction(closes_usd: npt.NDArray[np.float64], settings: ForecastSettings) -> float | None:
    """`Features.sigma10_fraction` alone, to the bit, from `closes_usd` (n_sessions,); None where there are too few for it."""
    count = settings.volatility_sessions
    if len(closes_usd) <= count:
        return None
    return _deviation(_log_returns(closes_usd.tolist(), count), settings.deviation)


def relative_strength_index(closes: Sequence[float], length: int, *, smoothing: Literal["wilder", "mean"] = "wilder") -> float:
    """Index of the last close, 0 to 100 (spec 4.1).

    `wilder`: the mean of the first `length` changes, then smoothed by 1 / `length`. Agrees with TA-Lib's RSI, except that
    prices that never moved give 50 (neither bought nor sold) where TA-Lib gives 0. `mean`: of the last `length` changes only.
    """
    changes = [after - before for before, after in itertools.pairwise(closes)]
    if smoothing == "mean":
        changes = changes[-length:]
    gain = math.fsum(change for change in changes[:length] if change > 0) / length
    loss = math.fsum(-change for change in changes[:length] if change < 0) / length
    for change in changes[length:]:
        gain = (gain * (length - 1) + (change if change > 0 else 0.0)) / length
        loss = (loss * (length - 1) + (-change if change < 0 else 0.0)) / length
    return 100 * (gain / (gain + loss)) if gain + loss > 0 else FLAT_RSI


def _log_returns(closes: Sequence[float], count: int) -> list[float]:
    """The last `count` log returns, oldest first."""
    tail = closes[-count - 1 :]
    return [math.log(after / before) for before, after in itertools.pairwise(tail)]


def _deviation(values: Sequence[float], kind: Literal["population", "sample"]) -> float:
    """Root of the squared distances to the mean over n (`population`, as in spec eq. 2) or n - 1; 0 of a single value."""
    mean = math.fsum(values) / len(values)
    divisor = len(values) if kind == "population" else max(1, len(values) - 1)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / divisor)
