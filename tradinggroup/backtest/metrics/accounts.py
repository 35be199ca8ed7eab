"""All metrics of one account or of ALL, by name: the table of formulas, and the reasons of those that have no value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from tradinggroup.backtest.metrics.activity import cost_bps_per_year, exposure_fraction, turnover_per_year
from tradinggroup.backtest.metrics.drawdowns import calmar_ratio, max_drawdown, max_drawdown_fraction, recovery_session
from tradinggroup.backtest.metrics.returns import (
    annual_return_fraction,
    annual_volatility_fraction,
    sharpe_ratio,
    sortino_ratio,
    total_return_fraction,
)
from tradinggroup.backtest.metrics.series import UndefinedError, Values
from tradinggroup.backtest.metrics.tails import (
    excess_kurtosis,
    expected_shortfall_fraction,
    skewness,
    value_at_risk_fraction,
    worst_return_fraction,
    worst_session,
)
from tradinggroup.backtest.metrics.trips import RoundTrip, average_holding_sessions, hit_rate_fraction, profit_factor, round_trips
from tradinggroup.backtest.sink import Row

ALL = "ALL"


@dataclass(frozen=True, slots=True)
class Metrics:
    """What one account, or ALL, did in a window. None where undefined; `undefined` then says why, by field name."""

    sessions: int
    total_return_fraction: float | None
    annual_return_fraction: float | None
    annual_volatility_fraction: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None
    max_drawdown_fraction: float | None
    max_drawdown_peak_session: date | None
    max_drawdown_trough_session: date | None
    max_drawdown_recovery_session: date | None
    value_at_risk_fraction: float | None
    expected_shortfall_fraction: float | None
    worst_return_fraction: float | None
    worst_session: date | None
    skewness: float | None
    excess_kurtosis: float | None
    exposure_fraction: float | None
    turnover_per_year: float | None
    commission_usd: float
    commission_bps_per_year: float | None
    slippage_usd: float
    slippage_bps_per_year: float | None
    trades: int
    open_positions: int
    hit_rate_fraction: float | None
    profit_factor: float | None
    average_holding_sessions: float | None
    undefined: Mapping[str, str]

    def to_plain(self) -> dict[str, Any]:
        """All fields by name, for JSON; sessions as ISO dates."""
        plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in asdict(self).items()}
        return {**plain, "undefined": dict(self.undefined)}


def metrics_by_symbol(
    equity: Mapping[str, Sequence[Row]], fills: Mapping[str, Sequence[Row]], *, cash_rate_per_year: float
) -> dict[str, Metrics]:
    """Metrics of each account and, last, of ALL: its equity, costs and counts are sums, its round trips those of all accounts.

    Args:
        equity: symbol -> rows of `equity.csv`, by session; every symbol has the same sessions.
        fills: symbol -> rows of `fills.csv`; a symbol without a fill may be missing.
        cash_rate_per_year: what idle cash earned, and the ratios subtract.

    Raises:
        ValueError: where symbols have different sessions, or there is no symbol.
    """
    accounts = {symbol: _Account.of(rows, fills.get(symbol, ()), cash_rate_per_year) for symbol, rows in equity.items()}
    found = {symbol: account.metrics() for symbol, account in accounts.items()}
    if len({account.sessions for account in accounts.values()}) != 1:
        raise ValueError("metrics of ALL need accounts with the same sessions")
    found[ALL] = _summed(list(accounts.values())).metrics()
    return found


@dataclass(frozen=True, slots=True)
class _Account:
    """What the formulas look at."""

    sessions: tuple[date, ...]
    equity_usd: Values
    position_usd: Values
    traded_usd: float
    commission_usd: float
    slippage_usd: float
    trips: tuple[RoundTrip, ...]
    open_positions: int
    cash_rate_per_year: float

    @classmethod
    def of(cls, rows: Sequence[Row], fills: Sequence[Row], cash_rate_per_year: float) -> _Account:
        return cls(
            sessions=tuple(row["session"] for row in rows),
            equity_usd=np.array([row["equity_usd"] for row in rows], dtype=np.float64),
            position_usd=np.array([row["shares"] * (row["close_usd"] or 0.0) for row in rows], dtype=np.float64),
            traded_usd=math.fsum(abs(fill["shares"]) * fill["price_usd"] for fill in fills),
            commission_usd=math.fsum(fill["commission_usd"] for fill in fills),
            slippage_usd=math.fsum(fill.get("slippage_usd", 0.0) for fill in fills),
            trips=round_trips(rows, fills, cash_rate_per_year=cash_rate_per_year),
            open_positions=int(len(rows) > 0 and rows[-1]["shares"] > 0),
            cash_rate_per_year=cash_rate_per_year,
        )

    def metrics(self) -> Metrics:
        values: dict[str, Any] = {}
        undefined: dict[str, str] = {}
        for name, formula in _FORMULAS.items():
            try:
                values[name] = formula(self)
            except UndefinedError as reason:
                values[name], undefined[name] = None, str(reason)
        return Metrics(**values, undefined=undefined)


_FORMULAS: Mapping[str, Callable[[_Account], float | date]] = {
    "sessions": lambda account: len(account.equity_usd),
    "total_return_fraction": lambda account: total_return_fraction(account.equity_usd),
    "annual_return_fraction": lambda account: annual_return_fraction(account.equity_usd),
    "annual_volatility_fraction": lambda account: annual_volatility_fraction(account.equity_usd),
    "sharpe_ratio": lambda account: sharpe_ratio(account.equity_usd, cash_rate_per_year=account.cash_rate_per_year),
    "sortino_ratio": lambda account: sortino_ratio(account.equity_usd, cash_rate_per_year=account.cash_rate_per_year),
    "calmar_ratio": lambda account: calmar_ratio(account.equity_usd),
    "max_drawdown_fraction": lambda account: max_drawdown_fraction(account.equity_usd),
    "max_drawdown_peak_session": lambda account: account.sessions[max_drawdown(account.equity_usd).peak],
    "max_drawdown_trough_session": lambda account: account.sessions[max_drawdown(account.equity_usd).trough],
    "max_drawdown_recovery_session": lambda account: recovery_session(account.equity_usd, account.sessions),
    "value_at_risk_fraction": lambda account: value_at_risk_fraction(account.equity_usd),
    "expected_shortfall_fraction": lambda account: expected_shortfall_fraction(account.equity_usd),
    "worst_return_fraction": lambda account: worst_return_fraction(account.equity_usd),
    "worst_session": lambda account: worst_session(account.equity_usd, account.sessions),
    "skewness": lambda account: skewness(account.equity_usd),
    "excess_kurtosis": lambda account: excess_kurtosis(account.equity_usd),
    "exposure_fraction": lambda account: exposure_fraction(account.equity_usd, account.position_usd),
    "turnover_per_year": lambda account: turnover_per_year(account.equity_usd, account.traded_usd),
    "commission_usd": lambda account: account.commission_usd,
    "commission_bps_per_year": lambda account: cost_bps_per_year(account.equity_usd, account.commission_usd),
    "slippage_usd": lambda account: account.slippage_usd,
    "slippage_bps_per_year": lambda account: cost_bps_per_year(account.equity_usd, account.slippage_usd),
    "trades": lambda account: len(account.trips),
    "open_positions": lambda account: account.open_positions,
    "hit_rate_fraction": lambda account: hit_rate_fraction(account.trips),
    "profit_factor": lambda account: profit_factor(account.trips),
    "average_holding_sessions": lambda account: average_holding_sessions(account.trips),
}
"""Field -> its formula. What raises UndefinedError becomes None with the error's text as its reason."""


def _summed(accounts: Sequence[_Account]) -> _Account:
    return _Account(
        sessions=accounts[0].sessions,
        equity_usd=np.sum([account.equity_usd for account in accounts], axis=0),
        position_usd=np.sum([account.position_usd for account in accounts], axis=0),
        traded_usd=math.fsum(account.traded_usd for account in accounts),
        commission_usd=math.fsum(account.commission_usd for account in accounts),
        slippage_usd=math.fsum(account.slippage_usd for account in accounts),
        trips=tuple(trip for account in accounts for trip in account.trips),
        open_positions=sum(account.open_positions for account in accounts),
        cash_rate_per_year=accounts[0].cash_rate_per_year,
    )
