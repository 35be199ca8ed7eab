"""Metrics of accounts, as functions of their equity rows and fills (design 9).

An account has one equity row for each of the n sessions of its window, valued at that session's close; n rows give n - 1
returns. ALL is the sum of the accounts by session. Nothing here reads a bar or a model: anyone can recompute a run's metrics
from `equity.csv` and `fills.csv`. Formulas, units and edge cases stand in `docs/metrics.md` too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.sink import Row
from tradinggroup.settings import SESSIONS_PER_YEAR

ALL = "ALL"
ZERO_VOLATILITY = 1e-12
"""Annual volatility below this is rounding: no risk was taken."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What one account, or ALL, did in a window. None where undefined; `undefined` then says why, by field name."""

    sessions: int
    total_return_fraction: float | None
    annual_volatility_fraction: float | None
    sharpe_ratio: float | None
    max_drawdown_fraction: float | None
    exposure_fraction: float | None
    turnover_per_year: float | None
    commission_usd: float
    trades: int
    open_positions: int
    undefined: Mapping[str, str]

    def to_plain(self) -> dict[str, Any]:
        """All fields by name, for JSON."""
        return {**asdict(self), "undefined": dict(self.undefined)}


def metrics_by_symbol(
    equity: Mapping[str, Sequence[Row]], fills: Mapping[str, Sequence[Row]], *, cash_rate_per_year: float
) -> dict[str, Metrics]:
    """Metrics of each account and, last, of ALL.

    Args:
        equity: symbol -> rows of `equity.csv`, by session; every symbol has the same sessions.
        fills: symbol -> rows of `fills.csv`; a symbol without a fill may be missing.
        cash_rate_per_year: what idle cash earned, and Sharpe subtracts.

    Raises:
        ValueError: where symbols have different sessions, or there is no symbol.
    """
    accounts = {symbol: _Account.of(rows, fills.get(symbol, ())) for symbol, rows in equity.items()}
    found = {symbol: account.metrics(cash_rate_per_year) for symbol, account in accounts.items()}
    sessions = {tuple(row["session"] for row in rows) for rows in equity.values()}
    if len(sessions) != 1:
        raise ValueError("metrics of ALL need accounts with the same sessions")
    found[ALL] = _summed(list(accounts.values())).metrics(cash_rate_per_year)
    return found


def session_returns(equity_usd: Values) -> Values:
    """Simple returns from one close to the next, shape (n - 1,) for n values."""
    return equity_usd[1:] / equity_usd[:-1] - 1


def total_return_fraction(equity_usd: Values) -> float | None:
    """Last value over the first, less one. None without a value.

    The first value stands at the first session's close, before any order could fill: it is the opening cash.
    """
    return float(equity_usd[-1] / equity_usd[0] - 1) if len(equity_usd) else None


def annual_volatility_fraction(equity_usd: Values) -> float | None:
    """Sample deviation (n - 2 degrees of freedom for n values) of the session returns, times the root of 252.

    None under 3 values. Agrees with `empyrical.annual_volatility`, `quantstats.stats.volatility` and FINSABER (spec 9.3).
    """
    if len(equity_usd) < 3:
        return None
    return float(np.std(session_returns(equity_usd), ddof=1) * np.sqrt(SESSIONS_PER_YEAR))


def sharpe_ratio(equity_usd: Values, *, cash_rate_per_year: float) -> float | None:
    """(252 * mean session return - cash rate) over the annual volatility. None under 3 values, or without volatility.

    The rate is subtracted once a year, not compounded by session: as in FINSABER's engine for agents (spec 9.3).
    With a rate of 0 it agrees with `empyrical.sharpe_ratio` and `quantstats.stats.sharpe`.
    """
    volatility = annual_volatility_fraction(equity_usd)
    if volatility is None or volatility < ZERO_VOLATILITY:
        return None
    return float((SESSIONS_PER_YEAR * np.mean(session_returns(equity_usd)) - cash_rate_per_year) / volatility)


def max_drawdown_fraction(equity_usd: Values) -> float | None:
    """The deepest fall of a value below the highest one before it, the opening value included; zero or negative.

    None without a value. Agrees with `empyrical.max_drawdown`, quantstats and FINSABER; vectorbt prints it positive.
    """
    if not len(equity_usd):
        return None
    return float(np.min(equity_usd / np.maximum.accumulate(equity_usd) - 1))


def exposure_fraction(equity_usd: Values, position_usd: Values) -> float | None:
    """Mean over all closes of the position's share of the equity, 0 to 1. None without a value."""
    return float(np.mean(position_usd / equity_usd)) if len(equity_usd) else None


def turnover_per_year(equity_usd: Values, traded_usd: float) -> float | None:
    """Value bought plus value sold, over the mean equity, scaled from the window to 252 sessions; positive.

    Buying everything once in a year and selling it once is 2. None under 2 values.
    """
    if len(equity_usd) < 2:
        return None
    return float(traded_usd / np.mean(equity_usd) * SESSIONS_PER_YEAR / (len(equity_usd) - 1))


def round_trips(shares: npt.NDArray[np.int64]) -> int:
    """Closed round trips: how often the shares went from some to none between two closes."""
    return int(np.count_nonzero((shares[:-1] > 0) & (shares[1:] == 0)))


@dataclass(frozen=True, slots=True)
class _Account:
    equity_usd: Values
    position_usd: Values
    traded_usd: float
    commission_usd: float
    trades: int
    open_positions: int

    @classmethod
    def of(cls, rows: Sequence[Row], fills: Sequence[Row]) -> _Account:
        equity_usd = np.array([row["equity_usd"] for row in rows], dtype=np.float64)
        shares = np.array([row["shares"] for row in rows], dtype=np.int64)
        return cls(
            equity_usd=equity_usd,
            position_usd=np.array([row["shares"] * (row["close_usd"] or 0.0) for row in rows], dtype=np.float64),
            traded_usd=math.fsum(abs(fill["shares"]) * fill["price_usd"] for fill in fills),
            commission_usd=math.fsum(fill["commission_usd"] for fill in fills),
            trades=round_trips(shares),
            open_positions=int(len(shares) > 0 and shares[-1] > 0),
        )

    def metrics(self, cash_rate_per_year: float) -> Metrics:
        volatility = annual_volatility_fraction(self.equity_usd)
        return Metrics(
            sessions=len(self.equity_usd),
            total_return_fraction=total_return_fraction(self.equity_usd),
            annual_volatility_fraction=volatility,
            sharpe_ratio=sharpe_ratio(self.equity_usd, cash_rate_per_year=cash_rate_per_year),
            max_drawdown_fraction=max_drawdown_fraction(self.equity_usd),
            exposure_fraction=exposure_fraction(self.equity_usd, self.position_usd),
            turnover_per_year=turnover_per_year(self.equity_usd, self.traded_usd),
            commission_usd=self.commission_usd,
            trades=self.trades,
            open_positions=self.open_positions,
            undefined=_reasons(len(self.equity_usd), volatility),
        )


def _summed(accounts: Sequence[_Account]) -> _Account:
    return _Account(
        equity_usd=np.sum([account.equity_usd for account in accounts], axis=0),
        position_usd=np.sum([account.position_usd for account in accounts], axis=0),
        traded_usd=math.fsum(account.traded_usd for account in accounts),
        commission_usd=math.fsum(account.commission_usd for account in accounts),
        trades=sum(account.trades for account in accounts),
        open_positions=sum(account.open_positions for account in accounts),
    )


def _reasons(sessions: int, volatility: float | None) -> dict[str, str]:
    """Why which metrics are None, in the order of the fields."""
    reasons = {}
    if sessions == 0:
        reasons.update(dict.fromkeys(("total_return_fraction", "max_drawdown_fraction", "exposure_fraction"), "no session"))
    if volatility is None:
        reasons["annual_volatility_fraction"] = reasons["sharpe_ratio"] = f"{sessions} sessions; at least 3 are needed"
    elif volatility < ZERO_VOLATILITY:
        reasons["sharpe_ratio"] = "no volatility"
    if sessions < 2:
        reasons["turnover_per_year"] = f"{sessions} sessions; at least 2 are needed"
    return reasons
