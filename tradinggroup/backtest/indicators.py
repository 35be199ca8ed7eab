"""Indicators over a whole series, each value from the values up to its own place only.

All take and give arrays of shape (n,). A value is NaN where there is not enough before it, so that every comparison with it is
false. Sums run oldest first, term by term: the same bits on every machine, and a longer series changes no earlier value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]


def simple_average(values: Values, length: int) -> Values:
    """Mean of the last `length` values."""
    return _windowed_sum(values, [1.0] * length) / length


def weighted_average(values: Values, length: int) -> Values:
    """Mean of the last `length` values with linear weights: the newest counts `length` times the oldest."""
    weights = [float(weight) for weight in range(1, length + 1)]
    return _windowed_sum(values, weights) * (2.0 / (length * (length + 1)))


def population_deviation(values: Values, length: int) -> Values:
    """Deviation of the last `length` values, divided by their number."""
    spread = simple_average(values * values, length) - simple_average(values, length) ** 2
    return np.sqrt(np.abs(spread))


def average_true_range(high: Values, low: Values, close: Values, length: int) -> Values:
    """Wilder's average of max(high, previous close) - min(low, previous close).

    The first one is the plain mean of the first `length` ranges; the first value has none, because nothing is before it.
    """
    ranges = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    found = np.full(len(close), np.nan)
    if len(ranges) < length:
        return found
    average = math.fsum(ranges[:length].tolist()) / length
    found[length] = average
    for place, true_range in enumerate(ranges[length:].tolist(), start=length + 1):
        average = ((length - 1) * average + true_range) / length
        found[place] = average
    return found


def exponential_average(values: Values, span: int) -> Values:
    """Exponential mean of weight 2 / (span + 1), begun with the first value, without a correction for that."""
    weight = 2.0 / (span + 1)
    found = np.empty(len(values))
    average = np.nan
    for place, value in enumerate(values.tolist()):
        average = value if place == 0 else (1 - weight) * average + weight * value
        found[place] = average
    return found


def _windowed_sum(values: Values, weights: Sequence[float]) -> Values:
    """Sum over the last `len(weights)` values times their weights, oldest first."""
    found = np.full(len(values), np.nan)
    count = len(values) - len(weights) + 1
    if count > 0:
        total = np.zeros(count)
        for offset, weight in enumerate(weights):
            total = total + weight * values[offset : offset + count]
        found[len(weights) - 1 :] = total
    return found
