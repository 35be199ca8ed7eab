"""An account taken through the sessions after a decision with one order or another: what each would have brought.

It goes the way of the engine (`backtest/engine.py`), step by step: interest, splits and dividends before an open; the order at
the run's own fill, fitted to the cash, the limits and the bar's volume; stop and target inside the bar. A test compares the two over
every mode. Fills are at a close or an open that is past by now; nothing here decides anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tradinggroup.data.records import Bar
from tradinggroup.reflection.trade_terms import SessionAfter, TradeTerms
from tradinggroup.risk.account import Account
from tradinggroup.risk.exits import ExitRules, exit_inside_bar
from tradinggroup.risk.rebasing import rebase_account, rebase_shares
from tradinggroup.risk.sizing import fit_at_open, shares_to_sell
from tradinggroup.risk.volume import VolumeRoom
from tradinggroup.settings import SESSIONS_PER_YEAR


@dataclass(frozen=True, slots=True)
class Filled:
    """What an order came to."""

    shares: int = 0
    """Signed, on the share scale of the fill; zero where nothing filled."""
    price_usd: float = 0.0
    """A share, slippage included."""
    commission_usd: float = 0.0
    slippage_usd: float = 0.0
    average_cost_usd: float | None = None
    """Of the position before the fill; None when flat."""

    @property
    def cost_usd(self) -> float:
        """Commission and slippage, zero or positive."""
        return self.commission_usd + self.slippage_usd


@dataclass(frozen=True, slots=True)
class Played:
    """What an order brings: its own fill, and the account from just before it to the close at which it is valued."""

    filled: Filled
    equity_before_usd: float
    """At the close that the outcome is measured from, before the order."""
    equity_after_usd: float
    """At the close of the last session, before anything that fills at that close."""
    cost_usd: float
    """Commission and slippage of the order and of the exits behind it."""


def play_order(account: Account, order_shares: int, after: Sequence[SessionAfter], *, terms: TradeTerms) -> Played:
    """What the order of a decision brings under the run's own fill (design 4.6).

    Args:
        account: at the close of the decision, before the order.
        order_shares: signed, on the share scale of that close; zero for none. What `account` says still waits then goes on.
        after: as many sessions as `terms.sessions_to_label`, in their order.
        terms: of every fill.
    """
    path = _Path(account, order=order_shares, waits="new", room=account.volume_room)
    if order_shares == 0:
        path = replace(path, order=account.waiting_shares, waits="exit" if account.is_exit_waiting else "rest")
    if terms.fill == "same_close":
        filled = path.ordered(account.close_usd, terms) if order_shares else path
        return _held(filled, after[0], equity_before_usd=account.equity_usd, terms=terms)
    first, bar = path.started(after[0], terms), after[0].bar
    if terms.fill == "next_open":
        return _result(first.ordered(bar.open_usd, terms).guarded(after[0], terms).closed(bar), account.equity_usd)
    at_close = first.guarded(after[0], terms).closed(bar).forgetting_costs()
    return _held(at_close.ordered(bar.close_usd, terms), after[1], equity_before_usd=at_close.account.equity_usd, terms=terms)


def _held(path: _Path, after: SessionAfter, *, equity_before_usd: float, terms: TradeTerms) -> Played:
    """The session after a fill at a close."""
    return _result(path.started(after, terms).guarded(after, terms).closed(after.bar), equity_before_usd)


def _result(path: _Path, equity_before_usd: float) -> Played:
    return Played(path.filled, equity_before_usd, path.account.equity_usd, path.cost_usd)


@dataclass(frozen=True, slots=True)
class _Path:
    """An account on its way, with the order that waits. Each step returns the next value."""

    account: Account
    order: int
    """Signed shares that wait to be filled, on the present scale."""
    waits: Literal["new", "rest", "exit"]
    """What it is: of the decision that is judged; the rest of an earlier one; or the rest of an exit inside a bar."""
    room: VolumeRoom | None
    """What is left of the present bar; None for no cap."""
    held_back: int = 0
    """Rest of an exit of this bar; from the next session on it waits as an order."""
    filled: Filled = Filled()
    cost_usd: float = 0.0

    def started(self, after: SessionAfter, terms: TradeTerms) -> _Path:
        """Before the open: what waits now, a session's interest, the split, the dividend."""
        order = 0 if after.has_new_order else self.held_back or self.order
        held, ratio = self.account, after.split_ratio
        rebased = rebase_account(replace(held, cash_usd=held.cash_usd * (1 + terms.cash_rate_per_year / SESSIONS_PER_YEAR)), ratio)
        cash_usd = rebased.cash_usd + after.dividend_per_share_usd * held.shares * ratio
        cap = terms.volume_cap_fraction
        return replace(
            self,
            account=replace(rebased, cash_usd=cash_usd),
            order=rebase_shares(order, ratio),
            waits="exit" if self.held_back else self.waits,
            held_back=0,
            room=VolumeRoom.of(math.floor(cap * after.bar.volume_shares)) if cap else None,
        )

    def ordered(self, quoted_usd: float, terms: TradeTerms) -> _Path:
        """The order filled at a price of the bar, as far as it can be."""
        account, filled, rest = _fill(self.account, self.order, quoted_usd, room=self.room, terms=terms)
        waits = "rest" if rest and self.waits == "new" else self.waits
        room = _left(self.room, filled)
        return replace(self, account=account, order=rest, waits=waits, room=room, filled=filled, cost_usd=self.cost_usd + filled.cost_usd)

    def guarded(self, after: SessionAfter, terms: TradeTerms) -> _Path:
        """Stop and target tried inside the bar, on what is held after its open. An exit ends a purchase that waits.

        Of the rest of the exit and a sale that waits the larger one goes on, a sale at this bar's close already.
        """
        if after.exits is None or self.account.average_cost_usd is None or (self.waits == "exit" and self.order):
            return self
        found = _exit_price_usd(after.bar, self.account.average_cost_usd, after.exits)
        if found is None:
            return self
        count = shares_to_sell(self.account.shares, after.exits.sell_fraction)
        account, filled, rest = _fill(self.account, -count, found, room=self.room, terms=terms)
        done = replace(self, account=account, room=_left(self.room, filled), cost_usd=self.cost_usd + filled.cost_usd)
        if rest < self.order:
            return replace(done, order=0, held_back=rest)
        return replace(done, order=min(0, self.order), waits="exit" if rest else self.waits)

    def closed(self, bar: Bar) -> _Path:
        """The account at the bar's close."""
        return replace(self, account=replace(self.account, close_usd=bar.close_usd))

    def forgetting_costs(self) -> _Path:
        """From here on costs count anew: what came before was not the order's."""
        return replace(self, cost_usd=0.0)


def _exit_price_usd(bar: Bar, average_cost_usd: float, rules: ExitRules) -> float | None:
    found = exit_inside_bar(bar.open_usd, bar.high_usd, bar.low_usd, average_cost_usd=average_cost_usd, rules=rules)
    return None if found is None else found.price_usd


def _left(room: VolumeRoom | None, filled: Filled) -> VolumeRoom | None:
    return None if room is None else room.after(filled.shares)


def _fill(account: Account, shares: int, quoted_usd: float, *, room: VolumeRoom | None, terms: TradeTerms) -> tuple[Account, Filled, int]:
    """The account after a fill, the fill, and what the bar's volume has held back; the account as it was where nothing can be filled."""
    fitted = count = _fitted(account, shares, quoted_usd, terms)
    if room is not None and abs(count) > room.for_order(count):
        count = _fitted(account, int(math.copysign(room.for_order(count), count)), quoted_usd, terms)  # a part pays a commission of its own
    if count == 0:
        return account, Filled(average_cost_usd=account.average_cost_usd), fitted
    price_usd = terms.slippage.price_usd(count, quoted_usd)
    filled = Filled(
        count, price_usd, terms.commission.usd(count, price_usd), terms.slippage.usd(count, quoted_usd), account.average_cost_usd
    )
    cash_usd = account.cash_usd - count * price_usd - filled.commission_usd
    held = account.shares + count
    bought = replace(account, cash_usd=cash_usd, shares=held, average_cost_usd=_average_cost_usd(account, filled))
    return bought, filled, fitted - count


def _fitted(account: Account, shares: int, quoted_usd: float, terms: TradeTerms) -> int:
    count, _ = fit_at_open(
        shares,
        cash_usd=account.cash_usd,
        held_shares=account.shares,
        open_usd=quoted_usd,
        commission=terms.commission,
        limits=terms.profile.limits,
        slippage=terms.slippage,
    )
    return count


def _average_cost_usd(account: Account, filled: Filled) -> float | None:
    """Quantity-weighted entry price without commission; a sale leaves it as it is, and None when flat."""
    held = account.shares + filled.shares
    if held == 0:
        return None
    if filled.shares < 0:
        return account.average_cost_usd
    before_usd = account.shares * (account.average_cost_usd or 0.0)
    return (before_usd + filled.shares * filled.price_usd) / held
