"""When orders fill, what they pay beside the quoted price, how much of a bar they take, and what a delisting leaves."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.helpers import COMMISSION, FREE, Guarded, Script, day, dividend, market, play, recomputed_equity, split
from tradinggroup.backtest.execution import Execution
from tradinggroup.risk.costs import NO_SLIPPAGE, Commission, Slippage
from tradinggroup.risk.exits import ExitRules

BARS = [(100.0, 101.0), (102.0, 104.0), (105.0, 103.0), (101.0, 100.0)]  # (open, close)
NEXT_CLOSE, SAME_CLOSE = Execution(fill="next_close"), Execution(fill="same_close")
SLIPPED = Slippage(slippage_bps=5, half_spread_bps=15)


def capped(fraction: float, **changes: object) -> Execution:
    return replace(Execution(volume_cap_fraction=fraction), **changes)  # type: ignore[arg-type]


def volumes(*shares: float, price_usd: float = 100.0) -> list[tuple[float, ...]]:
    return [(price_usd, price_usd, price_usd, price_usd, each) for each in shares]


# how orders fill -> fills (position, shares, price) of the orders {0: 50, 1: -20}
MODES = {
    "next_open": (Execution(), [(1, 50, 102.0), (2, -20, 105.0)]),
    "next_close": (NEXT_CLOSE, [(1, 50, 104.0), (2, -20, 103.0)]),
    "same_close": (SAME_CLOSE, [(0, 50, 101.0), (1, -20, 104.0)]),
}


@pytest.mark.parametrize("name", MODES)
def test_prices_of_the_three_modes(name: str) -> None:
    execution, fills = MODES[name]
    result = play(market(BARS), {0: 50, 1: -20}, commission=FREE, execution=execution)
    assert [(fill["session"], fill["shares"], fill["price_usd"]) for fill in result.fills] == [
        (day(position), shares, price_usd) for position, shares, price_usd in fills
    ]
    assert [fill["decision_session"] for fill in result.fills] == [day(0), day(1)]


@pytest.mark.parametrize(
    ("execution", "shares_seen", "shares_in_rows"),
    [
        (Execution(), [0, 50, 30, 30], [0, 50, 30, 30]),
        (NEXT_CLOSE, [0, 50, 30, 30], [0, 50, 30, 30]),
        (SAME_CLOSE, [0, 50, 30, 30], [50, 30, 30, 30]),
    ],
    ids=["next_open", "next_close", "same_close"],
)
def test_the_account_that_is_shown_and_the_row_of_the_close(
    execution: Execution, shares_seen: list[int], shares_in_rows: list[int]
) -> None:
    trader = Script({0: 50, 1: -20})
    result = play(market(BARS), trader, commission=FREE, execution=execution)
    assert [account.shares for _, account in trader.seen] == shares_seen
    assert [row["shares"] for row in result.equity] == shares_in_rows
    assert all(account.close_usd == bar[1] for (_, account), bar in zip(trader.seen, BARS, strict=True))


def test_an_order_for_the_next_close_waits_over_a_halt() -> None:
    result = play(market([(10.0, 10.0), None, (12.0, 13.0)]), {0: 5}, execution=NEXT_CLOSE)
    assert [(fill["session"], fill["price_usd"]) for fill in result.fills] == [(day(2), 13.0)]


def test_a_close_that_is_too_dear_cuts_and_the_last_order_stays_unfilled() -> None:
    result = play(market([(10.0, 10.0), (10.0, 20.0), (20.0, 20.0)]), {0: 10, 2: 1}, cash_usd=100.0, commission=FREE, execution=NEXT_CLOSE)
    assert [(row["shares_filled"], row["status"], row["fill_reason_code"]) for row in result.orders] == [
        (5, "cut", "OPEN_ABOVE_BUDGET"),
        (0, "unfilled", None),
    ]


def test_an_order_of_the_last_session_fills_at_its_own_close() -> None:
    result = play(market([(10.0, 10.0), (10.0, 11.0)]), {1: 5}, commission=FREE, execution=SAME_CLOSE)
    assert [(row["status"], row["fill_session"]) for row in result.orders] == [("filled", day(1))]


def test_a_split_over_the_night_rebases_an_order_for_the_next_close() -> None:
    result = play(market([(70.0, 70.0), (10.0, 11.0)], split(1, 7.0)), {0: 5}, commission=FREE, execution=NEXT_CLOSE)
    assert [(fill["shares"], fill["price_usd"]) for fill in result.fills] == [(35, 11.0)]


def test_shares_bought_at_the_close_before_the_ex_session_get_the_dividend() -> None:
    result = play(market([(10.0, 10.0)] * 3, dividend(2, 1.0)), {0: 5}, commission=FREE, execution=NEXT_CLOSE)
    assert result.equity[-1]["cash_usd"] == 10_000 - 50 + 5


# -- slippage ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("execution", [Execution(), NEXT_CLOSE, SAME_CLOSE], ids=["next_open", "next_close", "same_close"])
def test_half_spread_and_slippage_by_hand(execution: Execution) -> None:
    bars = [(100.0, 100.0)] * 4
    result = play(market(bars), {0: 100, 1: -100}, cash_usd=20_000.0, commission=FREE, slippage=SLIPPED, execution=execution)
    assert [(fill["price_usd"], fill["slippage_usd"]) for fill in result.fills] == [
        (pytest.approx(100.2), pytest.approx(20.0)),  # 20 bps of 100 USD, on 100 shares; above the high of the bar
        (pytest.approx(99.8), pytest.approx(20.0)),
    ]
    assert result.equity_usd[-1] == pytest.approx(19_960.0)
    assert result.trades[0]["profit_usd"] == pytest.approx(-40.0)


def test_the_slipped_price_is_what_must_be_paid() -> None:
    result = play(market([(100.0, 100.0)] * 2), {0: 100}, commission=FREE, slippage=SLIPPED)  # 10,000 USD buy 99 at 100.20
    assert (result.fills[0]["shares"], result.orders[0]["status"]) == (99, "cut")
    assert result.equity[-1]["cash_usd"] == pytest.approx(10_000 - 99 * 100.2)


def test_the_average_cost_is_that_of_the_slipped_price_and_exits_slip_too() -> None:
    bars = [(100.0, 100.0), (100.0, 100.0), (98.0, 99.0, 90.0, 91.0)]
    trader = Guarded({0: 10}, ExitRules(-0.07, 0.14, 1.0, "balanced"))
    result = play(market(bars), trader, commission=FREE, slippage=SLIPPED)
    assert trader.seen[1][1].average_cost_usd == pytest.approx(100.2)
    assert result.fills[1]["price_usd"] == pytest.approx(100.2 * 0.93 * 0.998)


def test_without_slippage_the_price_is_the_bars_to_the_last_bit() -> None:
    usd = 0.1 + 0.2
    result = play(market([(usd, usd)] * 2), {0: 7}, slippage=NO_SLIPPAGE)
    assert (result.fills[0]["price_usd"], result.fills[0]["slippage_usd"]) == (usd, 0.0)


def test_commission_is_taken_on_the_slipped_value() -> None:
    by_value = Commission(0, 0, 0, kind="basis_points", basis_points=10)
    result = play(market([(100.0, 100.0)] * 2), {0: 50}, commission=by_value, slippage=Slippage(slippage_bps=100))
    assert result.fills[0]["commission_usd"] == pytest.approx(50 * 101 * 0.001)


# -- volume --------------------------------------------------------------------------------------------------------------------------


def test_a_purchase_over_three_sessions() -> None:
    result = play(market(volumes(0, 1000, 1500, 9000, 9000)), {0: 300}, cash_usd=40_000.0, execution=capped(0.1))
    assert [(fill["session"], fill["shares"], fill["order_id"]) for fill in result.fills] == [
        (day(1), 100, "X-2024-01-01"),
        (day(2), 150, "X-2024-01-01"),
        (day(3), 50, "X-2024-01-01"),
    ]
    assert [fill["commission_usd"] for fill in result.fills] == [0.99] * 3
    row = result.orders[0]
    assert (len(result.orders), row["shares_ordered"], row["shares_filled"]) == (1, 300, 300)
    assert (row["status"], row["fill_session"], row["fill_reason_code"]) == ("filled", day(3), "VOLUME_CAP")
    assert result.sink.finished == [day(0), day(0), day(0), day(3), day(4)]  # nothing is done while the order may still be logged


def test_a_new_order_ends_the_rest_of_the_old_one() -> None:
    result = play(market(volumes(0, 1000, 1000, 1000)), {0: 300, 1: -40}, cash_usd=40_000.0, commission=FREE, execution=capped(0.1))
    assert [fill["shares"] for fill in result.fills] == [100, -40]
    assert [(row["shares_filled"], row["status"], row["fill_reason_code"]) for row in result.orders] == [
        (100, "partial", "PARTIAL_FILL"),
        (-40, "filled", None),
    ]


def test_an_order_that_the_windows_end_cuts_short_and_one_that_found_no_volume() -> None:
    short = play(market(volumes(0, 1000, 1000)), {0: 300}, cash_usd=40_000.0, commission=FREE, execution=capped(0.1))
    assert [(row["shares_filled"], row["status"], row["fill_reason_code"]) for row in short.orders] == [(200, "partial", "PARTIAL_FILL")]
    none = play(market(volumes(0, 9, 9)), {0: 300}, cash_usd=40_000.0, commission=FREE, execution=capped(0.1))
    assert [(row["shares_filled"], row["status"], row["fill_reason_code"]) for row in none.orders] == [(0, "unfilled", "VOLUME_CAP")]
    assert none.fills == []


def test_the_rest_is_cut_where_the_cash_has_run_out() -> None:
    bars = [(100.0, 100.0, 100.0, 100.0, 1000.0), (100.0, 100.0, 100.0, 100.0, 500.0), (200.0, 200.0, 200.0, 200.0, 9000.0)]
    result = play(market(bars), {0: 90}, commission=FREE, execution=capped(0.1))
    assert [(fill["shares"], fill["price_usd"]) for fill in result.fills] == [(50, 100.0), (25, 200.0)]
    assert [(row["shares_filled"], row["status"], row["fill_reason_code"]) for row in result.orders] == [(75, "cut", "OPEN_ABOVE_BUDGET")]


def test_a_split_between_two_parts_rebases_the_rest() -> None:
    bars = [*volumes(0, 500, price_usd=70.0), *volumes(9000, 9000, price_usd=10.0)]
    result = play(market(bars, split(2, 7.0)), {0: 60}, commission=FREE, execution=capped(0.1))
    assert [fill["shares"] for fill in result.fills] == [50, 70]
    assert (result.orders[0]["shares_filled"], result.equity[-1]["shares"]) == (120, 420)


@pytest.mark.parametrize("execution", [NEXT_CLOSE, SAME_CLOSE], ids=["next_close", "same_close"])
def test_the_rest_fills_at_the_closes_that_follow(execution: Execution) -> None:
    bars = [(100.0, 101.0, 100.0, 101.0, 500.0), (102.0, 104.0, 102.0, 104.0, 500.0), (105.0, 105.0, 103.0, 103.0, 500.0)]
    result = play(market(bars), {0: 80}, commission=FREE, execution=replace(execution, volume_cap_fraction=0.1))
    places = [0, 1] if execution is SAME_CLOSE else [1, 2]
    assert [(fill["session"], fill["shares"], fill["price_usd"]) for fill in result.fills] == [
        (day(places[0]), 50, bars[places[0]][3]),
        (day(places[1]), 30, bars[places[1]][3]),
    ]


# -- delisting -----------------------------------------------------------------------------------------------------------------------


GONE = [(10.0, 10.0), (10.0, 11.0), (12.0, 12.0), *[None] * 6]


def test_a_symbol_that_ends_is_closed_at_the_last_price_less_the_haircut() -> None:
    trader = Script({0: 100, 2: 10})
    result = play(market(GONE, is_ended=True), trader)
    assert [session for session, _ in trader.seen] == [day(0), day(1), day(2)]
    assert result.fills[-1] == {
        "session": day(7),
        "symbol": "X",
        "order_id": "X-2024-01-10-delisted",
        "decision_session": day(7),
        "shares": -100,
        "price_usd": pytest.approx(8.4),
        "commission_usd": 0.0,
        "slippage_usd": 0.0,
    }
    assert [(row["order_id"], row["status"], row["reason_code"], row["fill_reason_code"]) for row in result.orders[1:]] == [
        ("X-2024-01-03", "unfilled", "ALLOWED", "DELISTED"),
        ("X-2024-01-10-delisted", "filled", "DELISTED", None),
    ]
    assert [row["shares"] for row in result.equity] == [0, *[100] * 6, 0, 0]
    assert result.equity_usd[-1] == pytest.approx(10_000 - 1_000 - 0.99 + 840)
    assert (result.trades[0]["exit_reason"], result.trades[0]["status"]) == ("DELISTED", "closed")


@pytest.mark.parametrize(
    ("bars", "is_ended", "execution"),
    [
        (GONE, False, Execution()),  # the bundle goes on after the window: a halt
        (GONE[:7], True, Execution()),  # four sessions only
        (GONE, True, Execution(delisting_sessions=7)),
        ([*GONE, (3.0, 3.0)], True, Execution()),  # a later bar
    ],
)
def test_what_is_no_delisting(bars: list[tuple[float, float] | None], is_ended: bool, execution: Execution) -> None:
    result = play(market(bars, is_ended=is_ended), {0: 100}, execution=execution)
    assert len(result.fills) == 1
    assert result.trades[0]["status"] == "open"


def test_a_split_after_the_last_bar_moves_the_price_of_the_delisting() -> None:
    result = play(market(GONE, split(4, 2.0), is_ended=True), {0: 100}, commission=FREE, slippage=SLIPPED)
    assert (result.fills[-1]["shares"], result.fills[-1]["price_usd"], result.fills[-1]["slippage_usd"]) == (-200, pytest.approx(4.2), 0.0)


# -- everything at once --------------------------------------------------------------------------------------------------------------

PRICE = st.floats(0.5, 500.0)
BAR = st.tuples(PRICE, PRICE, PRICE, PRICE, st.integers(0, 3000)).map(
    lambda five: (five[0], max(five[:4]), min(five[:4]), five[1], float(five[4]))
)
WINDOWS = st.lists(st.one_of(st.none(), BAR, BAR, BAR), min_size=1, max_size=20)
EXECUTIONS = st.builds(
    Execution,
    fill=st.sampled_from(["next_open", "next_close", "same_close"]),
    volume_cap_fraction=st.sampled_from([0.0, 0.01, 0.1]),
    delisting_sessions=st.integers(1, 3),
)
EXITS = st.one_of(
    st.none(), st.builds(ExitRules, st.floats(-0.5, -0.01), st.floats(0.01, 0.5), st.sampled_from([0.5, 1.0]), st.just("balanced"))
)


@settings(max_examples=120, deadline=None)
@given(
    bars=WINDOWS,
    orders=st.dictionaries(st.integers(0, 19), st.integers(-400, 400), max_size=15),
    exits=EXITS,
    execution=EXECUTIONS,
    slippage=st.sampled_from([NO_SLIPPAGE, Slippage(30, 20)]),
    commission=st.sampled_from(
        [COMMISSION, FREE, Commission(0.005, 1.0, 0.005, order="minimum_then_cap"), Commission(0, 0, 0, "basis_points", basis_points=20)]
    ),
    actions=st.lists(
        st.one_of(
            st.builds(split, st.integers(0, 19), st.sampled_from([7.0, 1.5, 0.1])),
            st.builds(dividend, st.integers(0, 19), st.floats(0.01, 3.0)),
        ),
        max_size=3,
    ),
    is_ended=st.booleans(),
    cash=st.floats(10.0, 1e5),
)
def test_the_books_balance_in_every_mode(bars, orders, exits, execution, slippage, commission, actions, is_ended, cash) -> None:
    window = market(bars, *actions, is_ended=is_ended)
    result = play(window, Guarded(orders, exits), cash_usd=cash, commission=commission, slippage=slippage, execution=execution)
    assert result.equity_usd == pytest.approx(recomputed_equity(window, result.fills, cash_usd=cash), rel=1e-9, abs=1e-6)
    assert all(row["cash_usd"] >= 0 and row["shares"] >= 0 for row in result.equity)
    assert len({row["order_id"] for row in result.orders}) == len(result.orders)
    for row in result.orders:
        fills = [fill for fill in result.fills if fill["order_id"] == row["order_id"]]
        assert row["shares_filled"] == sum(fill["shares"] for fill in fills)
        assert (row["status"] in {"filled", "cut", "partial"}) == bool(fills)
    volumes_by_session = {window.sessions[place]: float(window.volume_shares[bar]) for bar, place in enumerate(window.bar_positions)}
    if execution.volume_cap_fraction:
        traded = Counter[tuple[date, bool]]()
        for fill in result.fills:
            if not fill["order_id"].endswith("delisted"):
                traded[fill["session"], fill["shares"] > 0] += abs(fill["shares"])
        for (session, _), shares in traded.items():
            assert shares <= math.floor(execution.volume_cap_fraction * volumes_by_session[session])
