"""How stops ended, on rows written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tradinggroup.backtest.stop_statistics import ALL, NO_STOP, stop_statistics
from tradinggroup.runs.text.stops import stop_lines

Rows = list[dict[str, Any]]


def line(
    day: int, *, stop: float | None = -0.04, shares: int = 0, cost: float | None = None, close: float = 100.0, symbol: str = "X"
) -> Any:
    return {
        "session": f"2024-01-{day:02d}",
        "symbol": symbol,
        "risk": {"thresholds": None if stop is None else {"stop_loss_fraction": stop}},
        "sizing": {
            "order_id": f"{symbol}-{day:02d}",
            "account": {
                "shares": shares,
                "average_cost_usd": cost,
                "unrealised_fraction": close / cost - 1 if shares and cost else None,
            },
        },
    }


def order(day: int, code: str, *, symbol: str = "X", name: str = "") -> dict[str, Any]:
    return {"session": f"2024-01-{day:02d}", "symbol": symbol, "order_id": f"{symbol}-{day:02d}{name}", "reason_code": code}


def fill(day: int, of: str, shares: int, price: float, *, symbol: str = "X") -> dict[str, Any]:
    return {"session": f"2024-01-{day:02d}", "symbol": symbol, "order_id": f"{symbol}-{of}", "shares": shares, "price_usd": price}


def test_the_loss_of_an_exit_over_the_threshold_it_was_sold_at() -> None:
    """Bought at 100; at 95 the stop at 4 % is reached, and the next open is at 92: a loss of 8 %, twice the threshold."""
    found = stop_statistics(
        [line(1), line(2, shares=10, cost=100.0, close=95.0)],
        orders=[order(1, "ALLOWED"), order(2, "STOP_LOSS")],
        fills=[fill(2, "01", 10, 100.0), fill(3, "02", -10, 92.0)],
        splits={},
    )
    assert found == {"X": found[ALL], ALL: found[ALL]}
    stops = found[ALL]
    assert (stops.stop_exits, stops.target_exits, stops.losing_sessions, stops.reason) == (1, 0, 0, None)
    assert stops.loss_over_threshold_median == pytest.approx(2.0)
    assert stops.loss_over_threshold_worst == stops.loss_over_threshold_p95 == stops.loss_over_threshold_median


def test_average_cost_over_an_addition_a_half_sale_and_a_split() -> None:
    """10 at 100 and 10 at 80 cost 90; half is sold at 81 (-10 %); after a 3:1 split the rest, 30 at 30, is sold at 28.5 (-5 %)."""
    found = stop_statistics(
        [line(1), line(2, shares=10, cost=100.0), line(3, stop=-0.05, shares=20, cost=90.0), line(8, stop=-0.05, shares=10, cost=90.0)],
        orders=[order(1, "ALLOWED"), order(2, "ALLOWED"), order(3, "STOP_LOSS"), order(8, "STOP_LOSS")],
        fills=[fill(2, "01", 10, 100.0), fill(3, "02", 10, 80.0), fill(4, "03", -10, 81.0), fill(9, "08", -30, 28.5)],
        splits={"X": [("2024-01-09", 3.0)]},
    )[ALL]
    assert found.stop_exits == 2
    assert (found.loss_over_threshold_median, found.loss_over_threshold_worst) == (pytest.approx(1.5), pytest.approx(2.0))
    assert found.loss_over_threshold_p95 == pytest.approx(1.95)


def test_a_purchase_after_a_split_counts_on_the_scale_of_the_split() -> None:
    """10 at 100 become 20 at 50; with 20 more at 30 the average is 40, and 38 is a loss of 5 %."""
    found = stop_statistics(
        [line(1), line(3, shares=20, cost=50.0), line(5, stop=-0.05, shares=40, cost=40.0)],
        orders=[order(1, "ALLOWED"), order(3, "ALLOWED"), order(5, "STOP_LOSS")],
        fills=[fill(2, "01", 10, 100.0), fill(4, "03", 20, 30.0), fill(6, "05", -40, 38.0)],
        splits={"X": [("2024-01-03", 2.0)]},
    )[ALL]
    assert found.loss_over_threshold_median == pytest.approx(1.0)


@pytest.mark.parametrize(("sold", "losing"), [(-10, 0), (-4, 1)])
def test_a_position_that_was_sold_and_bought_anew_in_between_is_another_one(sold: int, losing: int) -> None:
    found = stop_statistics(
        [line(1), line(2, shares=10, cost=100.0, close=98.0), line(3, stop=-0.08, shares=10, cost=96.0, close=95.0)],
        orders=[order(1, "ALLOWED"), order(2, "ALLOWED")],
        fills=[fill(2, "01", 10, 100.0), fill(3, "03-stop", sold, 96.0), fill(3, "02", -sold, 96.0), fill(3, "03", -10, 95.0)],
        splits={},
    )[ALL]
    assert (found.losing_sessions, found.widened_sessions) == (losing, losing)


def test_an_exit_inside_the_bar_is_held_against_the_decision_before_it() -> None:
    found = stop_statistics(
        [line(1, stop=-0.02), line(2, stop=-0.5)],
        orders=[order(1, "ALLOWED"), order(2, "STOP_LOSS", name="-stop")],
        fills=[fill(2, "01", 10, 100.0), fill(2, "02-stop", -10, 98.0)],
        splits={},
    )[ALL]
    assert found.loss_over_threshold_median == pytest.approx(1.0)


def test_an_order_filled_in_parts_counts_once() -> None:
    found = stop_statistics(
        [line(1), line(2, shares=10, cost=100.0)],
        orders=[order(1, "ALLOWED"), order(2, "STOP_LOSS")],
        fills=[fill(2, "01", 10, 100.0), fill(3, "02", -5, 96.0), fill(4, "02", -5, 92.0)],
        splits={},
    )[ALL]
    assert (found.stop_exits, found.loss_over_threshold_median) == (1, pytest.approx(1.5))


def test_targets_orders_that_sold_nothing_and_stops_above_the_cost() -> None:
    lines = [line(1), line(2, shares=10, cost=100.0), line(4), line(5, stop=0.05, shares=10, cost=100.0)]
    orders = [order(1, "ALLOWED"), order(2, "TAKE_PROFIT"), order(4, "STOP_LOSS"), order(5, "STOP_LOSS")]
    fills = [fill(2, "01", 10, 100.0), fill(3, "02", -10, 109.0), fill(4, "01", 10, 100.0), fill(6, "05", -10, 104.0)]
    found = stop_statistics(lines, orders=orders, fills=fills, splits={})[ALL]
    assert (found.stop_exits, found.target_exits) == (1, 1)
    assert (found.loss_over_threshold_median, found.reason) == (None, NO_STOP)


@pytest.mark.parametrize(
    ("stop", "cost", "close", "ratio", "losing", "widened"),
    [
        (-0.06, 100.0, 97.0, 1.0, 1, 1),  # wilder
        (-0.03, 100.0, 97.0, 1.0, 1, 0),  # tighter
        (-0.06, 100.0, 101.0, 1.0, 0, 0),  # not losing
        (-0.04, 50.0, 48.5, 2.0, 1, 0),  # a split
        (-0.06, 50.0, 48.5, 2.0, 1, 1),
        (96 / 98 - 1, 98.0, 97.0, 1.0, 1, 0),  # an addition under a stop that stays at 96
        (-0.04, 98.0, 97.0, 1.0, 1, 1),  # and under one that goes with the cost
        (None, 98.0, 97.0, 1.0, 0, 0),  # no stops
    ],
)
def test_sessions_on_which_the_stop_of_a_losing_position_moved_down(
    stop: float | None, cost: float, close: float, ratio: float, losing: int, widened: int
) -> None:
    found = stop_statistics(
        [line(1, shares=10, cost=100.0, close=98.0), line(2, stop=stop, shares=10, cost=cost, close=close)],
        orders=[],
        fills=[],
        splits={"X": [("2024-01-02", ratio)]},
    )[ALL]
    assert (found.losing_sessions, found.widened_sessions) == (losing, widened)


def test_symbols_are_kept_apart_and_all_is_their_sum() -> None:
    found = stop_statistics(
        [line(1), line(1, symbol="Y"), line(2, symbol="Y", shares=10, cost=100.0)],
        orders=[order(1, "ALLOWED", symbol="Y"), order(2, "STOP_LOSS", symbol="Y")],
        fills=[fill(2, "01", 10, 100.0, symbol="Y"), fill(3, "02", -10, 96.0, symbol="Y")],
        splits={},
    )
    assert {symbol: each.stop_exits for symbol, each in found.items()} == {"X": 0, "Y": 1, ALL: 1}
    assert stop_statistics([], orders=[], fills=[], splits={}) == {}


def test_in_words() -> None:
    stops = stop_statistics(
        [line(1), line(2, shares=10, cost=100.0, close=99.0), line(3, shares=10, cost=100.0, close=95.0)],
        orders=[order(1, "ALLOWED"), order(3, "STOP_LOSS")],
        fills=[fill(2, "01", 10, 100.0), fill(4, "03", -10, 92.0)],
        splits={},
    )
    assert list(stop_lines({name: each.to_plain() for name, each in stops.items()})) == [
        "stops: 1 exit at the stop, 0 exits at the target",
        "  loss of an exit over its threshold: median 2.00, 95 % 2.00, worst 2.00 (1 is",
        "  what the stop promised)",
        "  the stop of a losing position moved further down on 0 of 1 session",
    ]
    assert list(stop_lines({})) == []
