"""The drawdown halt: after a deep enough fall of the account, no purchase for the rest of the run or for some sessions."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tradinggroup.risk.account import Account
from tradinggroup.risk.profile import Limits
from tradinggroup.risk.thresholds import TOLERANCE_FRACTION


@dataclass(frozen=True, slots=True)
class DrawdownWatch:
    """What the halt remembers from close to close. A new account starts with an empty one."""

    peak_equity_usd: float | None = None
    """Highest close since the last halt ended; None before any has: the account's own peak counts."""
    reached_fraction: float | None = None
    """Drawdown that set off the halt in force, negative; None while there is none."""
    sessions_halted: int = 0
    """Closes of the halt so far, the one that set it off and the present one included."""

    @property
    def is_halted(self) -> bool:
        """Whether no purchase may be decided at this close."""
        return self.reached_fraction is not None


def watch_drawdown(before: DrawdownWatch, *, account: Account, limits: Limits) -> DrawdownWatch:
    """The halt as it stands at the close of `account`.

    A halt is set off at the close at which the equity is `maximum_drawdown_fraction` or more below its highest close. It lasts to
    the end of the run, or for `drawdown_halt_sessions` closes, this one included (ours). After such a pause the peak is counted
    anew from the equity then: cash alone never climbs back to an old peak, so the old one would halt for ever.

    Args:
        before: the value returned at the close before.
        account: at this close.
        limits: without `maximum_drawdown_fraction` there is never a halt.
    """
    if limits.maximum_drawdown_fraction is None:
        return before
    if before.is_halted:
        lasting = limits.drawdown_halt_sessions
        if lasting is None or before.sessions_halted < lasting:
            return replace(before, sessions_halted=before.sessions_halted + 1)
        return DrawdownWatch(peak_equity_usd=account.equity_usd)
    own_usd = before.peak_equity_usd
    peak_usd = account.peak_equity_usd if own_usd is None else max(own_usd, account.equity_usd)
    drawdown = account.equity_usd / peak_usd - 1 if peak_usd > 0 else 0.0
    if drawdown <= -limits.maximum_drawdown_fraction + TOLERANCE_FRACTION:
        return DrawdownWatch(own_usd if own_usd is None else peak_usd, reached_fraction=drawdown, sessions_halted=1)
    return DrawdownWatch(own_usd if own_usd is None else peak_usd)
