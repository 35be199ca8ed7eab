"""Run baselines by the convention `finsaber`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tradinggroup.backtest.baselines.forecasts import NoModelError, require_extra
from tradinggroup.backtest.baselines.runner import BaselineReport, BaselineResult
from tradinggroup.backtest.finsaber.account import AccountRows, Rule, play_rule
from tradinggroup.backtest.finsaber.bars import SymbolWindow
from tradinggroup.backtest.finsaber.fitted import arima, without_model, xgboost
from tradinggroup.backtest.finsaber.metrics import finsaber_metrics
from tradinggroup.backtest.finsaber.rules import (
    ATR_BARS,
    BOLLINGER_BARS,
    FAST_BARS,
    SLOW_BARS,
    BuyAndHold,
    Cross,
    TurnOfMonth,
    atr_band,
    bollinger,
)
from tradinggroup.backtest.indicators import simple_average, weighted_average

RuleOfWindow = Callable[[SymbolWindow], Rule]


def _sma_cross(window: SymbolWindow) -> Rule:
    bars = window.trading_bars()
    return Cross(bars, simple_average(bars.close_usd, FAST_BARS), simple_average(bars.close_usd, SLOW_BARS))


def _wma_cross(window: SymbolWindow) -> Rule:
    bars = window.trading_bars()
    return Cross(bars, weighted_average(bars.close_usd, FAST_BARS), weighted_average(bars.close_usd, SLOW_BARS))


BASELINES: Mapping[str, tuple[int, RuleOfWindow]] = {
    "buy_and_hold": (0, lambda window: BuyAndHold(window.trading_bars())),
    "sma_cross": (SLOW_BARS, _sma_cross),
    "wma_cross": (SLOW_BARS, _wma_cross),
    "atr_band": (ATR_BARS, lambda window: atr_band(window.trading_bars())),
    "bollinger": (BOLLINGER_BARS - 1, lambda window: bollinger(window.trading_bars())),
    "turn_of_month": (0, lambda window: TurnOfMonth(window.trading_bars())),
    "arima": (0, arima),
    "xgboost": (0, xgboost),
}
"""Name -> number of the first bar on which it may act, and how it is made."""


def run_finsaber(names: Sequence[str], windows: Mapping[str, SymbolWindow], *, cash_usd: float) -> BaselineReport:
    """Run every baseline of `names` on every window.

    A symbol that the convention leaves out has no rows and a reason; so has, with rows of idle cash, one without a model.
    Raises UsageError EXTRA_MISSING; KeyError for a name that the convention does not know.
    """
    for name in names:
        require_extra(name)
    return BaselineReport({name: _result(name, windows, cash_usd) for name in names})


def finsaber_figures(result: BaselineResult, *, cash_usd: float) -> dict[str, dict[str, Any]]:
    """Metrics by symbol and, where no symbol was left out, of ALL, as plain values."""
    first_bar, _ = BASELINES[result.name]
    found = finsaber_metrics(result.equity, result.fills, cash_usd=cash_usd, first_bar=first_bar)
    return {symbol: metrics.to_plain() for symbol, metrics in found.items() if symbol in result.equity or result.is_whole}


def _result(name: str, windows: Mapping[str, SymbolWindow], cash_usd: float) -> BaselineResult:
    _, rule_of = BASELINES[name]
    skipped = {symbol: reason for symbol, window in windows.items() if (reason := window.reason_to_skip())}
    if len(skipped) == len(windows):
        return BaselineResult(name, "; ".join(f"{symbol} {reason}" for symbol, reason in skipped.items()))
    rows: dict[str, AccountRows] = {}
    idle: dict[str, str] = {}
    for symbol, window in windows.items():
        if symbol in skipped:
            continue
        try:
            rule = rule_of(window)
        except NoModelError as problem:
            rule, idle[symbol] = without_model(window), f"{problem}: no model, no trade"
        rows[symbol] = play_rule(rule, window.trading_bars(), cash_usd=cash_usd)
    return BaselineResult(
        name,
        equity={symbol: each.equity for symbol, each in rows.items()},
        fills={symbol: each.fills for symbol, each in rows.items()},
        skipped=skipped,
        remarks=idle,
    )
