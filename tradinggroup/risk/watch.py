"""What the risk layer knows of an account at a close: the exits in force and the halt, carried from close to close.

One small frozen value and one pure function, so that whoever trades (the desk, a guarded baseline) only has to keep the last value,
and a run that is resumed or verified comes to the same one.
"""

from __future__ import annotations

from dataclasses import dataclass

from tradinggroup.risk.account import Account
from tradinggroup.risk.anchor import StopAnchor, anchor_exits
from tradinggroup.risk.halt import DrawdownWatch, watch_drawdown
from tradinggroup.risk.limits import PurchaseConditions
from tradinggroup.risk.profile import RiskProfile
from tradinggroup.risk.thresholds import Thresholds, thresholds


@dataclass(frozen=True, slots=True)
class RiskWatch:
    """The risk layer's view of an account at one close."""

    exits: Thresholds
    """In force for the open position, or for one that is bought now."""
    daily: Thresholds
    """Of today's style and deviation alone; the same as `exits` under `stop_anchor = "daily"`."""
    anchor: StopAnchor
    drawdown: DrawdownWatch

    def conditions(self, *, mean_volume_shares: float | None) -> PurchaseConditions:
        """What the limits of a purchase at this close depend on beside the account. See `View.mean_volume_shares`."""
        return PurchaseConditions(mean_volume_shares=mean_volume_shares, drawdown=self.drawdown)


def watch_close(
    before: RiskWatch | None,
    *,
    account: Account,
    style: str,
    sigma10_fraction: float,
    profile: RiskProfile,
    split_ratio: float = 1.0,
) -> RiskWatch:
    """The value at this close. Call it once a session that decides, whatever is decided.

    Args:
        before: the value of the session before; None on the first.
        account: at this close.
        style: of this session.
        sigma10_fraction: as in `thresholds`.
        profile: the styles' widths, the limits and the anchor.
        split_ratio: new shares for one old that took effect since the session before; 1 without a split.
    """
    daily = thresholds(style, sigma10_fraction, profile)
    exits, anchor = anchor_exits(
        before.anchor if before is not None else StopAnchor(),
        account=account,
        daily=daily,
        mode=profile.stops.stop_anchor,
        split_ratio=split_ratio,
    )
    drawdown = watch_drawdown(before.drawdown if before is not None else DrawdownWatch(), account=account, limits=profile.limits)
    return RiskWatch(exits=exits, daily=daily, anchor=anchor, drawdown=drawdown)
