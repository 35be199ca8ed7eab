"""How much was held, traded and paid for trading."""

from __future__ import annotations

import numpy as np

from tradinggroup.backtest.metrics.series import Values, require_sessions
from tradinggroup.settings import SESSIONS_PER_YEAR

BPS = 10_000


def exposure_fraction(equity_usd: Values, position_usd: Values) -> float:
    """Mean over all closes of the position's share of the equity, 0 to 1. Undefined without a value.

    `quantstats.stats.exposure` counts the sessions with a return other than zero instead.
    """
    require_sessions(equity_usd, 1)
    return float(np.mean(position_usd / equity_usd))


def turnover_per_year(equity_usd: Values, traded_usd: float) -> float:
    """Value bought plus value sold, over the mean equity, scaled from the window to 252 sessions; positive.

    Buying everything once in a year and selling it once is 2. Undefined under 2 values.
    """
    require_sessions(equity_usd, 2)
    return float(traded_usd / np.mean(equity_usd) * SESSIONS_PER_YEAR / (len(equity_usd) - 1))


def cost_bps_per_year(equity_usd: Values, cost_usd: float) -> float:
    """A cost in basis points of the mean equity, scaled from the window to 252 sessions; positive. Undefined under 2 values."""
    return turnover_per_year(equity_usd, cost_usd) * BPS
