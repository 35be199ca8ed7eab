"""What trading cost: every line against numbers worked out by hand, and the identity for any account."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.helpers import FREE, day, market, play
from tradinggroup.backtest.cost_waterfall import CostWaterfall, waterfalls
from tradinggroup.backtest.sink import Row


def account(*, last: float, fills: list[tuple[int, float, float, float]]) -> tuple[list[Row], list[Row]]:
    """Equity rows that end at `last`, and fills of (shares, price, commission, slippage)."""
    names = ("shares", "price_usd", "commission_usd", "slippage_usd")
    equity = [{"session": day(0), "equity_usd": 10_000.0}, {"session": day(9), "equity_usd": last}]
    return equity, [{"session": day(1), **dict(zip(names, fill, strict=True))} for fill in fills]


TWO = {
    "A": account(last=10_300.0, fills=[(100, 20.02, 1.0, 2.0), (-100, 22.98, 1.5, 2.0)]),
    "B": account(last=9_900.0, fills=[(10, 100.0, 0.99, 0.0)]),
}
EQUITY = {symbol: rows for symbol, (rows, _) in TWO.items()}
FILLS = {symbol: fills for symbol, (_, fills) in TWO.items()}


def of_two(bill: float | None) -> dict[str, CostWaterfall]:
    return waterfalls(EQUITY, FILLS, cash_usd=10_000.0, model_bill_usd=bill)


def test_the_lines_by_hand() -> None:
    found = of_two(12.5)
    assert list(found) == ["A", "B", "ALL"]
    gained, lost, both = found.values()
    assert (gained.net_before_model_usd, gained.commission_usd, gained.slippage_usd, gained.gross_usd) == (300.0, 2.5, 4.0, 306.5)
    assert gained.break_even_bps == pytest.approx(300 / (2_002 + 2_298) * 10_000)
    assert (lost.net_before_model_usd, lost.gross_usd, lost.break_even_bps) == (-100.0, pytest.approx(-99.01), None)
    assert (both.net_before_model_usd, both.model_bill_usd, both.net_usd, both.gross_usd) == (200.0, 12.5, 187.5, pytest.approx(207.49))
    assert both.break_even_bps == pytest.approx(187.5 / 5_300 * 10_000)


def test_what_is_not_known_is_said() -> None:
    found = of_two(None)
    assert (found["ALL"].model_bill_usd, found["ALL"].net_usd) == (None, 200.0)
    assert found["ALL"].undefined == {"model_bill_usd": "the model's bill is not known; net is before it"}
    assert found["A"].undefined == {"model_bill_usd": "the model's bill is known for the run, not by symbol; net is before it"}
    assert found["B"].undefined["break_even_bps"] == "there is no profit that costs could use up"
    idle, _ = account(last=10_000.0, fills=[])
    nothing = waterfalls({"A": idle}, {}, cash_usd=10_000.0, model_bill_usd=0.0)["ALL"]
    assert (nothing.gross_usd, nothing.net_usd, nothing.break_even_bps) == (0.0, 0.0, None)
    assert nothing.undefined == {"break_even_bps": "nothing was traded"}
    assert nothing.to_plain()["undefined"] == nothing.undefined


def test_a_bill_above_the_profit_leaves_no_break_even() -> None:
    found = of_two(500.0)["ALL"]
    assert (found.net_usd, found.break_even_bps) == (-300.0, None)


def test_gross_is_what_the_same_fills_bring_without_costs() -> None:
    window, orders = market([(10.0, 10.5), (11.0, 10.0), (10.0, 12.0), (13.0, 13.0), (12.0, 12.0)]), {0: 100, 1: 50, 2: -120}
    paid, free = play(window, orders), play(window, orders, commission=FREE)
    assert [fill["shares"] for fill in paid.fills] == [fill["shares"] for fill in free.fills]
    gross_usd = waterfalls({"X": paid.equity}, {"X": paid.fills}, cash_usd=10_000.0, model_bill_usd=0.0)["ALL"].gross_usd
    assert gross_usd == pytest.approx(free.equity_usd[-1] - 10_000.0, abs=1e-9)


def test_at_the_break_even_cost_nothing_is_left() -> None:
    window, orders = market([(10.0, 10.0), (10.0, 12.0), (12.0, 12.0), (12.0, 12.0)]), {0: 100, 1: -100}
    result = play(window, orders, commission=FREE)
    found = waterfalls({"X": result.equity}, {"X": result.fills}, cash_usd=10_000.0, model_bill_usd=0.0)["ALL"]
    assert found.break_even_bps is not None
    extra_usd = sum(abs(fill["shares"]) * fill["price_usd"] for fill in result.fills) * found.break_even_bps / 10_000
    assert result.equity_usd[-1] - extra_usd == pytest.approx(10_000.0, abs=1e-9)


MONEY = st.floats(-1e7, 1e7)
COSTS = st.lists(st.tuples(st.integers(-1_000, 1_000), st.floats(0.01, 5_000), st.floats(0, 1e4), st.floats(0, 1e4)), max_size=6)


@given(accounts=st.lists(st.tuples(MONEY, COSTS), min_size=1, max_size=5), bill=st.none() | st.floats(0, 1e4))
def test_the_lines_add_up_to_the_cent(accounts: list[tuple[float, list[tuple[int, float, float, float]]]], bill: float | None) -> None:
    made = {f"S{place}": account(last=last, fills=fills) for place, (last, fills) in enumerate(accounts)}
    found = waterfalls(
        {symbol: rows for symbol, (rows, _) in made.items()},
        {symbol: fills for symbol, (_, fills) in made.items()},
        cash_usd=10_000.0,
        model_bill_usd=bill,
    )
    for each in found.values():
        left = each.gross_usd - each.commission_usd - each.slippage_usd - (each.model_bill_usd or 0.0)
        assert left == pytest.approx(each.net_usd, abs=1e-6)
        assert each.break_even_bps is None or each.break_even_bps > 0
        assert {name for name, value in each.to_plain().items() if value is None} == set(each.undefined)
    symbols = [each for symbol, each in found.items() if symbol != "ALL"]
    for name in ("gross_usd", "commission_usd", "slippage_usd", "net_before_model_usd", "traded_usd"):
        assert getattr(found["ALL"], name) == pytest.approx(math.fsum(getattr(each, name) for each in symbols), abs=1e-6)
