from __future__ import annotations

from dataclasses import replace

import pytest

from tradinggroup.risk.costs import NO_SLIPPAGE, Commission, Slippage
from tradinggroup.settings import CostSettings


@pytest.mark.parametrize(
    ("shares", "price_usd", "expected_usd"),
    [
        (0, 100.0, 0.0),
        (1, 100.0, 0.99),  # the minimum
        (202, 100.0, 0.99),
        (203, 100.0, 0.9947),  # the first count whose price a share passes the minimum
        (999, 100.0, 4.8951),
        (-999, 100.0, 4.8951),  # a sale costs the same
        (10_000, 0.10, 10.0),  # 49 USD capped at 1 % of 1,000 USD
        (100, 0.10, 0.99),  # capped at 0.10 USD, then the minimum, which comes last
    ],
)
def test_commission_table(commission: Commission, shares: int, price_usd: float, expected_usd: float) -> None:
    assert commission.usd(shares, price_usd) == pytest.approx(expected_usd, abs=1e-12)


def test_commission_is_made_from_the_settings(commission: Commission) -> None:
    assert replace(Commission.of(CostSettings()), basis_points=0.0) == commission


@pytest.mark.parametrize(
    ("shares", "price_usd", "cap_last_usd", "floor_last_usd"),
    [
        (100, 0.10, 0.10, 0.99),  # 10 USD of value: the cap is 0.10 and contradicts the floor
        (1, 100.0, 0.99, 0.99),  # the cap is 1.00: both hold
        (1, 50.0, 0.50, 0.99),
        (10_000, 0.10, 10.0, 10.0),  # 49 USD capped at 1 % of 1,000 USD
        (1000, 100.0, 4.9, 4.9),
    ],
)
def test_floor_and_cap_in_either_order(shares: int, price_usd: float, cap_last_usd: float, floor_last_usd: float) -> None:
    for order, expected_usd in (("minimum_then_cap", cap_last_usd), ("cap_then_minimum", floor_last_usd)):
        made = Commission(0.0049, 0.99, 0.01, order=order)
        assert made.usd(shares, price_usd) == pytest.approx(expected_usd, abs=1e-12)


def test_commission_by_value_or_none() -> None:
    settings = CostSettings(commission="basis_points", commission_bps=10)
    assert Commission.of(settings).usd(-50, 200.0) == pytest.approx(10.0)  # 0.1 % of 10,000 USD, whatever floor and cap are
    assert Commission.of(CostSettings(commission="none")).usd(50, 200.0) == 0.0


def test_slippage_and_half_spread_are_against_the_trader_on_both_sides() -> None:
    slippage = Slippage.of(CostSettings(slippage_bps=5, half_spread_bps=15))
    assert slippage.price_usd(10, 100.0) == pytest.approx(100.2)
    assert slippage.price_usd(-10, 100.0) == pytest.approx(99.8)
    assert slippage.usd(10, 100.0) == slippage.usd(-10, 100.0) == pytest.approx(2.0)
    assert NO_SLIPPAGE.price_usd(7, 0.1 + 0.2) == 0.1 + 0.2
