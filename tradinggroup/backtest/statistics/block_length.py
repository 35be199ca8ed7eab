"""How long the blocks of the bootstrap are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tradinggroup.backtest.metrics.series import Values

OTHER_BLOCK_SESSIONS = (5, 10, 20)
"""Block lengths whose results stand beside, to show how much hangs on the choice."""
MOST_OF_THE_WINDOW = 5
"""A block is at most a fifth of the returns: with fewer than five blocks there is nothing to draw from (ours)."""


@dataclass(frozen=True, slots=True)
class BlockLength:
    """The mean block length in sessions, and what it was chosen from."""

    sessions: float
    politis_white_sessions: float
    mean_holding_sessions: float | None
    most_sessions: float

    @classmethod
    def choose(cls, *series: Values, holding_sessions: float | None) -> BlockLength:
        """The larger of the automatic length of any of `series` (n,) and the mean holding, at least 1, at most a fifth of n."""
        automatic = max(politis_white_sessions(each) for each in series)
        most = max(1.0, len(series[0]) / MOST_OF_THE_WINDOW)
        return cls(min(most, max(1.0, automatic, holding_sessions or 0.0)), automatic, holding_sessions, most)


def politis_white_sessions(returns: Values) -> float:
    """Automatic block length for the stationary bootstrap (Politis and White, 2004, as corrected with Patton, 2009).

    (g² n ÷ v²)^(1/3) with g = Σ λ(k/M) |k| γ(k) and v = Σ λ(k/M) γ(k) over |k| ≤ M, γ being the autocovariance and λ a flat top:
    1 up to one half, then falling to 0. M is twice the first lag from which 5 autocorrelations (more above 100,000 returns) are
    smaller than 2 √(log10 n ÷ n). At most 3 √n and n/3. Agrees with `arch.bootstrap.optimal_block_length`. 1 without volatility.
    """
    number = len(returns)
    centred = returns - np.mean(returns)
    if number < 10 or not np.any(np.abs(centred) > 1e-15):
        return 1.0
    run = max(5, int(math.log10(number)))
    most = min(math.ceil(math.sqrt(number)) + run, number - 2)
    covariances = np.array([np.sum(centred[lag:] * centred[: number - lag]) / number for lag in range(most + 1)])
    window = min(most, _window(_correlations(centred, most), run, number))
    lags = np.arange(1, window + 1)
    weights = 2 * np.minimum(1.0, 2 * (1 - lags / window)) * covariances[1 : window + 1]
    tilt, level = float(np.sum(lags * weights)), float(covariances[0] + np.sum(weights))
    longest = math.ceil(min(3 * math.sqrt(number), number / 3))
    return float(longest) if level == 0 else min(float(longest), math.cbrt(tilt**2 / level**2 * number))


def _correlations(centred: Values, most: int) -> Values:
    """Size of the correlation of the returns with those `lag` sessions before, lags 1 to `most`, each over its own two stretches."""
    found = []
    for lag in range(1, most + 1):
        later, earlier = centred[lag:], centred[:-lag]
        scale = math.sqrt(float(np.sum(later**2)) * float(np.sum(earlier**2)))
        found.append(abs(float(np.sum(later * earlier))) / scale if scale > 0 else 0.0)
    return np.array(found)


def _window(correlations: Values, run: int, number: int) -> int:
    """Twice the first lag from which `run` correlations are small; all lags where there is none."""
    small = correlations < 2 * math.sqrt(math.log10(number) / number)
    for place in range(len(small) - run + 1):
        if small[place : place + run].all():
            return 2 * (place + 1)
    return len(correlations)
