"""Bars, and the exit that a trader would say each of them gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradinggroup.risk.exits import ExitInside, ExitRules, exit_inside_bar, exit_rules
from tradinggroup.risk.profile import RiskProfile
from tradinggroup.risk.thresholds import Thresholds
from tradinggroup.risk.verdicts import ReasonCode

RULES = ExitRules(stop_loss_fraction=-0.07, take_profit_fraction=0.14, sell_fraction=1.0, style="balanced")
STOP, TARGET = ReasonCode.STOP_LOSS, ReasonCode.TAKE_PROFIT


@pytest.mark.parametrize(
    ("bar", "expected"),
    [
        ((100, 113.99, 93.01), None),  # between the levels
        ((96, 97, 92), (STOP, 93)),
        ((96, 97, 93), (STOP, 93)),  # touched exactly
        ((93, 97, 90), (STOP, 93)),  # opened exactly on it
        ((88, 91, 85), (STOP, 88)),  # gap down through the stop
        ((110, 116, 108), (TARGET, 114)),
        ((110, 114, 108), (TARGET, 114)),
        ((120, 125, 119), (TARGET, 120)),  # gap up through the target
        ((100, 120, 90), (STOP, 93)),  # both: the worse one
        ((120, 125, 90), (TARGET, 120)),  # the target filled at the open, before the fall
        ((90, 125, 89), (STOP, 90)),
    ],
)
def test_bars_of_a_position_that_cost_100(bar: tuple[float, float, float], expected: tuple[ReasonCode, float] | None) -> None:
    found = exit_inside_bar(*bar, average_cost_usd=100.0, rules=RULES)
    if expected is None:
        assert found is None
    else:
        assert found == ExitInside(expected[0], pytest.approx(expected[1], abs=1e-9))


PRICES = st.floats(0.01, 10_000)


@given(prices=st.tuples(PRICES, PRICES, PRICES), cost=PRICES, stop=st.floats(-2, 0), target=st.floats(0, 2))
def test_an_exit_is_inside_the_bar_and_no_level_is_passed_over(
    prices: tuple[float, float, float], cost: float, stop: float, target: float
) -> None:
    low, open_usd, high = sorted(prices)
    found = exit_inside_bar(open_usd, high, low, average_cost_usd=cost, rules=ExitRules(stop, target, 1.0, "balanced"))
    if found is None:
        assert low > cost * (1 + stop)
        assert high < cost * (1 + target)
    else:
        assert low <= found.price_usd <= high
        assert found.code is TARGET or found.price_usd <= cost * (1 + stop) + 1e-9 * cost


def test_exits_are_as_wide_as_the_thresholds_and_as_large_as_a_forced_exit(profile: RiskProfile) -> None:
    limits = Thresholds("aggressive", 0.02, 3.0, 6.0, -0.06, 0.12)
    assert exit_rules(limits, profile) == ExitRules(-0.06, 0.12, 0.5, "aggressive")
    full = profile.model_copy(update={"stops": profile.stops.model_copy(update={"forced_exit_full": True})})
    assert exit_rules(limits, full).sell_fraction == 1.0
