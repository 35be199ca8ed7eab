"""The bad end of the session returns, and how their distribution differs from a normal one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from tradinggroup.backtest.metrics.returns import annual_volatility_fraction
from tradinggroup.backtest.metrics.series import ZERO_VOLATILITY, UndefinedError, Values, require_sessions, session_returns

TAIL = 0.05
MINIMUM_RETURNS = 20
"""So many returns are needed for one of them to be the worst 5 %."""


def value_at_risk_fraction(equity_usd: Values) -> float:
    """The 5 % quantile of the session returns, between two of them by linear interpolation; usually negative.

    Undefined under 20 returns. Agrees with `empyrical.value_at_risk` and `pandas.Series.quantile(0.05)`;
    `quantstats.stats.value_at_risk` takes the quantile of a normal distribution instead.
    """
    return float(np.quantile(_tail_returns(equity_usd), TAIL))


def expected_shortfall_fraction(equity_usd: Values) -> float:
    """The mean of the session returns at or below the 5 % quantile; at or below `value_at_risk_fraction`.

    Undefined under 20 returns. Agrees with `quantstats.stats.expected_shortfall(method="historical")`.
    """
    returns = _tail_returns(equity_usd)
    return float(np.mean(returns[returns <= np.quantile(returns, TAIL)]))


def worst_return_fraction(equity_usd: Values) -> float:
    """The lowest session return. Undefined under 2 values. Agrees with `quantstats.stats.worst`."""
    require_sessions(equity_usd, 2)
    return float(np.min(session_returns(equity_usd)))


def worst_session(equity_usd: Values, sessions: Sequence[date]) -> date:
    """The session of the lowest return, the first of equal ones. Undefined under 2 values, or where every return is the same."""
    require_sessions(equity_usd, 2)
    returns = session_returns(equity_usd)
    if len(returns) > 1 and np.ptp(returns) < ZERO_VOLATILITY:
        raise UndefinedError("every session returned the same")
    return sessions[int(np.argmin(returns)) + 1]


def skewness(equity_usd: Values) -> float:
    """Adjusted sample skewness of the m session returns: √(m (m - 1)) / (m - 2) * m3 / m2^1.5, m2 and m3 central moments over m.

    Undefined under 3 returns, or without volatility. Agrees with `quantstats.stats.skew`, pandas and scipy (`bias=False`).
    """
    spread, count = _deviations(equity_usd, returns_needed=3)
    third = np.mean(spread**3) / np.mean(spread**2) ** 1.5
    return float(np.sqrt(count * (count - 1)) / (count - 2) * third)


def excess_kurtosis(equity_usd: Values) -> float:
    """Adjusted sample kurtosis of the m session returns less that of a normal distribution.

    (m - 1) / ((m - 2) (m - 3)) * ((m + 1) * m4 / m2^2 - 3 (m - 1)), m2 and m4 central moments over m; 0 for a normal one. Undefined
    under 4 returns, or without volatility. Agrees with `quantstats.stats.kurtosis`, pandas and scipy (`bias=False`).
    """
    spread, count = _deviations(equity_usd, returns_needed=4)
    fourth = np.mean(spread**4) / np.mean(spread**2) ** 2
    return float((count - 1) / ((count - 2) * (count - 3)) * ((count + 1) * fourth - 3 * (count - 1)))


def _tail_returns(equity_usd: Values) -> Values:
    require_sessions(equity_usd, MINIMUM_RETURNS + 1)
    return session_returns(equity_usd)


def _deviations(equity_usd: Values, *, returns_needed: int) -> tuple[Values, int]:
    """Returns less their mean, and how many; on the scale of their largest, so that no power of them is lost as too small."""
    require_sessions(equity_usd, returns_needed + 1)
    if annual_volatility_fraction(equity_usd) < ZERO_VOLATILITY:
        raise UndefinedError("no volatility")
    returns = session_returns(equity_usd)
    spread = returns - np.mean(returns)
    return spread / np.max(np.abs(spread)), len(returns)
