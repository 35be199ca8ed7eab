"""P-values of resampled differences, and what is left of several of them together."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tradinggroup.backtest.metrics.series import Values


def two_sided_p_value(resampled: Values) -> float:
    """P-value of the hypothesis that a difference is zero, from its resampled values (draws,).

    Twice the smaller share of draws on one side of zero, those on zero counted on both, with one added to each count and to the
    draws, at most 1. It is below 5 % where the 95 % interval of the same draws leaves zero out.
    """
    draws = len(resampled)
    smaller = min(int(np.count_nonzero(resampled <= 0)), int(np.count_nonzero(resampled >= 0)))
    return min(1.0, 2 * (smaller + 1) / (draws + 1))


def holm_adjusted(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment: what is below 5 % afterwards may be claimed together, with 5 % for any false claim at all.

    The smallest of m is multiplied by m, the next by m - 1, and so on; none falls below an earlier one, none rises above 1.
    """
    ascending = sorted(p_values, key=lambda name: (p_values[name], name))
    adjusted: dict[str, float] = {}
    floor = 0.0
    for place, name in enumerate(ascending):
        floor = max(floor, min(1.0, (len(ascending) - place) * p_values[name]))
        adjusted[name] = floor
    return {name: adjusted[name] for name in p_values}
