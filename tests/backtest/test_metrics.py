"""Metrics against numbers worked out in plain Python, and laws that hold for any series."""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.helpers import FREE, day, dividend, market, play, split
from tradinggroup.backtest.metrics import Metrics, metrics_by_symbol
from tradinggroup.backtest.metrics.activity import turnover_per_year
from tradinggroup.backtest.metrics.drawdowns import Drawdown, max_drawdown, max_drawdown_fraction
from tradinggroup.backtest.metrics.returns import annual_volatility_fraction, sharpe_ratio
from tradinggroup.backtest.metrics.series import UndefinedError
from tradinggroup.backtest.metrics.trips import RoundTrip, average_holding_sessions, hit_rate_fraction, profit_factor, round_trips
from tradinggroup.backtest.sink import Row

VALUES = [100_000.0, 101_000.0, 99_990.0, 103_000.0, 98_000.0, 98_000.0, 104_500.0]
SERIES = st.lists(st.floats(1_000.0, 1e7), min_size=3, max_size=40)


def rows(values: Sequence[float], *, shares: Sequence[int] | None = None, close: float = 10.0, symbol: str = "X") -> list[Row]:
    held = shares or [0] * len(values)
    return [
        {"session": day(i), "symbol": symbol, "equity_usd": v, "cash_usd": v - n * close, "shares": n, "close_usd": close}
        for i, (v, n) in enumerate(zip(values, held, strict=True))
    ]


def bought(session: date, shares: int) -> Row:
    return {"session": session, "symbol": "X", "shares": shares, "price_usd": 10.0, "commission_usd": 0.0}


def one(equity: Sequence[Row], fills: Sequence[Row] = (), rate: float = 0.0) -> Metrics:
    return metrics_by_symbol({"X": equity}, {"X": fills}, cash_rate_per_year=rate)["X"]


TOO_SHORT_FOR_A_TAIL = {"value_at_risk_fraction", "expected_shortfall_fraction"}
NO_TRADE = {"hit_rate_fraction", "profit_factor", "average_holding_sessions"}
NO_DRAWDOWN = {"calmar_ratio", *(f"max_drawdown_{place}_session" for place in ("peak", "trough", "recovery"))}
NO_VOLATILITY = {"sharpe_ratio", "sortino_ratio", "skewness", "excess_kurtosis"}


def test_the_figures_of_a_short_series() -> None:
    returns = [after / before - 1 for before, after in itertools.pairwise(VALUES)]
    found = one(rows(VALUES), rate=0.03)
    volatility = statistics.stdev(returns) * math.sqrt(252)
    short = math.sqrt(252 * math.fsum(min(0.0, r - 0.03 / 252) ** 2 for r in returns) / 6)
    annual = 1.045 ** (252 / 6) - 1
    assert found.total_return_fraction == pytest.approx(0.045, abs=1e-12)
    assert found.annual_return_fraction == pytest.approx(annual, rel=1e-12)
    assert found.annual_volatility_fraction == pytest.approx(volatility, abs=1e-12)
    assert found.sharpe_ratio == pytest.approx((252 * math.fsum(returns) / 6 - 0.03) / volatility, abs=1e-12)
    assert found.sortino_ratio == pytest.approx((252 * math.fsum(returns) / 6 - 0.03) / short, abs=1e-12)
    assert found.max_drawdown_fraction == pytest.approx(98_000 / 103_000 - 1, abs=1e-12)
    assert found.calmar_ratio == pytest.approx(annual / (1 - 98_000 / 103_000), rel=1e-12)
    places = (found.max_drawdown_peak_session, found.max_drawdown_trough_session, found.max_drawdown_recovery_session)
    assert places == (day(3), day(4), day(6))
    assert (found.worst_return_fraction, found.worst_session) == (pytest.approx(98_000 / 103_000 - 1, abs=1e-12), day(4))
    assert found.sessions == 7
    assert set(found.undefined) == TOO_SHORT_FOR_A_TAIL | NO_TRADE


def test_the_tail_is_the_worst_twentieth_of_the_returns() -> None:
    returns = [0.01, -0.05, *[0.002] * 18, -0.03]
    values = [100_000.0, *itertools.accumulate(returns, lambda value, r: value * (1 + r), initial=100_000.0)][1:]
    found = one(rows(values))
    assert found.value_at_risk_fraction == pytest.approx(-0.03, abs=1e-12)  # the second worst of 21: place 0.05 * 20 from 0 on
    assert found.expected_shortfall_fraction == pytest.approx(-0.04, abs=1e-12)
    assert (found.worst_return_fraction, found.worst_session) == (pytest.approx(-0.05, abs=1e-12), day(2))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([100, 75, 95], Drawdown(-0.25, 0, 1, None)),
        ([100, 120, 120, 60, 119, 120, 130], Drawdown(-0.5, 2, 3, 5)),
        ([100, 50, 100, 50, 100], Drawdown(-0.5, 0, 1, 2)),
        ([100, 50, 50, 100], Drawdown(-0.5, 0, 1, 3)),
        ([100, 90, 110, 55, 110, 30], Drawdown(30 / 110 - 1, 4, 5, None)),
    ],
    ids=["never recovered", "from the last of equal peaks", "the first of equal falls", "the first of equal lows", "a later, deeper one"],
)
def test_when_the_deepest_fall_was(values: list[float], expected: Drawdown) -> None:
    assert max_drawdown(np.array(values, dtype=float)) == expected


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
    assert found.commission_bps_per_year == pytest.approx(5.49 / 10_200 * 10_000 * 252 / 4, abs=1e-9)
    assert (found.slippage_usd, found.slippage_bps_per_year) == (0.0, 0.0)
    assert (found.hit_rate_fraction, found.average_holding_sessions) == (1.0, 2.0)
    assert (found.trades, found.open_positions) == (1, 1)


def test_all_is_the_sum_by_session() -> None:
    first, second = rows([100.0, 110.0, 121.0], shares=[0, 5, 0]), rows([300.0, 270.0, 299.0], shares=[0, 10, 10])
    fills = {name: [bought(day(1), count)] for name, count in (("A", 5), ("B", 10))}
    fills["A"].append(bought(day(2), -5))
    found = metrics_by_symbol({"A": first, "B": second}, fills, cash_rate_per_year=0.0)
    assert list(found) == ["A", "B", "ALL"]
    assert found["ALL"].total_return_fraction == pytest.approx(420 / 400 - 1)
    assert found["ALL"].max_drawdown_fraction == pytest.approx(380 / 400 - 1)
    assert found["ALL"].exposure_fraction == pytest.approx((0 + 150 / 380 + 100 / 420) / 3)
    assert (found["ALL"].trades, found["ALL"].open_positions) == (1, 1)


def test_slippage_is_a_cost_of_the_fills() -> None:
    fills = [{"session": day(1), "shares": 10, "price_usd": 10.1, "commission_usd": 1.0, "slippage_usd": 1.0}]
    found = metrics_by_symbol({"A": rows([1_000.0] * 3), "B": rows([3_000.0] * 3)}, {"A": fills, "B": fills}, cash_rate_per_year=0.0)
    assert [found[symbol].slippage_usd for symbol in ("A", "B", "ALL")] == [1.0, 1.0, 2.0]
    assert found["ALL"].slippage_bps_per_year == pytest.approx(2 / 4_000 * 10_000 * 252 / 2)


def test_what_is_undefined_is_none_with_a_reason() -> None:
    flat = one(rows([100.0] * 5))
    assert (flat.annual_volatility_fraction, flat.sharpe_ratio, flat.annual_return_fraction) == (0.0, None, 0.0)
    assert set(flat.undefined) == NO_VOLATILITY | NO_DRAWDOWN | NO_TRADE | TOO_SHORT_FOR_A_TAIL | {"worst_session"}
    assert flat.undefined["sharpe_ratio"] == "no volatility"
    assert flat.undefined["calmar_ratio"] == flat.undefined["max_drawdown_peak_session"] == "no drawdown"
    assert flat.undefined["profit_factor"] == "no closed round trip"
    two = one(rows([100.0, 101.0]))
    assert two.undefined["sharpe_ratio"] == "2 sessions; at least 3 are needed"
    assert set(two.undefined) == {"annual_volatility_fraction"} | NO_VOLATILITY | NO_DRAWDOWN | NO_TRADE | TOO_SHORT_FOR_A_TAIL
    fallen = one(rows([100.0, 90.0, 95.0]))
    assert (fallen.max_drawdown_recovery_session, fallen.undefined["max_drawdown_recovery_session"]) == (None, "not recovered by the end")
    assert one(rows([100.0])).undefined["turnover_per_year"] == "1 session; at least 2 are needed"
    huge = one(rows([1.0, 1e9]))
    assert huge.undefined["annual_return_fraction"] == "the return of 2 sessions is too large to be scaled to a year"
    for found in (flat, two, fallen, huge, one([])):
        assert {name for name, value in found.to_plain().items() if value is None} == set(found.undefined)
        assert not any(isinstance(value, float) and not math.isfinite(value) for value in found.to_plain().values())


def test_cash_that_only_earns_interest_has_no_sharpe_ratio() -> None:
    result = play(market([(10.0, 10.0)] * 30), {}, cash_rate_per_year=0.03)
    found = one(result.equity, rate=0.03)
    assert (found.sharpe_ratio, found.sortino_ratio, found.skewness) == (None, None, None)
    assert found.annual_return_fraction == pytest.approx((1 + 0.03 / 252) ** 252 - 1)


def test_accounts_of_different_sessions_have_no_sum() -> None:
    with pytest.raises(ValueError, match="same sessions"):
        metrics_by_symbol({"A": rows([1.0, 2.0]), "B": rows([1.0])}, {}, cash_rate_per_year=0.0)


def test_round_trips_agree_with_the_book_of_trades() -> None:
    result = play(market([(10.0, 10.0)] * 12), {0: 5, 2: -5, 3: 4, 4: 4, 6: -4, 8: -4, 9: 1}, commission=FREE)
    found = one(result.equity, result.fills)
    assert found.trades == sum(trade["status"] == "closed" for trade in result.trades) == 2
    assert found.open_positions == 1


def test_the_profit_of_a_round_trip_is_that_of_the_book_of_trades() -> None:
    window = market([(10.0, 10.5), (11.0, 10.0), (10.0, 10.0), (5.2, 5.1), (5.0, 5.0), (5.5, 5.5), (4.0, 4.1), (1.3, 1.2), (1.2, 1.2)],
                    split(3, 2.0), dividend(4, 0.25), split(7, 1 / 3))  # fmt: skip
    result = play(window, {0: 100, 1: 51, 4: -302, 5: 2, 7: 10}, cash_rate_per_year=0.05)
    trips = round_trips(result.equity, result.fills, cash_rate_per_year=0.05)
    closed = [trade for trade in result.trades if trade["status"] == "closed"]
    assert [trade["exit_reason"] for trade in closed] == ["ALLOWED", "CASH_IN_LIEU"]
    assert [trip.profit_usd for trip in trips] == pytest.approx([trade["profit_usd"] for trade in closed], abs=1e-9)
    assert [trip.sessions_held for trip in trips] == [trade["sessions_held"] for trade in closed]


def test_a_round_trip_inside_one_session_counts() -> None:
    fills = [
        {"session": day(1), "shares": 10, "price_usd": 10.0, "commission_usd": 0.0},
        {"session": day(1), "shares": -10, "price_usd": 9.0, "commission_usd": 0.0},
    ]
    found = one(rows([1_000.0, 990.0, 990.0]), fills)
    assert (found.trades, found.hit_rate_fraction, found.average_holding_sessions, found.profit_factor) == (1, 0.0, 0.0, 0.0)


def test_trades_of_all_are_pooled() -> None:
    trips = [RoundTrip(30.0, 2), RoundTrip(-10.0, 5), RoundTrip(0.0, 1), RoundTrip(-5.0, 0)]
    assert (hit_rate_fraction(trips), profit_factor(trips), average_holding_sessions(trips)) == (0.25, 2.0, 2.0)
    with pytest.raises(UndefinedError, match="no round trip lost"):
        profit_factor(trips[:1])
    won, lost = (
        play(market([(10.0, 10.0), (10.0, 10.0), (12.0, 12.0)]), {0: 9, 1: -9}),
        play(market([(10.0, 10.0), (10.0, 9.0), (9.0, 9.0)]), {0: 5, 1: -5}),
    )
    found = metrics_by_symbol({"A": won.equity, "B": lost.equity}, {"A": won.fills, "B": lost.fills}, cash_rate_per_year=0.0)
    assert (found["A"].profit_factor, found["A"].undefined["profit_factor"]) == (None, "no round trip lost")
    assert found["ALL"].profit_factor == pytest.approx((18 - 2 * 0.99) / (5 + 0.99 + 0.99))
    assert (found["ALL"].trades, found["ALL"].hit_rate_fraction) == (2, 0.5)


@given(values=SERIES, factor=st.floats(0.001, 1_000.0))
def test_the_size_of_an_account_does_not_matter(values: list[float], factor: float) -> None:
    small, large = one(rows(values, close=1.0)).to_plain(), one(rows([value * factor for value in values], close=1.0)).to_plain()
    for name, value in small.items():
        if isinstance(value, float) and value is not None and large[name] is not None:
            assert large[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
    assert turnover_per_year(np.array(values) * factor, 5.0 * factor) == pytest.approx(turnover_per_year(np.array(values), 5.0), rel=1e-9)


@given(values=SERIES, days=st.integers(1, 4_000))
def test_other_dates_change_dates_only(values: list[float], days: int) -> None:
    series = rows(values)
    shift = timedelta(days=days)
    here, later = one(series), one([{**row, "session": row["session"] + shift} for row in series])
    for item in fields(Metrics):
        before, after = getattr(here, item.name), getattr(later, item.name)
        assert after == (before + shift if isinstance(before, date) else before), item.name


@given(values=SERIES)
def test_signs_bounds_and_inputs_left_alone(values: list[float]) -> None:
    series = np.array(values)
    series.flags.writeable = False
    assert -1 < max_drawdown_fraction(series) <= 0
    assert max_drawdown_fraction(series) <= min(0.0, series[-1] / series[0] - 1) + 1e-12
    assert annual_volatility_fraction(series) >= 0
    if annual_volatility_fraction(series) > 1e-9:
        assert sharpe_ratio(series, cash_rate_per_year=0.05) < sharpe_ratio(series, cash_rate_per_year=0.0)
    assert series.tolist() == values
    given_rows = rows(values)
    kept = [dict(row) for row in given_rows]
    found = one(given_rows)
    assert given_rows == kept
    assert found.worst_return_fraction is not None
    assert found.worst_return_fraction >= found.max_drawdown_fraction - 1e-12
    if found.expected_shortfall_fraction is not None:
        assert found.worst_return_fraction <= found.expected_shortfall_fraction + 1e-12
        assert found.expected_shortfall_fraction <= found.value_at_risk_fraction + 1e-12


@given(value=st.floats(1.0, 1e9), count=st.integers(2, 60))
def test_an_account_that_does_nothing(value: float, count: int) -> None:
    found = one(rows([value] * count, close=1.0))
    assert (found.total_return_fraction, found.annual_return_fraction, found.max_drawdown_fraction) == (0.0, 0.0, 0.0)
    assert (found.turnover_per_year, found.commission_bps_per_year, found.trades) == (0.0, 0.0, 0)
    assert found.annual_volatility_fraction in (0.0, None)
    assert found.sharpe_ratio is found.sortino_ratio is found.calmar_ratio is None


@given(before=st.floats(1_000.0, 1e6), change=st.floats(-0.9, 0.9))
def test_two_rows_are_one_return(before: float, change: float) -> None:
    found = one(rows([before, before * (1 + change)]))
    assert found.total_return_fraction == found.worst_return_fraction == pytest.approx(change, abs=1e-12)
    assert found.max_drawdown_fraction == min(0.0, found.total_return_fraction)
    assert found.sharpe_ratio is None


def test_the_page_of_metrics_names_every_field(repository: Path) -> None:
    page = (repository / "docs" / "metrics.md").read_text(encoding="utf-8")
    named = {name for line in page.splitlines() if line.startswith("| `") for name in re.findall(r"`([a-z_]+)`", line.split(" | ")[0])}
    assert {item.name for item in fields(Metrics)} - named == {"undefined"}
