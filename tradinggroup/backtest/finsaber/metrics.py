"""Metrics of the convention, under the names of the convention `default` but by the formulas of the paper's baselines.

Every calendar day is a bar, and a year still has 252 of them: volatility and Sharpe ratio are not those of exchange sessions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.metrics import ALL
from tradinggroup.backtest.sink import Row

BARS_PER_YEAR = 252
CASH_RATE_PER_YEAR = 0.03

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FinsaberMetrics:
    """What one account, or ALL, did. None where undefined; `undefined` then says why, by field name."""

    calendar_days: int
    total_return_fraction: float
    annual_volatility_fraction: float | None
    sharpe_ratio: float | None
    max_drawdown_fraction: float
    exposure_fraction: float
    turnover_per_year: float
    commission_usd: float
    trades: int
    open_positions: int
    undefined: Mapping[str, str]

    def to_plain(self) -> dict[str, Any]:
        """All fields by name, for JSON."""
        return {**asdict(self), "undefined": dict(self.undefined)}


def finsaber_metrics(
    equity: Mapping[str, Sequence[Row]], fills: Mapping[str, Sequence[Row]], *, cash_usd: float, first_bar: int
) -> dict[str, FinsaberMetrics]:
    """Metrics of each account that has rows and, where all have the same days, of ALL, the sum of the accounts by day.

    Args:
        equity: symbol -> rows by calendar day, one at least.
        fills: symbol -> rows; a symbol without a fill may be missing.
        cash_usd: opening cash of each account.
        first_bar: number of the first bar on which the baseline may act, from 0 on; volatility starts there.
    """
    accounts = {symbol: _Account.of(rows, fills.get(symbol, ()), cash_usd) for symbol, rows in equity.items()}
    found = {symbol: account.metrics(first_bar) for symbol, account in accounts.items()}
    days = {tuple(row["session"] for row in rows) for rows in equity.values()}
    if len(days) == 1:
        found[ALL] = _summed(list(accounts.values())).metrics(first_bar)
    return found


def sharpe_ratio(values: Values, *, cash_usd: float) -> float | None:
    """(mean of r - daily rate) over the population deviation of it, times the root of 252. None without volatility.

    r is the return of every bar, the first one against the opening cash; the daily rate is 1.03^(1/252) - 1.
    """
    before = np.concatenate([[cash_usd], values[:-1]])
    excess = values / before - 1 - ((1 + CASH_RATE_PER_YEAR) ** (1 / BARS_PER_YEAR) - 1)
    deviation = float(np.std(excess))
    return float(np.mean(excess) / deviation * math.sqrt(BARS_PER_YEAR)) if deviation > 0 else None


def volatility_fraction(values: Values) -> float | None:
    """Sample deviation of the changes between the bars, times the root of 252; None under two changes."""
    if len(values) < 3:
        return None
    return float(np.std(values[1:] / values[:-1] - 1, ddof=1) * math.sqrt(BARS_PER_YEAR))


def max_drawdown_fraction(values: Values) -> float:
    """The deepest fall below the highest value before, over all bars; zero or negative."""
    return float(np.min(values / np.maximum.accumulate(values) - 1))


def round_trips(shares: npt.NDArray[np.int64]) -> int:
    """How often a position, long or short, was closed or turned over between two closes."""
    before, after = np.sign(shares[:-1]), np.sign(shares[1:])
    return int(np.count_nonzero((before != 0) & (before != after)))


@dataclass(frozen=True, slots=True)
class _Account:
    values: Values
    cash_usd: float
    invested_usd: Values
    traded_usd: float
    commission_usd: float
    trades: int
    open_positions: int

    @classmethod
    def of(cls, rows: Sequence[Row], fills: Sequence[Row], cash_usd: float) -> _Account:
        values = np.array([row["equity_usd"] for row in rows], dtype=np.float64)
        shares = np.array([row["shares"] for row in rows], dtype=np.int64)
        return cls(
            values=values,
            cash_usd=cash_usd,
            invested_usd=values - np.array([row["cash_usd"] for row in rows], dtype=np.float64),
            traded_usd=math.fsum(abs(fill["shares"]) * fill["price_usd"] for fill in fills),
            commission_usd=math.fsum(fill["commission_usd"] for fill in fills),
            trades=round_trips(shares),
            open_positions=int(shares[-1] != 0),
        )

    def metrics(self, first_bar: int) -> FinsaberMetrics:
        acting = self.values[first_bar:]
        volatility, sharpe = volatility_fraction(acting), sharpe_ratio(self.values, cash_usd=self.cash_usd)
        if volatility == 0:  # as the convention prints it
            sharpe = 0.0
        undefined = {} if volatility is not None else {"annual_volatility_fraction": f"{len(acting)} bars after the warm-up; 3 are needed"}
        if sharpe is None:
            undefined["sharpe_ratio"] = "no volatility"
        return FinsaberMetrics(
            calendar_days=len(self.values),
            total_return_fraction=float(self.values[-1] / self.cash_usd - 1),
            annual_volatility_fraction=volatility,
            sharpe_ratio=sharpe,
            max_drawdown_fraction=max_drawdown_fraction(self.values),
            exposure_fraction=float(np.mean(self.invested_usd / self.values)),
            turnover_per_year=float(self.traded_usd / np.mean(self.values) * BARS_PER_YEAR / len(self.values)),
            commission_usd=self.commission_usd,
            trades=self.trades,
            open_positions=self.open_positions,
            undefined=undefined,
        )


def _summed(accounts: Sequence[_Account]) -> _Account:
    return _Account(
        values=np.sum([account.values for account in accounts], axis=0),
        cash_usd=math.fsum(account.cash_usd for account in accounts),
        invested_usd=np.sum([account.invested_usd for account in accounts], axis=0),
        traded_usd=math.fsum(account.traded_usd for account in accounts),
        commission_usd=math.fsum(account.commission_usd for account in accounts),
        trades=sum(account.trades for account in accounts),
        open_positions=sum(account.open_positions for account in accounts),
    )
