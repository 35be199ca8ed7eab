from __future__ import annotations

from dataclasses import replace

import pytest

from tradinggroup.risk.costs import Commission
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
