"""Volatility-scaled stop-loss and take-profit (spec 6.1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tradinggroup.risk.account import Account
from tradinggroup.risk.profile import RiskProfile
from tradinggroup.risk.verdicts import ReasonCode

TOLERANCE_FRACTION = 1e-12
"""A profit this near to a threshold has reached it: 93 / 100 - 1 is a hair above -0.07 in binary."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The exits of one session, as fractions of the average cost."""

    style: str
    sigma10_fraction: float
    """Daily deviation over 10 sessions that the widths were scaled by, floor applied."""
    stop_loss_multiplier: float
    take_profit_multiplier: float
    stop_loss_fraction: float
    """Negative: the open loss at which the position is sold."""
    take_profit_fraction: float
    """Positive: the open profit at which the position is sold."""


def thresholds(style: str, sigma10_fraction: float, profile: RiskProfile) -> Thresholds:
    """The exits of a style: `-m_sl * sigma10` and `m_tp * sigma10` (spec 6.1, eq. 3).

    Args:
        style: the session's style; widths change with it also for a position that is already open.
        sigma10_fraction: population deviation of the last 10 daily log returns, not annualised.
        profile: multipliers and the floor of sigma10. A sigma10 that is no number counts as the floor.
    """
    rules, floor = profile.rules(style), profile.stops.sigma_floor_fraction
    sigma = max(floor, sigma10_fraction) if math.isfinite(sigma10_fraction) else floor
    return Thresholds(
        style=style,
        sigma10_fraction=sigma,
        stop_loss_multiplier=rules.stop_loss_multiplier,
        take_profit_multiplier=rules.take_profit_multiplier,
        stop_loss_fraction=-rules.stop_loss_multiplier * sigma,
        take_profit_fraction=rules.take_profit_multiplier * sigma,
    )


def forced_exit(account: Account, limits: Thresholds) -> ReasonCode | None:
    """STOP_LOSS or TAKE_PROFIT where the open position has reached an exit at the close, else None; None when flat."""
    profit = account.unrealised_fraction
    if profit is None:
        return None
    if profit <= limits.stop_loss_fraction + TOLERANCE_FRACTION:
        return ReasonCode.STOP_LOSS
    if profit >= limits.take_profit_fraction - TOLERANCE_FRACTION:
        return ReasonCode.TAKE_PROFIT
    return None
