"""Tables of bars and the fills they must give, as a trader would write them down."""

from __future__ import annotations

import pytest

from tests.backtest.helpers import FREE, Script, day, dividend, intent, market, play, split
from tradinggroup.risk.costs import Commission

FLAT = [(100.0, 100.0)] * 4

# bars (open, close), orders {position: shares}, cash -> fills (position, shares, price, commission), last order's status and reason
CASES = {
    "a purchase fills at the next open": (
        [(100.0, 100.0), (101.0, 103.0), (104.0, 104.0)],
        {0: 50},
        10_000.0,
        [(1, 50, 101.0, 0.99)],
        ("filled", None),
    ),
    "commission a share above the minimum": (FLAT, {0: 1000}, 200_000.0, [(1, 1000, 100.0, 4.9)], ("filled", None)),
    "commission capped by the value, then at least the minimum": (
        [(0.30, 0.30)] * 3,
        {0: 1000},
        1_000.0,
        [(1, 1000, 0.30, 3.0)],
        ("filled", None),
    ),
    "a gap up cuts the purchase": (
        [(100.0, 100.0), (110.0, 110.0)],
        {0: 99},
        10_000.0,
        [(1, 90, 110.0, 0.99)],
        ("cut", "OPEN_ABOVE_BUDGET"),
    ),
    "a gap up past the cash denies it": (
        [(100.0, 100.0), (10_000.0, 10_000.0)],
        {0: 99},
        10_000.0,
        [],
        ("denied", "OPEN_UNAFFORDABLE"),
    ),
    "a gap down fills at the better price": ([(100.0, 100.0), (80.0, 79.0)], {0: 99}, 10_000.0, [(1, 99, 80.0, 0.99)], ("filled", None)),
    "a sale of more than is held is cut": (
        FLAT,
        {0: 10, 1: -25},
        10_000.0,
        [(1, 10, 100.0, 0.99), (2, -10, 100.0, 0.99)],
        ("cut", "POSITION_GONE"),
    ),
    "a sale without shares is denied": (FLAT, {0: -5}, 10_000.0, [], ("denied", "POSITION_GONE")),
    "an order of the last session stays unfilled": (FLAT, {3: 10}, 10_000.0, [], ("unfilled", None)),
    "a sale that does not pay its commission is denied": (
        [(1.0, 1.0), (1.0, 1.0), (0.5, 0.5), (0.5, 0.5)],
        {0: 1, 1: -1},
        1.99,
        [(1, 1, 1.0, 0.99)],
        ("denied", "COMMISSION_UNAFFORDABLE"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_fills(name: str) -> None:
    bars, orders, cash_usd, fills, (status, reason) = CASES[name]
    result = play(market(bars), orders, cash_usd=cash_usd)
    made = [(fill["session"], fill["shares"], fill["price_usd"], pytest.approx(fill["commission_usd"])) for fill in result.fills]
    assert made == [(day(position), shares, price, commission) for position, shares, price, commission in fills]
    assert (result.orders[-1]["status"], result.orders[-1]["fill_reason_code"]) == (status, reason)
    assert all(row["cash_usd"] >= 0 for row in result.equity)


def test_cash_bought_to_the_last_cent_is_zero_not_less() -> None:
    result = play(market([(1.0, 1.0), (33.0, 33.0)]), {0: 3}, cash_usd=100.0, commission=Commission(0.0, 1.0, 0.01))
    assert result.fills[0]["shares"] == 3
    assert result.equity[-1]["cash_usd"] == 0.0


def test_order_rows_say_who_asked_and_what_became_of_it() -> None:
    result = play(market(FLAT), {0: 10, 2: -4})
    assert result.orders[0] == {
        "session": day(0),
        "symbol": "X",
        "order_id": "X-2024-01-01",
        "action": "buy",
        "style": "balanced",
        "reason_code": "ALLOWED",
        "forced": False,
        "shares_wanted": 10,
        "shares_ordered": 10,
        "shares_filled": 10,
        "status": "filled",
        "fill_session": day(1),
        "fill_reason_code": None,
    }
    assert result.fills[1]["order_id"] == "X-2024-01-03"
    assert result.fills[1]["decision_session"] == day(2)


def test_a_halt_asks_nobody_marks_at_the_last_close_and_fills_the_waiting_order_later() -> None:
    bars = [(100.0, 100.0), (100.0, 102.0), None, None, (110.0, 111.0), None]
    trader = Script({0: 10, 1: 20})
    result = play(market(bars), trader)
    assert [session for session, _ in trader.seen] == [day(0), day(1), day(4)]
    assert [row["session"] for row in result.equity] == [day(position) for position in range(6)]
    assert [row["close_usd"] for row in result.equity] == [100.0, 102.0, 102.0, 102.0, 111.0, 111.0]
    assert [row["shares"] for row in result.equity] == [0, 10, 10, 10, 30, 30]
    assert [(row["session"], row["fill_session"]) for row in result.orders] == [(day(0), day(1)), (day(1), day(4))]
    assert result.fills[1]["price_usd"] == 110.0
    assert result.sink.finished == [day(0), day(1), day(4), day(5)]  # nothing is done while its order may still be logged


def test_an_order_before_a_halt_that_lasts_to_the_end_is_unfilled() -> None:
    result = play(market([(100.0, 100.0), None, None]), {0: 10})
    assert [row["status"] for row in result.orders] == ["unfilled"]
    assert result.equity_usd == [10_000.0] * 3


def test_a_window_without_any_bar_keeps_its_cash() -> None:
    result = play(market([None, None], close_before_usd=7.0), {0: 10})
    assert [(row["equity_usd"], row["shares"], row["close_usd"]) for row in result.equity] == [(10_000.0, 0, 7.0)] * 2
    assert play(market([None]), {}).equity[0]["close_usd"] is None


def test_no_mark_before_the_first_bar_of_a_new_share() -> None:
    result = play(market([None, (5.0, 6.0), (6.0, 6.0)]), {1: 10})
    assert [row["close_usd"] for row in result.equity] == [None, 6.0, 6.0]
    assert result.fills[0]["session"] == day(2)


def test_a_split_with_odd_shares_keeps_the_equity_to_the_cent() -> None:
    bars = [(90.0, 90.0), (90.0, 91.5), (61.0, 61.0), (61.0, 61.0)]
    trader = Script({0: 7})
    result = play(market(bars, split(2, 1.5)), trader, commission=FREE)
    assert [row["shares"] for row in result.equity] == [0, 7, 10, 10]  # 10.5 shares: half a share of 61 is paid out
    assert result.equity[2]["cash_usd"] == pytest.approx(10_000 - 7 * 90 + 30.5)
    assert result.equity_usd[2] == pytest.approx(result.equity_usd[1], abs=1e-9)
    assert trader.seen[2][1].average_cost_usd == pytest.approx(60.0)


def test_a_seven_for_one_split_over_a_position_and_a_waiting_sale() -> None:
    bars = [(70.0, 70.0), (70.0, 77.0), (12.0, 12.0), (12.0, 12.0)]
    result = play(market(bars, split(2, 7.0)), {0: 9, 1: -4}, commission=FREE)
    assert [(fill["shares"], fill["price_usd"]) for fill in result.fills] == [(9, 70.0), (-28, 12.0)]
    assert (result.orders[1]["shares_ordered"], result.orders[1]["shares_filled"], result.orders[1]["status"]) == (-4, -28, "filled")
    assert result.equity[2]["shares"] == 35


def test_a_split_rebases_a_waiting_purchase() -> None:
    result = play(market([(70.0, 70.0), (9.9, 9.9)], split(1, 7.0)), {0: 5})
    assert [(fill["shares"], fill["price_usd"]) for fill in result.fills] == [(35, 9.9)]
    assert result.orders[0]["status"] == "filled"


def test_a_three_for_two_split_rounds_a_waiting_order_down() -> None:
    result = play(market([(90.0, 90.0), (90.0, 90.0), (60.0, 60.0), (60.0, 60.0)], split(2, 1.5)), {0: 7, 1: -3}, commission=FREE)
    assert [fill["shares"] for fill in result.fills] == [7, -4]


def test_selling_everything_over_a_split_leaves_nothing() -> None:
    result = play(market([(90.0, 90.0), (90.0, 90.0), (60.0, 60.0), (60.0, 60.0)], split(2, 1.5)), {0: 7, 1: -7}, commission=FREE)
    assert [row["shares"] for row in result.equity] == [0, 7, 0, 0]
    assert result.equity_usd == pytest.approx([10_000.0] * 4)
    assert result.trades[0]["profit_usd"] == pytest.approx(0.0, abs=1e-9)


def test_a_reverse_split_pays_out_the_rest_and_ends_orders_that_vanish() -> None:
    bars = [(1.0, 1.0), (1.0, 1.0), (10.0, 10.0), (10.0, 10.0)]
    result = play(market(bars, split(2, 0.1)), {0: 25, 1: 4}, commission=FREE)
    assert result.equity[2]["shares"] == 2
    assert result.equity_usd == pytest.approx([10_000.0] * 4)
    assert (result.orders[1]["status"], result.orders[1]["fill_reason_code"]) == ("denied", "ZERO_SHARES")


def test_a_reverse_split_can_end_a_position() -> None:
    bars = [(1.0, 1.0), (1.0, 1.0), (10.0, 10.0), (10.0, 10.0)]
    result = play(market(bars, split(2, 0.1)), {0: 5, 1: -5}, commission=FREE)
    assert result.equity[2]["shares"] == 0
    assert result.equity_usd == pytest.approx([10_000.0] * 4)
    assert (result.orders[1]["status"], result.orders[1]["fill_reason_code"]) == ("denied", "POSITION_GONE")
    assert result.trades[0]["exit_reason"] == "CASH_IN_LIEU"


def test_a_ratio_that_is_not_exact_in_binary_loses_no_share() -> None:
    bars = [(1.0, 1.0), (1.0, 1.0), (49.0, 49.0)]
    result = play(market(bars, split(2, 1 / 49)), {0: 49}, commission=FREE)
    assert result.equity[2]["shares"] == 1
    assert result.equity_usd[2] == pytest.approx(10_000.0, abs=1e-6)


def test_a_split_on_a_session_without_a_bar_rebases_the_mark() -> None:
    bars = [(70.0, 70.0), (70.0, 70.0), None, (10.0, 10.0)]
    result = play(market(bars, split(2, 7.0)), {0: 3, 1: 2}, commission=FREE)
    assert [row["close_usd"] for row in result.equity] == [70.0, 70.0, 10.0, 10.0]
    assert [row["shares"] for row in result.equity] == [0, 3, 21, 35]
    assert result.equity_usd == pytest.approx([10_000.0] * 4)


def test_a_dividend_goes_to_the_shares_held_at_the_prior_close() -> None:
    result = play(market(FLAT, dividend(2, 1.5)), {0: 10}, commission=FREE)
    assert [row["cash_usd"] for row in result.equity] == pytest.approx([10_000, 9_000, 9_015, 9_015])


def test_shares_bought_at_the_open_of_the_ex_session_get_no_dividend() -> None:
    assert play(market(FLAT, dividend(1, 1.5)), {0: 10}, commission=FREE).equity[-1]["cash_usd"] == 9_000.0


def test_shares_sold_at_the_open_of_the_ex_session_still_get_it() -> None:
    assert play(market(FLAT, dividend(2, 1.5)), {0: 10, 1: -10}, commission=FREE).equity[-1]["cash_usd"] == 10_015.0


def test_a_dividend_can_pay_for_the_order_of_its_own_open() -> None:
    result = play(market([(10.0, 10.0)] * 3, dividend(2, 5.0)), {0: 1, 1: 1}, cash_usd=15.0, commission=FREE)
    assert [fill["shares"] for fill in result.fills] == [1, 1]
    assert result.equity[-1]["cash_usd"] == 0.0


def test_a_split_and_a_dividend_of_one_session_pay_on_the_new_scale() -> None:
    bars = [(100.0, 100.0), (100.0, 100.0), (50.0, 50.0)]
    result = play(market(bars, dividend(2, 1.0), split(2, 2.0)), {0: 10}, commission=FREE)
    assert result.equity[2]["shares"] == 20
    assert result.equity[2]["cash_usd"] == pytest.approx(9_000 + 20)


def test_idle_cash_earns_a_252nd_a_session() -> None:
    result = play(market([*FLAT[:3], None]), {}, cash_rate_per_year=0.0252)
    assert result.equity_usd == pytest.approx([10_000 * 1.0001**position for position in range(4)], rel=1e-14)


def test_the_account_that_a_trader_sees() -> None:
    bars = [(100.0, 100.0), (100.0, 120.0), (110.0, 110.0)]
    trader = Script({0: 10, 1: 10})
    play(market(bars), trader, commission=Commission(0.0, 1.0, 0.01))
    account = trader.seen[2][1]
    assert (account.cash_usd, account.shares, account.close_usd) == (10_000 - 1_001 - 1_101, 20, 110.0)
    assert account.average_cost_usd == pytest.approx(105.0)
    assert account.peak_equity_usd == pytest.approx(10_000 - 1_001 + 1_200)
    assert account.drawdown_fraction == pytest.approx((7_898 + 2_200) / 10_199 - 1)


def test_an_intent_of_no_shares_is_no_order() -> None:
    class Nothing:
        def on_close(self, session, account):
            return intent(0)

    assert play(market(FLAT), Nothing()).orders == []
