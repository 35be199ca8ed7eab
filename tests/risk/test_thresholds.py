from __future__ import annotations

import math

import pytest

from tradinggroup.risk.account import Account
from tradinggroup.risk.profile import RiskProfile
from tradinggroup.risk.thresholds import forced_exit, thresholds
from tradinggroup.risk.verdicts import ReasonCode


def _holding(close_usd: float, cost_usd: float | None = 100.0, shares: int = 10) -> Account:
    return Account(cash_usd=0.0, shares=shares, average_cost_usd=cost_usd, close_usd=close_usd, peak_equity_usd=2000.0)


@pytest.mark.parametrize(
    ("style", "sigma10", "stop", "target"),
    [
        ("aggressive", 0.02, -0.06, 0.12),
        ("balanced", 0.02, -0.04, 0.08),
        ("conservative", 0.02, -0.03, 0.05),
        ("aggressive", 0.04, -0.12, 0.24),
        ("balanced", 0.04, -0.08, 0.16),
        ("conservative", 0.04, -0.06, 0.10),
        ("balanced", 0.001, -0.01, 0.02),  # the floor of half a percent
        ("balanced", math.nan, -0.01, 0.02),
    ],
)
def test_widths_by_style(profile: RiskProfile, style: str, sigma10: float, stop: float, target: float) -> None:
    limits = thresholds(style, sigma10, profile)
    assert limits.stop_loss_fraction == pytest.approx(stop, abs=1e-15)
    assert limits.take_profit_fraction == pytest.approx(target, abs=1e-15)
    assert limits.style == style


@pytest.mark.parametrize(
    ("close_usd", "expected"),
    [
        (94.0, ReasonCode.STOP_LOSS),
        (94.01, None),
        (10.0, ReasonCode.STOP_LOSS),
        (100.0, None),
        (111.99, None),
        (112.0, ReasonCode.TAKE_PROFIT),
        (500.0, ReasonCode.TAKE_PROFIT),
    ],
)
def test_balanced_sigma_three_percent(profile: RiskProfile, close_usd: float, expected: ReasonCode | None) -> None:
    assert forced_exit(_holding(close_usd), thresholds("balanced", 0.03, profile)) is expected


@pytest.mark.parametrize("percent", range(1, 30))
def test_a_loss_exactly_at_the_stop_triggers_it(profile: RiskProfile, percent: int) -> None:
    limits = thresholds("balanced", percent / 200, profile)
    assert forced_exit(_holding(100.0 - percent), limits) is ReasonCode.STOP_LOSS


def test_flat_account_has_no_exit(profile: RiskProfile) -> None:
    assert forced_exit(_holding(1.0, cost_usd=None, shares=0), thresholds("balanced", 0.03, profile)) is None
