"""The deepest fall of the equity, when it was, and what the return was worth against it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from tradinggroup.backtest.metrics.returns import annual_return_fraction
from tradinggroup.backtest.metrics.series import ZERO_VOLATILITY, UndefinedError, Values, require_sessions


@dataclass(frozen=True, slots=True)
class Drawdown:
    """A fall of the equity between two closes. Positions count the closes from 0 on."""

    fraction: float
    """Trough over peak, less one; negative."""
    peak: int
    """The last close at the highest value before the trough."""
    trough: int
    """The first close at the lowest point of the fall."""
    recovery: int | None
    """The first close after the trough that is back at the peak's value; None where the window ends before."""


def max_drawdown_fraction(equity_usd: Values) -> float:
    """The deepest fall of a value below the highest one before it, the opening value included; zero or negative.

    Undefined without a value. Agrees with `quantstats.stats.max_drawdown`, empyrical and FINSABER; vectorbt prints it positive.
    """
    require_sessions(equity_usd, 1)
    return float(np.min(equity_usd / np.maximum.accumulate(equity_usd) - 1))


def max_drawdown(equity_usd: Values) -> Drawdown:
    """The deepest fall with its places; of equally deep ones the first. Undefined where the equity never fell."""
    require_sessions(equity_usd, 1)
    highest = np.maximum.accumulate(equity_usd)
    falls = equity_usd / highest - 1
    trough = int(np.argmin(falls))
    if falls[trough] > -ZERO_VOLATILITY:
        raise UndefinedError("no drawdown")
    peak = int(np.flatnonzero(equity_usd[:trough] == highest[trough])[-1])
    back = np.flatnonzero(equity_usd[trough:] >= highest[trough])
    return Drawdown(float(falls[trough]), peak, trough, trough + int(back[0]) if len(back) else None)


def recovery_session(equity_usd: Values, sessions: Sequence[date]) -> date:
    """When the deepest fall was made good. Undefined where there was none, or the window ends below its peak."""
    place = max_drawdown(equity_usd).recovery
    if place is None:
        raise UndefinedError("not recovered by the end")
    return sessions[place]


def calmar_ratio(equity_usd: Values) -> float:
    """Annual return over the size of the deepest fall. Undefined under 2 values, or without a fall.

    Agrees with `quantstats.stats.calmar` and `empyrical.calmar_ratio`. No rate is subtracted.
    """
    annual = annual_return_fraction(equity_usd)
    return annual / -max_drawdown(equity_usd).fraction
