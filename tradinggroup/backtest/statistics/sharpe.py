"""How sure a Sharpe ratio is: probabilistic Sharpe ratio and minimum track record length (Bailey and López de Prado, 2012).

Everything here is per session, never per year: `sharpe_per_session` is the mean excess return of a session over its deviation.
`kurtosis` is 3 for a normal distribution (`excess_kurtosis` of the metrics, plus 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tradinggroup.backtest.metrics.series import ZERO_VOLATILITY, UndefinedError, Values
from tradinggroup.settings import SESSIONS_PER_YEAR

NORMAL = NormalDist()
NORMAL_KURTOSIS = 3.0


@dataclass(frozen=True, slots=True)
class SharpeMoments:
    """What the formulas need to know of a series of returns."""

    sharpe_per_session: float
    returns: int
    skewness: float
    kurtosis: float

    @classmethod
    def of(cls, returns: Values, *, cash_rate_per_year: float = 0.0) -> SharpeMoments:
        """Moments of session returns (n,): the deviation with n - 1, skewness and kurtosis as central moments over n.

        Raises UndefinedError under 4 returns, or without volatility.
        """
        if len(returns) < 4:
            raise UndefinedError(f"{len(returns)} returns; at least 4 are needed")
        deviation = float(np.std(returns, ddof=1))
        if deviation * math.sqrt(SESSIONS_PER_YEAR) < ZERO_VOLATILITY:
            raise UndefinedError("no volatility")
        centred = returns - np.mean(returns)
        spread = float(np.mean(centred**2))
        return cls(
            float(np.mean(returns) - cash_rate_per_year / SESSIONS_PER_YEAR) / deviation,
            len(returns),
            float(np.mean(centred**3)) / spread**1.5,
            float(np.mean(centred**4)) / spread**2,
        )

    @property
    def spread(self) -> float:
        """1 - skewness × Sharpe + (kurtosis - 1) ÷ 4 × Sharpe²: variance of the estimated ratio, times n - 1."""
        ratio = self.sharpe_per_session
        return 1 - self.skewness * ratio + (self.kurtosis - 1) / 4 * ratio**2


def probabilistic_sharpe_ratio(moments: SharpeMoments, *, benchmark_per_session: float = 0.0) -> float:
    """Probability, 0 to 1, that the true ratio is above the benchmark: Φ((Sharpe - benchmark) × √(n - 1) ÷ √spread).

    Raises UndefinedError where skewness and kurtosis leave no positive spread.
    """
    if moments.spread <= 0:
        raise UndefinedError("skewness and kurtosis leave no spread")
    return NORMAL.cdf((moments.sharpe_per_session - benchmark_per_session) * math.sqrt(moments.returns - 1) / math.sqrt(moments.spread))


def minimum_track_record_returns(moments: SharpeMoments, *, benchmark_per_session: float = 0.0, level: float = 0.95) -> float:
    """Returns needed until the probabilistic ratio reaches `level`: 1 + spread × (Φ⁻¹(level) ÷ (Sharpe - benchmark))².

    Raises UndefinedError where the ratio is not above the benchmark: no length would do.
    """
    if moments.sharpe_per_session <= benchmark_per_session:
        raise UndefinedError("the Sharpe ratio is not above the benchmark")
    return 1 + moments.spread * (NORMAL.inv_cdf(level) / (moments.sharpe_per_session - benchmark_per_session)) ** 2
