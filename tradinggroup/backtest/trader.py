"""What decides: the agents' desk and every baseline are traders on the same engine.

A trader is called once a session with a bar, after its close. It is given a date and a copy of its account and nothing else:
no bar, no broker, no backtrader object, so that it cannot see a price after the close it decides on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from tradinggroup.risk.account import Account
from tradinggroup.risk.exits import ExitRules
from tradinggroup.risk.profile import Limits
from tradinggroup.risk.verdicts import ReasonCode

__all__ = ["ExitRules", "OrderIntent", "Trader", "TraderWithExits"]


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """A market order for the run's own fill, by default the next open. Share counts are whole; purchases positive, sales negative."""

    shares: int
    action: str
    style: str | None
    code: ReasonCode
    forced: bool
    wanted_shares: int
    """What was asked for before the risk layer changed it; equal to `shares` where it did not."""
    limits: Limits | None = None
    """Of the profile that it was decided under, which hold at its fill too; None for those of the account, if it has any."""
    ends_purchase: ReasonCode | None = None
    """With 0 shares: the limit for which the rest of an earlier purchase ends; None to let it wait on."""


class Trader(Protocol):
    """Decides at the close of a session. An exception ends the account's run and reaches its caller unchanged."""

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        """The order for the run's own fill; None, or an intent of 0 shares, sends none.

        It takes the place of an order that still waits, but for the rest of a forced exit: that one goes only for another forced sale.
        """
        ...


class TraderWithExits(Trader, Protocol):
    """A trader whose stop and target live as orders inside each bar (`stops = "intraday"`)."""

    exits: ExitRules | None
    """Those in force from the decision just made to the next one; None for none."""
