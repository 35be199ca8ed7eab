"""The account at backtrader: its broker holds cash and position, its clock calls ours.

`AccountBroker` adds to backtrader's broker what it lacks (splits, dividends, interest, orders that fit the cash), before each
open. Orders for an open are backtrader's own market orders, with its own slippage. A fill at another price of the bar goes through
`execute`, since none of its order types finds that price (docs/decisions/0008). `play` runs one Cerebro. Nothing here touches
state that backtrader shares inside a process, but for its counter of orders, whose numbers are used nowhere: so accounts may run
in several threads at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from tradinggroup.backtest.feed import BarFeed, bt
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.errors import ErrorCode, TradinggroupError
from tradinggroup.risk.costs import NO_SLIPPAGE, Commission, Slippage


@dataclass(frozen=True, slots=True)
class Fill:
    """An execution: signed whole shares, USD a share, commission in USD, and what the distance to the quoted price cost in USD."""

    shares: int
    price_usd: float
    commission_usd: float
    slippage_usd: float


class AccountEvents(Protocol):
    """What the engine does at each step of a bar."""

    def before_open(self, broker: AccountBroker) -> None:
        """Before orders are tried at this bar's open."""
        ...

    def after_open(self, broker: AccountBroker) -> None:
        """After they were."""
        ...

    def at_close(self, broker: AccountBroker) -> int:
        """Once the bar is complete. Returns signed shares of a market order for the next open, 0 for none."""
        ...


class CommissionScheme(bt.CommInfoBase):
    """Hands backtrader's question for a commission to `risk.costs`; shares are stock, without margin."""

    params = (("schedule", None), ("stocklike", True), ("commtype", bt.CommInfoBase.COMM_FIXED))

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:  # noqa: ARG002, FBT001 (backtrader's signature)
        return float(self.p.schedule.usd(abs(int(size)), price))


class AccountBroker(bt.brokers.BackBroker):
    """backtrader's broker for one symbol with at most one waiting market order."""

    def __init__(self) -> None:
        super().__init__()
        self.set_checksubmit(False)  # it would test orders against the close of the bar they were made on
        self._slippage = NO_SLIPPAGE
        self._events: AccountEvents | None = None
        self._feed: Any = None
        self._order: Any = None
        self._cash_before_usd = 0.0

    def attach(self, events: AccountEvents, feed: BarFeed, slippage: Slippage) -> None:
        """Say whom to call, whose position this is, and what its fills lose."""
        self._events = events
        self._feed = feed
        self._slippage = slippage
        if slippage.fraction:
            self.set_slippage_perc(slippage.fraction, slip_open=True, slip_match=True, slip_out=True)

    @property
    def cash_usd(self) -> float:
        """Free cash."""
        return float(self.cash)

    @property
    def held_shares(self) -> int:
        """Whole shares held."""
        return int(self.positions[self._feed].size)

    @property
    def average_cost_usd(self) -> float | None:
        """Quantity-weighted entry price without commission; None when flat."""
        position = self.positions[self._feed]
        return float(position.price) if position.size else None

    def credit(self, usd: float) -> None:
        """Add cash now; backtrader's own `add_cash` would wait for the end of the bar."""
        self.cash += usd

    def rebase(self, shares: int, ratio: float) -> None:
        """Put the position on the scale after a split: `shares` whole shares, their average cost divided by `ratio`."""
        position = self.positions[self._feed]
        position.fix(shares, position.price / ratio if shares else 0.0)

    def resize(self, shares: int) -> None:
        """Give the waiting order another size, in signed shares, not 0."""
        self._order.size = self._order.created.size = self._order.executed.remsize = shares

    def withdraw(self) -> None:
        """Take the waiting order back."""
        self.cancel(self._order)
        self._order = None

    def take_fill(self) -> Fill:
        """The fill of the waiting order at this bar's open. Raises TradinggroupError INTERNAL as `execute` does."""
        order, self._order = self._order, None
        return self._settled(order, quoted_usd=float(self._feed.open[0]))

    def execute(self, shares: int, quoted_usd: float) -> Fill:
        """Fill signed `shares` now at a price of this bar, slippage on top.

        Raises TradinggroupError INTERNAL where backtrader does not fill the order: it was fitted before, so it must.
        """
        send = self.buy if shares > 0 else self.sell
        order = send(None, self._feed, abs(shares), exectype=bt.Order.Market)
        self.pending.remove(order)
        self._cash_before_usd = self.cash
        self._execute(order, ago=0, price=self._slippage.price_usd(shares, quoted_usd))
        self._bracketize(order)
        fill = self._settled(order, quoted_usd=quoted_usd)
        self._get_value()
        return fill

    def close_out(self, price_usd: float) -> Fill:
        """Turn all shares into cash at a price that no bar has: the symbol has none any more. Free of commission."""
        fill = Fill(-self.held_shares, price_usd, 0.0, 0.0)
        self.credit(-fill.shares * price_usd)
        self.positions[self._feed].fix(0, 0.0)
        return fill

    def _settled(self, order: Any, *, quoted_usd: float) -> Fill:
        """What backtrader made of an order.

        backtrader returns the cost of a sale and its profit in two sums. The cash is set to what a reader of the fills gets
        (cash - shares * price - commission), so that both agree to the last bit and it never falls below zero by rounding.
        """
        if order.status != order.Completed:
            raise TradinggroupError(
                ErrorCode.INTERNAL,
                "the simulated broker did not fill a fitted order",
                status=order.getstatusname(),
                remedy="Please report it with the symbol and the session.",
            )
        execution = order.executed.exbits[-1]
        shares = int(execution.size)
        fill = Fill(shares, float(execution.price), float(execution.comm), self._slippage.usd(shares, quoted_usd))
        self.cash = self._cash_before_usd - fill.shares * fill.price_usd - fill.commission_usd
        return fill

    def await_fill(self, order: Any) -> None:
        """Remember the order that waits for the next open."""
        self._order = order

    def next(self) -> None:
        """Called by backtrader at each bar, before the strategy."""
        if self._events is not None:
            self._events.before_open(self)
            self._cash_before_usd = self.cash
            super().next()
            self._events.after_open(self)

    def notify(self, order: Any) -> None:
        """Tell nobody: the engine reads the order itself, and backtrader's book of trades knows no splits."""


class ClockStrategy(bt.Strategy):
    """backtrader's strategy, as a clock: each completed bar calls the engine, and its answer becomes an order."""

    params = (("events", None),)

    def _notify(self, qorders: Any = (), qtrades: Any = ()) -> None:
        """Skip what backtrader tells a strategy at each bar: the engine reads orders and cash itself."""

    def next(self) -> None:
        """Called by backtrader once a bar is complete."""
        shares = self.p.events.at_close(self.broker)
        if shares > 0:
            self.broker.await_fill(self.buy(size=shares, exectype=bt.Order.Market))
        elif shares < 0:
            self.broker.await_fill(self.sell(size=-shares, exectype=bt.Order.Market))


def play(
    market: SymbolMarket, events: AccountEvents, *, cash_usd: float, commission: Commission, slippage: Slippage = NO_SLIPPAGE
) -> AccountBroker:
    """Run all bars of `market` in a Cerebro of their own and return the broker as it stands afterwards.

    Exceptions of `events` come out unchanged. Without a bar nothing is called.
    """
    feed = BarFeed(market=market, name=market.symbol)
    broker = AccountBroker()
    broker.set_cash(cash_usd)
    broker.addcommissioninfo(CommissionScheme(schedule=commission))
    broker.attach(events, feed, slippage)
    if market.bar_positions:
        cerebro = bt.Cerebro(stdstats=False, preload=True, runonce=True)
        cerebro.broker = broker
        cerebro.adddata(feed)
        cerebro.addstrategy(ClockStrategy, events=events)
        cerebro.run()
    return broker
