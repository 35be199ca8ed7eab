"""A symbol that belongs to the universe for a time only: no decision outside, sold after its last session; the books agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest

from tests.backtest.helpers import FREE, Script, day, market, play
from tradinggroup.backtest.execution import Execution
from tradinggroup.data.membership import may_decide

BARS = [(100.0 + place, 101.0 + place) for place in range(8)]


@pytest.mark.parametrize(
    ("spans", "decided"),
    [
        ((), range(8)),
        (((day(2), day(5)),), (2, 3, 4)),
        (((day(2), None),), range(2, 8)),
        (((day(0), day(2)), (day(4), day(6))), (0, 1, 4, 5)),
        (((day(5), day(5)),), ()),
    ],
)
def test_who_is_asked_when(spans: tuple[tuple[date, date | None], ...], decided: Sequence[int]) -> None:
    assert [place for place in range(8) if may_decide(spans, day(place))] == list(decided)
    trader = Script({})
    play(replace(market(BARS), membership=spans), trader)
    assert [session for session, _ in trader.seen] == [day(place) for place in decided]


@pytest.mark.parametrize(("fill", "sold_at", "price"), [("next_open", 6, 106.0), ("next_close", 6, 107.0), ("same_close", 5, 106.0)])
def test_what_is_held_is_sold_after_the_last_session(fill: str, sold_at: int, price: float) -> None:
    """Bought on the first day it may be, and never outside, though the trader would."""
    orders = dict.fromkeys((0, 2, 5, 6), 10)
    bound = replace(market(BARS), membership=((day(2), day(5)),))
    result = play(bound, orders, commission=FREE, execution=Execution(fill=fill))  # type: ignore[arg-type]
    assert [(row["shares"], row["decision_session"]) for row in result.fills] == [(10, day(2)), (-10, day(5))]
    assert (result.fills[-1]["session"], result.fills[-1]["price_usd"]) == (day(sold_at), price)
    sale = result.orders[-1]
    assert (sale["reason_code"], sale["action"], sale["forced"], sale["status"]) == ("MEMBERSHIP_ENDED", "sell", True, "filled")
    assert result.equity[-1]["shares"] == 0


def test_a_sale_that_the_volume_holds_back_goes_on() -> None:
    bars = [(100.0, 101.0, 99.0, 100.0, 1000.0)] * 3 + [(100.0, 101.0, 99.0, 100.0, 40.0)] * 5
    bound = replace(market(bars), membership=((day(0), day(2)),))
    result = play(bound, {0: 10}, commission=FREE, execution=Execution(volume_cap_fraction=0.1))
    assert [(row["session"], row["shares"]) for row in result.fills] == [(day(1), 10), (day(3), -4), (day(4), -4), (day(5), -2)]
    assert [row["reason_code"] for row in result.orders] == ["ALLOWED", "MEMBERSHIP_ENDED"]


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
def test_a_purchase_that_waits_over_the_last_session_ends(fill: str) -> None:
    """Held back by the volume, whether something is held then or not."""
    for first in (0.0, 40.0):
        bars = [(100.0, 101.0, 99.0, 100.0, volume) for volume in (first, first, 0.0, 1e6, 1e6)]
        bound = replace(market(bars), membership=((day(0), day(2)),))
        result = play(bound, {0: 10}, commission=FREE, execution=Execution(fill=fill, volume_cap_fraction=0.1))
        assert all(row["shares"] < 0 or row["session"] <= day(2) for row in result.fills)
        assert result.equity[-1]["shares"] == 0
        assert result.orders[0]["status"] == ("partial" if first else "unfilled")
    assert play(bound, {0: 10}, execution=Execution(fill=fill)).fills[0]["shares"] == 10


def test_a_purchase_that_waits_over_a_halt_does_not_fill_outside() -> None:
    bars = [*BARS[:2], None, None, *BARS[4:]]
    result = play(replace(market(bars), membership=((day(0), day(3)),)), {1: 10}, commission=FREE)
    assert (result.fills, result.orders[0]["status"], result.orders[0]["fill_reason_code"]) == ([], "unfilled", "MEMBERSHIP_ENDED")


def test_no_bar_on_the_last_session() -> None:
    """The next bar is the first moment at which anything can be done."""
    bars = [*BARS[:4], None, *BARS[5:]]
    result = play(replace(market(bars), membership=((day(0), day(4)),)), {1: 10}, commission=FREE)
    assert [(row["session"], row["shares"]) for row in result.fills] == [(day(2), 10), (day(6), -10)]
