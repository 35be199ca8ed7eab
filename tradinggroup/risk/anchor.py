"""Where the stop of an open position is anchored: at today's style and deviation, at the entry, or never further down.

The paper recomputes both exits each session from the session's style and the last ten returns, so that the stop of a losing
position widens when the market becomes wilder or the style bolder: `daily`. The other two (ours) take that away.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from tradinggroup.risk.account import Account
from tradinggroup.risk.profile import StopAnchorMode
from tradinggroup.risk.thresholds import TOLERANCE_FRACTION, Thresholds


@dataclass(frozen=True, slots=True)
class StopAnchor:
    """What ties an open position's exits to its past. A new account starts with an empty one."""

    decided: Thresholds | None = None
    """The style's own exits at the last close: those of the entry decision, where that bought a new position."""
    entry: Thresholds | None = None
    """The style's own exits at the entry decision of the open position; None when flat."""
    stop_price_usd: float | None = None
    """Highest stop price of the open position so far, on the share scale of the last close; None when flat."""


def anchor_exits(
    before: StopAnchor, *, account: Account, daily: Thresholds, mode: StopAnchorMode, split_ratio: float = 1.0
) -> tuple[Thresholds, StopAnchor]:
    """`(exits in force at this close, what to remember for the next)`.

    * `daily` (paper): today's own.
    * `entry`: those of the close before the first purchase filled, at which it was decided unless it had to wait, as long as any
      share is held. Adding to the position or selling a part of it changes nothing; the fractions count from the average cost as
      it is now.
    * `tighten_only`: the target is today's. The stop is today's or the highest stop price so far, whichever is higher, from the
      entry decision on. It is remembered as a price, so that adding at another price can't move it down; a split rescales it, a
      dividend does not touch it, nor the average cost. Where adding far lower has brought the average cost below the stop
      price, `stop_loss_fraction` is positive: any close under that price still sells. (Exits inside the bar count from the average
      cost after the fill of its open, so in the very bar of an addition the stop may stand lower; at its close it is back.)

    When flat, the exits are today's own: a purchase decided now starts with them.

    Args:
        before: what the close before returned.
        account: at this close.
        daily: the exits of today's style and deviation.
        mode: of the profile.
        split_ratio: new shares for one old that took effect since the close before; 1 without a split.
    """
    cost_usd = account.average_cost_usd
    if account.shares == 0 or not cost_usd:
        return daily, StopAnchor(decided=daily)
    if before.entry is None or before.stop_price_usd is None or account.sessions_held == 0:
        entry = before.decided or daily
        highest_usd = cost_usd * (1 + entry.stop_loss_fraction)
    else:
        entry, highest_usd = before.entry, before.stop_price_usd / split_ratio
    match mode:
        case "daily":
            exits = daily
        case "entry":
            exits = entry
        case "tighten_only":
            exits = _tightened(daily, cost_usd=cost_usd, highest_usd=highest_usd)
        case _:
            assert_never(mode)
    stop_usd = max(highest_usd, cost_usd * (1 + exits.stop_loss_fraction))
    return exits, StopAnchor(decided=daily, entry=entry, stop_price_usd=stop_usd)


def _tightened(daily: Thresholds, *, cost_usd: float, highest_usd: float) -> Thresholds:
    """Today's exits, the stop raised to a price that it stood at before; unchanged where it is no lower than that."""
    raised = highest_usd / cost_usd - 1
    return daily if raised <= daily.stop_loss_fraction + TOLERANCE_FRACTION else replace(daily, stop_loss_fraction=raised)
