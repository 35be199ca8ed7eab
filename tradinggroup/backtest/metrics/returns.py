"""Return, volatility and the ratios of the two. All of them look at the equity of n closes, and at its n - 1 returns."""

from __future__ import annotations

import math

import numpy as np

from tradinggroup.backtest.metrics.series import ZERO_VOLATILITY, UndefinedError, Values, require_sessions, session_returns
from tradinggroup.settings import SESSIONS_PER_YEAR


def total_return_fraction(equity_usd: Values) -> float:
    """Last value over the first, less one. Undefined without a value.

    The first value stands at the first session's close, before any order could fill: it is the opening cash.
    """
    require_sessions(equity_usd, 1)
    return float(equity_usd[-1] / equity_usd[0] - 1)


def annual_return_fraction(equity_usd: Values) -> float:
    """(last over first value)^(252 / (n - 1)) - 1: the steady yearly return that comes to the same.

    Undefined under 2 values, and where the gain of a few sessions compounds beyond what a float can hold. Over less than a year
    it is an extrapolation. Agrees with `quantstats.stats.cagr` and `empyrical.annual_return`.
    """
    require_sessions(equity_usd, 2)
    try:
        return math.pow(equity_usd[-1] / equity_usd[0], SESSIONS_PER_YEAR / (len(equity_usd) - 1)) - 1
    except OverflowError:
        raise UndefinedError(f"the return of {len(equity_usd)} sessions is too large to be scaled to a year") from None


def annual_volatility_fraction(equity_usd: Values) -> float:
    """Sample deviation (n - 2 degrees of freedom for n values) of the session returns, times the root of 252.

    Undefined under 3 values. Agrees with `quantstats.stats.volatility`, `empyrical.annual_volatility` and FINSABER (spec 9.3).
    """
    require_sessions(equity_usd, 3)
    return float(np.std(session_returns(equity_usd), ddof=1) * np.sqrt(SESSIONS_PER_YEAR))


def sharpe_ratio(equity_usd: Values, *, cash_rate_per_year: float) -> float:
    """(252 * mean session return - cash rate) over the annual volatility. Undefined under 3 values, or without volatility.

    The rate is subtracted once a year, not compounded by session: as in FINSABER's engine for agents (spec 9.3).
    With a rate of 0 it agrees with `quantstats.stats.sharpe` and `empyrical.sharpe_ratio`.
    """
    volatility = annual_volatility_fraction(equity_usd)
    if volatility < ZERO_VOLATILITY:
        raise UndefinedError("no volatility")
    return float((SESSIONS_PER_YEAR * np.mean(session_returns(equity_usd)) - cash_rate_per_year) / volatility)


def sortino_ratio(equity_usd: Values, *, cash_rate_per_year: float) -> float:
    """(252 * mean session return - cash rate) over the annual downside deviation.

    The downside deviation is the root of the mean over all n - 1 returns (no degree of freedom lost) of min(0, return - rate/252)
    squared, times the root of 252. Undefined under 3 values, or where no return falls short of the rate. With a rate of 0 it
    agrees with `quantstats.stats.sortino` and `empyrical.sortino_ratio`.
    """
    require_sessions(equity_usd, 3)
    returns = session_returns(equity_usd)
    short = np.minimum(returns - cash_rate_per_year / SESSIONS_PER_YEAR, 0.0)
    downside = float(np.sqrt(np.mean(short**2) * SESSIONS_PER_YEAR))
    if downside < ZERO_VOLATILITY:
        raise UndefinedError("no session fell short of the cash rate")
    return float((SESSIONS_PER_YEAR * np.mean(returns) - cash_rate_per_year) / downside)
