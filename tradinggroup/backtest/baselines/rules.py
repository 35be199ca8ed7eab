"""Baselines that follow a rule on the account and on closes known at the session.

Each is a trader of one account. Closes come through a function that reads a view as of the session's close, adjusted for
splits and dividends that had come by then, so a baseline sees as little of the future as the agents do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.baselines.targets import order_for_weight
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission

ClosesAt = Callable[[date, int], npt.NDArray[np.float64]]
"""(session, count) -> up to `count` adjusted closes known at the session's close, oldest first."""

REBALANCE_BAND_FRACTION = 0.05
"""Constant exposure trades when its weight is further than this from its target: five points of the equity (ours)."""
FAST_SESSIONS = 10
SLOW_SESSIONS = 20
MOMENTUM_FROM_SESSIONS = 252
MOMENTUM_TO_SESSIONS = 21
MOMENTUM_CLOSES = MOMENTUM_FROM_SESSIONS + 1
"""Closes that the momentum rule reads: today's and the 252 before."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What an order of a baseline reckons with."""

    commission: Commission
    gap_buffer_fraction: float


def order_all_or_nothing(account: Account, costs: Costs, *, invested: bool) -> OrderIntent | None:
    """Everything when flat and `invested`, the whole position when not; None where nothing changes."""
    if invested == (account.shares > 0):
        return None
    return order_for_weight(1.0 if invested else 0.0, account, commission=costs.commission, gap_buffer_fraction=costs.gap_buffer_fraction)


@dataclass(frozen=True, slots=True)
class BuyAndHold:
    """Buys at its first decision, so at the second session's open, with all cash; asks again while it is flat; never sells."""

    costs: Costs

    def on_close(self, session: date, account: Account) -> OrderIntent | None:  # noqa: ARG002 (a trader's signature)
        """Buy while flat."""
        return order_all_or_nothing(account, self.costs, invested=True)


@dataclass(frozen=True, slots=True)
class ConstantExposure:
    """Holds one weight, and trades only when flat or further than the band from it.

    Its weight is the agents' mean weight in the same window: known in hindsight only, and marked so.
    """

    target_fraction: float
    costs: Costs

    def on_close(self, session: date, account: Account) -> OrderIntent | None:  # noqa: ARG002 (a trader's signature)
        """Rebalance outside the band."""
        if account.shares and abs(account.weight_fraction - self.target_fraction) <= REBALANCE_BAND_FRACTION:
            return None
        return order_for_weight(
            self.target_fraction, account, commission=self.costs.commission, gap_buffer_fraction=self.costs.gap_buffer_fraction
        )


@dataclass(frozen=True, slots=True)
class SmaCross:
    """Invested while the mean of the last 10 closes is above that of the last 20, else flat; flat under 20 closes."""

    closes: ClosesAt
    costs: Costs

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        """Compare both means at this close."""
        closes_usd = self.closes(session, SLOW_SESSIONS)
        enough = len(closes_usd) == SLOW_SESSIONS
        invested = enough and float(np.mean(closes_usd[-FAST_SESSIONS:])) > float(np.mean(closes_usd))
        return order_all_or_nothing(account, self.costs, invested=invested)


@dataclass(frozen=True, slots=True)
class Momentum:
    """Invested while the return from 252 to 21 sessions ago is positive (twelve months less the last one), else flat."""

    closes: ClosesAt
    costs: Costs

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        """Look at the return that ended a month ago."""
        closes_usd = self.closes(session, MOMENTUM_CLOSES)
        enough = len(closes_usd) == MOMENTUM_CLOSES
        invested = enough and float(closes_usd[-1 - MOMENTUM_TO_SESSIONS]) > float(closes_usd[-1 - MOMENTUM_FROM_SESSIONS])
        return order_all_or_nothing(account, self.costs, invested=invested)
