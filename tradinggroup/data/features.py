"""Technical features from closes alone (spec 4.1), as fractions.

All windows end with the last close given; nothing later is ever looked at.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Features:
    """Features of one symbol at one session's close. Distances and volatilities are fractions (0.02 is 2 %)."""

    return_1_fraction: float
    """Simple return of the last session."""
    return_5_fraction: float
    return_20_fraction: float
    rsi14: float
    """Relative strength index, 0 to 100, Wilder smoothing."""
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
    """HV-10: population deviation of the last 10 log returns, times the root of 252."""
    simplified_atr_fraction: float
    """Population deviation of the last 20 log returns (spec eq. 2)."""
    breakout_threshold_fraction: float
    sigma10_fraction: float
    """Population deviation of the last 10 log returns, not annualised: scales stop and target (spec 6.1)."""
    mean_absolute_return_fraction: float
    """Mean absolute log return of the last 20 sessions: scales the sideways band (spec 8.3)."""
