"""Metrics against numbers worked out in plain Python, and laws that hold for any series."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.helpers import FREE, day, market, play
from tradinggroup.backtest.metrics import (
    Metrics,
    annual_volatility_fraction,
    max_drawdown_fraction,
    metrics_by_symbol,
    sharpe_ratio,
    total_return_fraction,
    turnover_per_year,
)
from tradinggroup.backtest.sink import Row

VALUES = [100_000.0, 101_000.0, 99_990.0, 103_000.0, 98_000.0, 98_000.0, 104_500.0]
SERIES = st.lists(st.floats(1_000.0, 1e7), min_size=3, max_size=40)


def rows(values: Sequence[float], *, shares: Sequence[int] | None = None, close: float = 10.0, symbol: str = "X") -> list[Row]:
    held = shares or [0] * len(values)
    return [
        {"session": day(i), "symbol": symbol, "equity_usd": v, "cash_usd": v - n * close, "shares": n, "close_usd": close}
        for i, (v, n) in enumerate(zip(values, held, strict=True))
    ]


def one(equity: Sequence[Row], fills: Sequence[Row] = (), rate: float = 0.0) -> Metrics:
    return metrics_by_symbol({"X": equity}, {"X": fills}, cash_rate_per_year=rate)["X"]


def test_the_figures_of_a_short_series() -> None:
    returns = [after / before - 1 for before, after in itertools.pairwise(VALUES)]
    found = one(rows(VALUES), rate=0.03)
    volatility = statistics.stdev(returns) * math.sqrt(252)
    assert found.total_return_fraction == pytest.approx(0.045, abs=1e-12)
    assert found.annual_volatility_fraction == pytest.approx(volatility, abs=1e-12)
    assert found.sharpe_ratio == pytest.approx((252 * math.fsum(returns) / 6 - 0.03) / volatility, abs=1e-12)
    assert found.max_drawdown_fraction == pytest.approx(98_000 / 103_000 - 1, abs=1e-12)
    assert found.sessions == 7
    assert found.undefined == {}


def test_the_drawdown_counts_from_the_opening_value() -> None:
    assert max_drawdown_fraction(np.array([100.0, 90.0, 95.0])) == pytest.approx(-0.1)
    assert max_drawdown_fraction(np.array([100.0, 101.0])) == 0.0


def test_exposure_turnover_commission_and_round_trips() -> None:
    fills = [
        {"session": day(1), "symbol": "X", "shares": 500, "price_usd": 10.0, "commission_usd": 2.5},
        {"session": day(3), "symbol": "X", "shares": -500, "price_usd": 11.0, "commission_usd": 2.0},
        {"session": day(4), "symbol": "X", "shares": 100, "price_usd": 10.0, "commission_usd": 0.99},
    ]
    values = [10_000.0, 10_000.0, 10_000.0, 10_500.0, 10_500.0]
    found = one(rows(values, shares=[0, 500, 500, 0, 100]), fills)
    assert found.exposure_fraction == pytest.approx((0 + 0.5 + 0.5 + 0 + 1_000 / 10_500) / 5, abs=1e-12)
    assert found.turnover_per_year == pytest.approx((5_000 + 5_500 + 1_000) / 10_200 * 252 / 4, abs=1e-12)
    assert found.commission_usd == pytest.approx(5.49)
    assert (found.trades, found.open_positions) == (1, 1)


def test_all_is_the_sum_by_session() -> None:
    first, second = rows([100.0, 110.0, 121.0], shares=[0, 5, 0]), rows([300.0, 270.0, 299.0], shares=[0, 10, 10])
    found = metrics_by_symbol({"A": first, "B": second}, {}, cash_rate_per_year=0.0)
    assert list(found) == ["A", "B", "ALL"]
    assert found["ALL"].total_return_fraction == pytest.approx(420 / 400 - 1)
    assert found["ALL"].max_drawdown_fraction == pytest.approx(380 / 400 - 1)
    assert found["ALL"].exposure_fraction == pytest.approx((0 + 150 / 380 + 100 / 420) / 3)
    assert (found["ALL"].trades, found["ALL"].open_positions) == (1, 1)


def test_what_is_undefined_is_none_with_a_reason() -> None:
    flat = one(rows([100.0] * 5))
    assert (flat.annual_volatility_fraction, flat.sharpe_ratio) == (0.0, None)
    assert flat.undefined == {"sharpe_ratio": "no volatility"}
    two = one(rows([100.0, 101.0]))
    assert (two.annual_volatility_fraction, two.sharpe_ratio) == (None, None)
    assert set(two.undefined) == {"annual_volatility_fraction", "sharpe_ratio"}
    assert set(one(rows([100.0])).undefined) == {"annual_volatility_fraction", "sharpe_ratio", "turnover_per_year"}
    empty = one([])
    assert {name for name, value in empty.to_plain().items() if value is None} == set(empty.undefined)


def test_cash_that_only_earns_interest_has_no_sharpe_ratio() -> None:
    result = play(market([(10.0, 10.0)] * 30), {}, cash_rate_per_year=0.03)
    assert one(result.equity, rate=0.03).sharpe_ratio is None


def test_accounts_of_different_sessions_have_no_sum() -> None:
    with pytest.raises(ValueError, match="same sessions"):
        metrics_by_symbol({"A": rows([1.0, 2.0]), "B": rows([1.0])}, {}, cash_rate_per_year=0.0)


def test_round_trips_agree_with_the_book_of_trades() -> None:
    result = play(market([(10.0, 10.0)] * 12), {0: 5, 2: -5, 3: 4, 4: 4, 6: -4, 8: -4, 9: 1}, commission=FREE)
    found = one(result.equity, result.fills)
    assert found.trades == sum(trade["status"] == "closed" for trade in result.trades) == 2
    assert found.open_positions == 1


@given(values=SERIES, factor=st.floats(0.001, 1_000.0))
def test_the_size_of_an_account_does_not_matter(values: list[float], factor: float) -> None:
    small, large = np.array(values), np.array(values) * factor
    for metric in (total_return_fraction, annual_volatility_fraction, max_drawdown_fraction):
        assert metric(large) == pytest.approx(metric(small), rel=1e-9, abs=1e-12)
    assert turnover_per_year(large, 5.0 * factor) == pytest.approx(turnover_per_year(small, 5.0), rel=1e-9)


@given(values=SERIES)
def test_signs_bounds_and_inputs_left_alone(values: list[float]) -> None:
    series = np.array(values)
    series.flags.writeable = False
    assert -1 < max_drawdown_fraction(series) <= 0
    assert max_drawdown_fraction(series) <= min(0.0, series[-1] / series[0] - 1) + 1e-12
    assert annual_volatility_fraction(series) >= 0
    sharpe, less = sharpe_ratio(series, cash_rate_per_year=0.0), sharpe_ratio(series, cash_rate_per_year=0.05)
    assert (sharpe is None and less is None) or less < sharpe
    assert series.tolist() == values
