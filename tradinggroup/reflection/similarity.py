"""How like today the sessions of past cases were (spec 4.4, similarity ranking)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tradinggroup.data.features import Features

COMPARED = ("rsi14", "volatility_per_year_fraction", "distance_to_mean_fraction", "distance_to_high_fraction")
"""The features that the spec names for the comparison."""
_DECIMALS = 9


def distances(cases: Sequence[Features], today: Features) -> list[float]:
    """Euclidean distance of each case to `today` over z-scored features, rounded so that equal ones tie everywhere.

    Mean and deviation of a feature come from `cases` alone, which are known by now; one that is the same in all of them tells
    nothing apart and is left out.
    """
    squares = [_squared_gaps([getattr(case, name) for case in cases], getattr(today, name)) for name in COMPARED]
    return [round(math.sqrt(math.fsum(column[place] for column in squares)), _DECIMALS) for place in range(len(cases))]


def _squared_gaps(values: Sequence[float], now: float) -> list[float]:
    """(value - now)^2 over the variance of the values; zeros where they do not vary."""
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
    if variance <= _SMALLEST_VARIANCE:
        return [0.0] * len(values)
    return [(value - now) ** 2 / variance for value in values]


_SMALLEST_VARIANCE = 1e-18
"""Below it the values differ by rounding only."""
