"""Round trips at average cost."""

from __future__ import annotations

import pytest

from tests.backtest.helpers import FREE, day, dividend, market, play, split
from tradinggroup.risk.costs import Commission

ONE_DOLLAR = Commission(per_share_usd=0.0, minimum_usd=1.0, maximum_fraction=0.01)


def test_a_round_trip_with_two_purchases_and_two_sales() -> None:
    bars = [(100.0, 100.0), (100.0, 100.0), (130.0, 130.0), (120.0, 120.0), (140.0, 140.0), (1.0, 1.0)]
    result = play(market(bars, dividend(3, 2.0)), {0: 20, 1: 10, 2: -15, 3: -15}, commission=ONE_DOLLAR)
    assert result.trades == [
        {
            "session": day(4),
            "symbol": "X",
            "entry_session": day(1),
            "exit_session": day(4),
            "status": "closed",
            "shares": 30,
            "entry_price_usd": pytest.approx(110.0),
            "exit_price_usd": pytest.approx(130.0),
            "commission_usd": 4.0,
            "profit_usd": pytest.approx(30 * 20 - 4 + 60),
            "return_fraction": pytest.approx((600 - 4 + 60) / 3_300),
            "sessions_held": 3,
            "entry_style": "balanced",
            "exit_reason": "ALLOWED",
        }
    ]
    assert result.equity_usd[-1] == pytest.approx(10_000 + result.trades[0]["profit_usd"])


def test_an_open_trade_is_marked_at_the_last_close_and_not_sold() -> None:
    result = play(market([(10.0, 10.0), (10.0, 11.0), (12.0, 13.0), None]), {0: 100, 1: -40}, commission=FREE)
    (trade,) = result.trades
    assert (trade["status"], trade["session"], trade["exit_session"], trade["exit_reason"]) == ("open", day(3), None, None)
    assert trade["exit_price_usd"] == pytest.approx((40 * 12 + 60 * 13) / 100)
    assert trade["profit_usd"] == pytest.approx(40 * 2 + 60 * 3)
    assert result.equity[-1]["shares"] == 60


def test_a_split_inside_a_trade_shows_the_entry_on_the_scale_of_the_exit() -> None:
    bars = [(90.0, 90.0), (90.0, 90.0), (60.0, 60.0), (66.0, 66.0)]
    result = play(market(bars, split(2, 1.5)), {0: 7, 2: -10}, commission=FREE)
    (trade,) = result.trades
    assert trade["entry_price_usd"] == pytest.approx(60.0)
    assert trade["shares"] == 10
    assert trade["exit_price_usd"] == pytest.approx((0.5 * 60 + 10 * 66) / 10.5)
    assert trade["profit_usd"] == pytest.approx(60.0)


def test_two_trades_one_after_the_other() -> None:
    bars = [(10.0, 10.0), (10.0, 10.0), (12.0, 12.0), (12.0, 12.0), (9.0, 9.0)]
    result = play(market(bars), {0: 10, 1: -10, 2: 10, 3: -10}, commission=FREE)
    assert [trade["profit_usd"] for trade in result.trades] == pytest.approx([20.0, -30.0])
    assert [trade["sessions_held"] for trade in result.trades] == [1, 1]


def test_a_dividend_without_a_position_belongs_to_no_trade() -> None:
    result = play(market([(10.0, 10.0)] * 4, dividend(1, 1.0)), {1: 10, 2: -10}, commission=FREE)
    assert result.trades[0]["profit_usd"] == 0.0
