"""Baselines as traders of one account: those that look at the account alone, and the one that follows prepared signals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from tradinggroup.backtest.baselines.targets import order_for_weight
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import NO_SLIPPAGE, Commission, Slippage

REBALANCE_BAND_FRACTION = 0.05
"""Constant exposure trades when its weight is further than this from its target: five points of the equity (ours)."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What an order of a baseline reckons with."""

    commission: Commission
    gap_buffer_fraction: float
    slippage: Slippage = NO_SLIPPAGE

    def order_for_weight(self, target_fraction: float, account: Account) -> OrderIntent | None:
        """The order that brings the position to a share of the equity at the close (`targets`)."""
        return order_for_weight(
            target_fraction,
            account,
            commission=self.commission,
            gap_buffer_fraction=self.gap_buffer_fraction,
            slippage=self.slippage,
        )


def order_all_or_nothing(account: Account, costs: Costs, *, invested: bool) -> OrderIntent | None:
    """Everything when flat and `invested`, the whole position when not; None where nothing changes."""
    if invested == (account.shares > 0):
        return None
    return costs.order_for_weight(1.0 if invested else 0.0, account)


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
        return self.costs.order_for_weight(self.target_fraction, account)


@dataclass(frozen=True, slots=True)
class FollowSignals:
    """Everything in where the signal of a session is 1, everything out where it is -1 (`signals`)."""

    signals: Mapping[date, int]
    costs: Costs

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        """Follow the signal of this close; a session without one changes nothing."""
        signal = self.signals.get(session, 0)
        return order_all_or_nothing(account, self.costs, invested=signal > 0) if signal else None
