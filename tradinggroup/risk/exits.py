"""Stop and target as orders inside a bar: whether one fills there, and at what price (`stops = "intraday"`).

A bar tells its open, high, low and close, and not which of high and low came first. So a level beyond the open fills at the
open, and of two levels that lie inside the bar the worse one fills, which is the stop.
"""

from __future__ import annotations

from dataclasses import dataclass

from tradinggroup.risk.profile import RiskProfile
from tradinggroup.risk.thresholds import TOLERANCE_FRACTION, Thresholds
from tradinggroup.risk.verdicts import ReasonCode


@dataclass(frozen=True, slots=True)
class ExitRules:
    """The exits in force from one decision to the next."""

    stop_loss_fraction: float
    """Negative: distance of the stop from the average cost, as a share of it."""
    take_profit_fraction: float
    """Positive: distance of the target, likewise."""
    sell_fraction: float
    """Share of the position that an exit sells, above 0 and at most 1."""
    style: str
    """The style that the widths and the size are those of."""


def exit_rules(limits: Thresholds, profile: RiskProfile) -> ExitRules:
    """The exits inside the bar that a session's thresholds set: as wide as those, as large as a forced exit at the close (spec 6.1)."""
    return ExitRules(
        stop_loss_fraction=limits.stop_loss_fraction,
        take_profit_fraction=limits.take_profit_fraction,
        sell_fraction=1.0 if profile.stops.forced_exit_full else profile.rules(limits.style).sell_position_fraction,
        style=limits.style,
    )


@dataclass(frozen=True, slots=True)
class ExitInside:
    """An exit that fills inside a bar."""

    code: ReasonCode
    """STOP_LOSS or TAKE_PROFIT."""
    price_usd: float
    """The quoted price, slippage not yet taken off."""


def exit_inside_bar(open_usd: float, high_usd: float, low_usd: float, *, average_cost_usd: float, rules: ExitRules) -> ExitInside | None:
    """The exit of a position that is held from this bar's open on, or None where no level is reached.

    At the open the price is there and both levels are known, so a gap beyond one fills at the open. After it the stop is looked at
    first. A price within 1e-12 of a level, as a share of the cost, has reached it.

    Args:
        open_usd, high_usd, low_usd: the bar, on the share scale of the session.
        average_cost_usd: quantity-weighted entry price without commission, after the fill of this open, on the same scale.
        rules: those of the last decision.
    """
    stop_fraction, target_fraction = rules.stop_loss_fraction + TOLERANCE_FRACTION, rules.take_profit_fraction - TOLERANCE_FRACTION
    at_open = open_usd / average_cost_usd - 1
    if at_open <= stop_fraction:
        return ExitInside(ReasonCode.STOP_LOSS, open_usd)
    if at_open >= target_fraction:
        return ExitInside(ReasonCode.TAKE_PROFIT, open_usd)
    if low_usd / average_cost_usd - 1 <= stop_fraction:
        return ExitInside(ReasonCode.STOP_LOSS, max(low_usd, average_cost_usd * (1 + rules.stop_loss_fraction)))
    if high_usd / average_cost_usd - 1 >= target_fraction:
        return ExitInside(ReasonCode.TAKE_PROFIT, min(high_usd, average_cost_usd * (1 + rules.take_profit_fraction)))
    return None
