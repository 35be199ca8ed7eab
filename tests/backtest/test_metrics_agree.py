"""Metrics against quantstats: equal where the formulas are, and where they are not, apart by what docs/metrics.md says."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import quantstats.stats as qs
from scipy import stats as scipy_stats

from tests.backtest.helpers import day
from tradinggroup.backtest.metrics import Metrics, metrics_by_symbol

SERIES = {"calm": (0.0004, 0.008, 300), "wild": (0.001, 0.04, 252), "losing": (-0.001, 0.015, 700), "short": (0.0, 0.01, 21)}


def returns_of(name: str) -> pd.Series[float]:
    mean, deviation, count = SERIES[name]
    draws = np.random.default_rng(sum(map(ord, name))).standard_t(4, count) * deviation + mean
    return pd.Series(draws, index=pd.DatetimeIndex([day(place + 1) for place in range(count)]))


def metrics_of(returns: pd.Series[float], *, rate: float = 0.0) -> Metrics:
    values = [100_000.0, *(100_000 * (1 + returns).cumprod())]
    rows = [
        {"session": day(place), "equity_usd": value, "cash_usd": value, "shares": 0, "close_usd": 1.0} for place, value in enumerate(values)
    ]
    return metrics_by_symbol({"X": rows}, {}, cash_rate_per_year=rate)["X"]


@pytest.mark.parametrize("name", SERIES)
def test_the_same_formulas_give_the_same_numbers(name: str) -> None:
    returns = returns_of(name)
    found = metrics_of(returns)
    expected = {
        "total_return_fraction": qs.comp(returns),
        "annual_return_fraction": qs.cagr(returns),
        "annual_volatility_fraction": qs.volatility(returns),
        "sharpe_ratio": qs.sharpe(returns),
        "sortino_ratio": qs.sortino(returns),
        "calmar_ratio": qs.calmar(returns),
        "max_drawdown_fraction": qs.max_drawdown(returns),
        "expected_shortfall_fraction": qs.expected_shortfall(returns, method="historical"),
        "worst_return_fraction": qs.worst(returns),
        "skewness": qs.skew(returns),
        "excess_kurtosis": qs.kurtosis(returns),
        "value_at_risk_fraction": returns.quantile(0.05),
    }
    for metric, value in expected.items():
        assert getattr(found, metric) == pytest.approx(value, rel=1e-12, abs=1e-12), metric


def test_the_dates_of_the_drawdown() -> None:
    returns = returns_of("calm")
    found = metrics_of(returns)
    details = qs.drawdown_details(qs.to_drawdown_series(returns)).sort_values("max drawdown").iloc[0]
    start, valley = pd.Timestamp(details["start"]).date(), pd.Timestamp(details["valley"]).date()
    assert found.max_drawdown_trough_session == valley
    # quantstats counts a fall from its first session under water: the session after our peak.
    assert found.max_drawdown_peak_session == day(next(place for place in range(400) if day(place) == start) - 1)


def test_quantstats_takes_another_rate_a_session() -> None:
    """It compounds the yearly rate, and measures the deviation after subtracting it, which changes nothing."""
    returns, rate = returns_of("calm"), 0.03
    daily = 1.03 ** (1 / 252) - 1
    found = metrics_of(returns, rate=rate)
    volatility = returns.std() * math.sqrt(252)
    assert qs.sharpe(returns, rf=rate) == pytest.approx((252 * returns.mean() - 252 * daily) / volatility, rel=1e-12)
    assert found.sharpe_ratio == pytest.approx(qs.sharpe(returns, rf=rate) + (252 * daily - rate) / volatility, rel=1e-12)
    assert abs(252 * daily - rate) < 0.0005


def test_quantstats_takes_the_value_at_risk_of_a_normal_distribution() -> None:
    returns = returns_of("wild")
    assert qs.value_at_risk(returns) == pytest.approx(scipy_stats.norm.ppf(0.05, returns.mean(), returns.std()), rel=1e-12)
    assert metrics_of(returns).value_at_risk_fraction != pytest.approx(qs.value_at_risk(returns), rel=0.01)
