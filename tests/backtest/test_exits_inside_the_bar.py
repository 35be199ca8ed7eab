"""Stop and target as orders inside the bar: tables of bars and the fills they must give."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from tests.backtest.helpers import FREE, Guarded, day, dividend, market, play, split
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.risk.account import Account
from tradinggroup.risk.exits import ExitRules
from tradinggroup.risk.verdicts import ReasonCode

RULES = ExitRules(stop_loss_fraction=-0.07, take_profit_fraction=0.14, sell_fraction=1.0, style="balanced")
HALF = replace(RULES, sell_fraction=0.5, style="aggressive")
FLAT = (100.0, 100.0, 100.0, 100.0)
TENTH = Execution(volume_cap_fraction=0.1)
STOP, TARGET = "STOP_LOSS", "TAKE_PROFIT"

# bars (open, high, low, close), orders {position: shares}, exits -> fills (position, shares, price, reason of the order)
CASES = {
    "a fall inside the bar fills at the stop": (
        [FLAT, FLAT, (98.0, 99.0, 90.0, 91.0), FLAT],
        {0: 50},
        RULES,
        [(1, 50, 100.0, "ALLOWED"), (2, -50, 93.0, STOP)],
    ),
    "a gap down through the stop fills at the open": (
        [FLAT, FLAT, (88.0, 89.0, 85.0, 87.0)],
        {0: 50},
        RULES,
        [(1, 50, 100.0, "ALLOWED"), (2, -50, 88.0, STOP)],
    ),
    "a gap up through the target fills at the open": (
        [FLAT, FLAT, (118.0, 120.0, 117.0, 119.0)],
        {0: 50},
        RULES,
        [(1, 50, 100.0, "ALLOWED"), (2, -50, 118.0, TARGET)],
    ),
    "a rise inside the bar fills at the target": (
        [FLAT, FLAT, (105.0, 116.0, 104.0, 110.0)],
        {0: 50},
        RULES,
        [(1, 50, 100.0, "ALLOWED"), (2, -50, 114.0, TARGET)],
    ),
    "of both in one bar the stop fills": (
        [FLAT, FLAT, (100.0, 120.0, 90.0, 118.0)],
        {0: 50},
        RULES,
        [(1, 50, 100.0, "ALLOWED"), (2, -50, 93.0, STOP)],
    ),
    "a level touched exactly is reached": (
        [FLAT, FLAT, (100.0, 101.0, 93.0, 99.0)],
        {0: 50},
        RULES,
        [(1, 50, 100.0, "ALLOWED"), (2, -50, 93.0, STOP)],
    ),
    "the exits live in the rest of the entry's bar": (
        [FLAT, (100.0, 101.0, 92.0, 94.0), FLAT],
        {0: 50},
        RULES,
        [(1, 50, 100.0, "ALLOWED"), (1, -50, 93.0, STOP)],
    ),
    "the entry's own open is no exit": (
        [FLAT, (60.0, 61.0, 59.0, 60.0), (60.0, 60.0, 60.0, 60.0)],
        {0: 50},
        RULES,
        [(1, 50, 60.0, "ALLOWED")],
    ),
    "half of the position goes, and the rest is guarded anew": (
        [FLAT, FLAT, (98.0, 99.0, 90.0, 95.0), (95.0, 95.0, 92.0, 92.0)],
        {0: 51},
        HALF,
        [(1, 51, 100.0, "ALLOWED"), (2, -25, 93.0, STOP), (3, -13, 93.0, STOP)],
    ),
    "a sale of the same open comes first, and the exit takes what is left": (
        [FLAT, FLAT, (88.0, 89.0, 85.0, 87.0)],
        {0: 50, 1: -20},
        RULES,
        [(1, 50, 100.0, "ALLOWED"), (2, -20, 88.0, "ALLOWED"), (2, -30, 88.0, STOP)],
    ),
    "a sale of everything leaves the exit nothing": (
        [FLAT, FLAT, (88.0, 89.0, 85.0, 87.0)],
        {0: 50, 1: -50},
        RULES,
        [(1, 50, 100.0, "ALLOWED"), (2, -50, 88.0, "ALLOWED")],
    ),
    "a purchase of the same open moves the level with the average cost": (
        [FLAT, FLAT, (120.0, 120.0, 103.0, 104.0), (104.0, 104.0, 102.0, 103.0)],
        {0: 50, 1: 50},
        replace(RULES, take_profit_fraction=0.50),  # 100 shares at 110 on average: the stop is at 102.30
        [(1, 50, 100.0, "ALLOWED"), (2, 50, 120.0, "ALLOWED"), (3, -100, 102.3, STOP)],
    ),
    "nothing is sold where no level is reached": ([FLAT, FLAT, (94.0, 113.0, 93.5, 100.0)], {0: 50}, RULES, [(1, 50, 100.0, "ALLOWED")]),
    "no exits, no fills": ([FLAT, FLAT, (50.0, 200.0, 10.0, 50.0)], {0: 50}, None, [(1, 50, 100.0, "ALLOWED")]),
}


@pytest.mark.parametrize("name", CASES)
def test_exits(name: str) -> None:
    bars, orders, rules, fills = CASES[name]
    result = play(market(bars), Guarded(orders, rules), commission=FREE, cash_usd=20_000.0)
    reasons = {row["order_id"]: row["reason_code"] for row in result.orders}
    made = [(fill["session"], fill["shares"], pytest.approx(fill["price_usd"]), reasons[fill["order_id"]]) for fill in result.fills]
    assert [(day(position), *rest) for position, *rest in fills] == made


def test_the_rows_of_an_exit() -> None:
    result = play(market([FLAT, FLAT, (98.0, 99.0, 90.0, 91.0), FLAT]), Guarded({0: 50}, RULES), commission=FREE)
    assert result.orders[1] == {
        "session": day(2),
        "symbol": "X",
        "order_id": "X-2024-01-03-stop",
        "action": "sell",
        "style": "balanced",
        "reason_code": STOP,
        "forced": True,
        "shares_wanted": -50,
        "shares_ordered": -50,
        "shares_filled": -50,
        "status": "filled",
        "fill_session": day(2),
        "fill_reason_code": None,
    }
    assert result.fills[1]["order_id"] == "X-2024-01-03-stop"
    assert result.fills[1]["decision_session"] == day(2)
    assert (result.trades[0]["exit_reason"], result.trades[0]["profit_usd"]) == (STOP, pytest.approx(-350.0))
    up = play(market([FLAT, FLAT, (118.0, 120.0, 117.0, 119.0)]), Guarded({0: 50}, RULES), commission=FREE)
    assert up.orders[1]["order_id"] == "X-2024-01-03-target"


def test_what_the_trader_sees_after_an_exit() -> None:
    trader = Guarded({0: 50}, RULES)
    play(market([FLAT, FLAT, (98.0, 99.0, 90.0, 91.0), FLAT, FLAT]), trader, commission=FREE)
    assert [account.shares for _, account in trader.seen] == [0, 50, 0, 0, 0]
    assert [account.orders_filled for _, account in trader.seen] == [0, 1, 1, 0, 0]
    assert [account.sessions_since_stop for _, account in trader.seen] == [None, None, 0, 1, 2]
    assert [account.previous_equity_usd for _, account in trader.seen] == [None, 10_000.0, 10_000.0, 9_650.0, 9_650.0]


def test_a_split_over_the_night_moves_levels_and_a_waiting_order() -> None:
    bars = [(700.0,) * 4, (700.0,) * 4, (100.0, 101.0, 92.0, 95.0), (95.0,) * 4]
    result = play(market(bars, split(2, 7.0)), Guarded({0: 4, 1: 2}, RULES), commission=FREE)
    assert [(fill["shares"], fill["price_usd"]) for fill in result.fills] == [(4, 700.0), (14, 100.0), (-42, pytest.approx(93.0))]


def test_a_reverse_split_moves_the_levels_up() -> None:
    bars = [(10.0,) * 4, (10.0,) * 4, (100.0, 101.0, 92.0, 95.0)]
    result = play(market(bars, split(2, 0.1)), Guarded({0: 45}, RULES), commission=FREE)
    assert [(fill["shares"], fill["price_usd"]) for fill in result.fills] == [(45, 10.0), (-4, pytest.approx(93.0))]


def test_the_fall_of_an_ex_day_reaches_the_stop_and_the_dividend_is_paid() -> None:
    """As at a broker whose orders are not adjusted: the price falls by the dividend, the average cost stays."""
    bars = [FLAT, FLAT, (94.0, 94.0, 92.0, 93.5), FLAT]
    result = play(market(bars, dividend(2, 5.0)), Guarded({0: 50}, RULES), commission=FREE)
    assert [(fill["shares"], fill["price_usd"]) for fill in result.fills] == [(50, 100.0), (-50, pytest.approx(93.0))]
    assert result.equity[2]["cash_usd"] == pytest.approx(10_000 - 350 + 250)


def test_a_purchase_at_a_close_is_guarded_from_the_next_bar_on() -> None:
    bars = [FLAT, (100.0, 101.0, 80.0, 100.0), (98.0, 99.0, 90.0, 91.0)]
    for fill, bought in (("next_close", 1), ("same_close", 1)):
        order = {0: 50} if fill == "next_close" else {1: 50}
        result = play(market(bars), Guarded(order, RULES), commission=FREE, execution=Execution(fill=fill))
        made = [(each["session"], each["shares"], each["price_usd"]) for each in result.fills]
        assert made == [(day(bought), 50, 100.0), (day(2), -50, pytest.approx(93.0))]


def test_an_order_for_the_close_of_a_bar_whose_exit_sold_everything_is_gone() -> None:
    bars = [FLAT, FLAT, (98.0, 99.0, 90.0, 91.0)]
    result = play(market(bars), Guarded({0: 50, 1: -50}, RULES), commission=FREE, execution=Execution(fill="next_close"))
    assert [(row["order_id"], row["status"], row["fill_reason_code"]) for row in result.orders] == [
        ("X-2024-01-01", "filled", None),
        ("X-2024-01-03-stop", "filled", None),
        ("X-2024-01-02", "denied", "POSITION_GONE"),
    ]


def test_what_a_bar_cannot_take_of_an_exit_is_sold_at_the_opens_that_follow() -> None:
    bars = [
        (*FLAT, 5000.0),
        (*FLAT, 5000.0),
        (98.0, 99.0, 90.0, 95.0, 200.0),
        (95.0, 96.0, 80.0, 94.0, 200.0),
        (96.0, 96.0, 96.0, 96.0, 200.0),
    ]
    result = play(market(bars), Guarded({0: 50}, RULES), commission=FREE, execution=Execution(volume_cap_fraction=0.1))
    assert [(fill["session"], fill["shares"], fill["price_usd"]) for fill in result.fills] == [
        (day(1), 50, 100.0),
        (day(2), -20, pytest.approx(93.0)),
        (day(3), -20, 95.0),  # not set off anew, though the bar falls below the stop
        (day(4), -10, 96.0),
    ]
    row = result.orders[1]
    assert (row["order_id"], row["shares_filled"], row["status"], row["fill_session"]) == ("X-2024-01-03-stop", -50, "filled", day(4))
    assert row["fill_reason_code"] == "VOLUME_CAP"


@pytest.mark.parametrize("fill", ["next_close", "same_close"])
def test_at_closes_the_rest_of_an_exit_waits_for_the_next_one(fill: str) -> None:
    bars = [(*FLAT, 5000.0), (*FLAT, 5000.0), (98.0, 99.0, 90.0, 95.0, 300.0), (95.0, 96.0, 80.0, 94.0, 300.0)]
    execution = Execution(fill=fill, volume_cap_fraction=0.1)
    result = play(market(bars), Guarded({0: 50}, RULES), commission=FREE, execution=execution)
    assert [(made["session"], made["shares"], made["price_usd"]) for made in result.fills[1:]] == [
        (day(2), -30, pytest.approx(93.0)),
        (day(3), -20, 94.0),
    ]


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
@pytest.mark.parametrize("answer", [5, -5])
def test_no_answer_takes_the_place_of_the_rest_of_an_exit(fill: str, answer: int) -> None:
    bars = [(*FLAT, 5000.0), (*FLAT, 5000.0), (98.0, 99.0, 90.0, 95.0, 300.0), (97.0, 97.0, 97.0, 97.0, 5000.0)]
    trader = Guarded({0: 50, 2: answer}, RULES)
    result = play(market(bars), trader, commission=FREE, execution=Execution(fill=fill, volume_cap_fraction=0.1))
    assert [fill["shares"] for fill in result.fills] == [50, -30, -20]
    assert {row["order_id"]: (row["status"], row["fill_reason_code"]) for row in result.orders[1:]} == {
        "X-2024-01-03": ("denied", STOP),
        "X-2024-01-03-stop": ("filled", "VOLUME_CAP"),
    }
    seen = trader.seen[2][1]
    assert (seen.waiting_exit, seen.waiting_shares, trader.seen[3][1].waiting_exit) == (STOP, -20, None)


def test_a_forced_sale_may_take_the_place_of_the_rest_of_an_exit() -> None:
    class Forcing(Guarded):
        def on_close(self, session: date, account: Account) -> OrderIntent | None:
            wanted = super().on_close(session, account)
            return None if wanted is None else replace(wanted, forced=wanted.shares < 0, code=ReasonCode.TAKE_PROFIT)

    bars = [(*FLAT, 5000.0), (*FLAT, 5000.0), (98.0, 99.0, 90.0, 95.0, 100.0), (97.0, 97.0, 97.0, 97.0, 100.0), (*FLAT, 5000.0)]
    result = play(market(bars), Forcing({0: 50, 2: -30, 3: 7}, HALF), commission=FREE, execution=Execution(volume_cap_fraction=0.1))
    assert [fill["shares"] for fill in result.fills] == [50, -10, -10, -20]
    assert [(row["order_id"][-4:], row["status"], row["fill_reason_code"]) for row in result.orders[1:]] == [
        ("stop", "partial", "PARTIAL_FILL"),
        ("1-04", "denied", TARGET),
        ("1-03", "filled", "VOLUME_CAP"),
    ]


@pytest.mark.parametrize("has_cap", [False, True])
def test_a_purchase_for_the_close_of_a_bar_whose_exit_fired_is_gone(has_cap: bool) -> None:
    """Else the same session would open the position anew."""
    bars = [FLAT, FLAT, (98.0, 99.0, 90.0, 91.0), FLAT]
    execution = Execution(fill="next_close", volume_cap_fraction=0.1 if has_cap else 0.0)
    result = play(market(bars), Guarded({0: 50, 1: 40}, RULES), commission=FREE, execution=execution)
    assert [fill["shares"] for fill in result.fills] == [50, -50]
    assert [(row["order_id"], row["status"], row["fill_reason_code"]) for row in result.orders] == [
        ("X-2024-01-01", "filled", None),
        ("X-2024-01-03-stop", "filled", None),
        ("X-2024-01-02", "unfilled", STOP),
    ]


def test_sales_of_one_bar_share_its_volume_and_a_purchase_takes_none_of_it() -> None:
    thin = (98.0, 99.0, 90.0, 91.0, 200.0)
    sold = play(market([(*FLAT, 1e4), (*FLAT, 1e4), thin]), Guarded({0: 50, 1: -15}, RULES), commission=FREE, execution=TENTH)
    assert [(fill["session"], fill["shares"]) for fill in sold.fills] == [(day(1), 50), (day(2), -15), (day(2), -5)]
    bought = play(market([(*FLAT, 1e4), (*FLAT, 1e4), thin]), Guarded({0: 50, 1: 15}, RULES), commission=FREE, execution=TENTH)
    assert [(fill["session"], fill["shares"]) for fill in bought.fills] == [(day(1), 50), (day(2), 15), (day(2), -20)]


def test_purchases_of_one_close_share_its_volume() -> None:
    bars = [(*FLAT, 100.0), (*FLAT, 150.0), (*FLAT, 1e4)]
    result = play(market(bars), {0: 20, 1: 30}, commission=FREE, execution=replace(TENTH, fill="same_close"))
    assert [(fill["session"], fill["shares"]) for fill in result.fills] == [(day(0), 10), (day(1), 10), (day(1), 5), (day(2), 25)]


def test_a_larger_sale_goes_on_in_the_place_of_an_exit_and_no_answer_removes_it() -> None:
    bars = [(*FLAT, 1e4), (*FLAT, 1e4), (98.0, 99.0, 90.0, 95.0, 100.0), (95.0, 95.0, 95.0, 95.0, 100.0), (*FLAT, 1e4)]
    trader = Guarded({0: 50, 1: -45, 2: 5, 3: 5}, HALF)
    result = play(market(bars), trader, commission=FREE, execution=TENTH)
    assert [fill["shares"] for fill in result.fills] == [50, -10, -10, -25]
    assert [(row["order_id"], row["status"], row["fill_reason_code"]) for row in result.orders[1:]] == [
        ("X-2024-01-03-stop", "unfilled", "VOLUME_CAP"),
        ("X-2024-01-03", "denied", STOP),
        ("X-2024-01-04", "denied", STOP),
        ("X-2024-01-02", "filled", "VOLUME_CAP"),
    ]


def test_a_smaller_sale_ends_where_the_rest_of_an_exit_is_larger() -> None:
    bars = [(*FLAT, 1e4), (*FLAT, 1e4), (98.0, 99.0, 90.0, 95.0, 100.0), (95.0, 95.0, 95.0, 95.0, 1e4)]
    result = play(market(bars), Guarded({0: 50, 1: -5}, RULES), commission=FREE, execution=replace(TENTH, fill="next_close"))
    assert [(fill["session"], fill["shares"]) for fill in result.fills] == [(day(1), 50), (day(2), -10), (day(3), -40)]
    assert {row["order_id"]: row["status"] for row in result.orders[1:]} == {"X-2024-01-02": "unfilled", "X-2024-01-03-stop": "filled"}


def test_a_rest_that_a_reverse_split_swallows_does_not_bar_the_next_exit() -> None:
    bars = [(10.0, 10.0, 10.0, 10.0, 1e4)] * 2 + [(9.8, 9.9, 9.0, 9.5, 240.0), (95.0, 96.0, 85.0, 86.0, 1e4)]
    result = play(market(bars, split(3, 0.1)), Guarded({0: 60}, HALF), commission=FREE, execution=replace(TENTH, fill="same_close"))
    assert [(fill["session"], fill["shares"]) for fill in result.fills] == [(day(0), 60), (day(2), -24), (day(3), -1)]


def test_a_target_starts_no_cool_down() -> None:
    trader = Guarded({0: 50}, RULES)
    result = play(market([FLAT, FLAT, (118.0, 120.0, 117.0, 119.0), FLAT]), trader, commission=FREE)
    assert result.orders[1]["reason_code"] == TARGET
    assert [account.sessions_since_stop for _, account in trader.seen] == [None] * 4


def test_a_stop_without_any_volume_waits_whole() -> None:
    bars = [(*FLAT, 5000.0), (*FLAT, 5000.0), (98.0, 99.0, 90.0, 95.0, 0.0), (97.0, 97.0, 97.0, 97.0, 5000.0)]
    result = play(market(bars), Guarded({0: 50}, RULES), commission=FREE, execution=Execution(volume_cap_fraction=0.1))
    assert [(fill["session"], fill["shares"], fill["price_usd"]) for fill in result.fills[1:]] == [(day(3), -50, 97.0)]


def test_an_exit_ends_the_rest_of_the_purchase_that_it_sells_out_of() -> None:
    bars = [(*FLAT, 300.0), (*FLAT, 300.0), (98.0, 99.0, 90.0, 95.0, 1000.0), (95.0, 95.0, 95.0, 95.0, 1000.0)]
    result = play(market(bars), Guarded({0: 300}, RULES), cash_usd=50_000.0, commission=FREE, execution=Execution(volume_cap_fraction=0.1))
    stop_usd = (30 * 100 + 100 * 98) / 130 * 0.93
    assert [(fill["shares"], fill["price_usd"]) for fill in result.fills] == [
        (30, 100.0),
        (100, 98.0),
        (-100, pytest.approx(stop_usd)),
        (-30, 95.0),
    ]
    assert [(row["order_id"], row["status"], row["fill_reason_code"]) for row in result.orders] == [
        ("X-2024-01-01", "partial", "PARTIAL_FILL"),
        ("X-2024-01-03-stop", "filled", "VOLUME_CAP"),
    ]
