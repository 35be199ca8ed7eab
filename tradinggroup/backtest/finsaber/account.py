"""The account of the convention: backtrader's own broker and order checks, as they come.

Orders of a bar are accepted or refused at the next one, each at the close of the bar it was made on; accepted ones fill at the
open, first in, first out. What opens a position fills only if the cash pays for it, else it is dropped whole. A short sale takes
its value out of the cash (`shortcash = False`) and is worth twice its entry less the close. No slippage, interest or margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from tradinggroup.backtest.feed import bt
from tradinggroup.backtest.finsaber.bars import DayBars
from tradinggroup.backtest.sink import Row

PER_SHARE_USD = 0.0049
MINIMUM_USD = 0.99
MAXIMUM_FRACTION = 0.01


@dataclass(frozen=True, slots=True)
class Holding:
    """What a rule is shown at a close: free cash, signed shares (short: negative), value of the account."""

    cash_usd: float
    shares: int
    value_usd: float


class Rule(Protocol):
    """A baseline on the bars of one window."""

    def orders(self, bar: int, holding: Holding) -> Sequence[int]:
        """Signed shares to order at the close of bar number `bar`, in this order; zeros are no orders.

        May look at bars up to `bar` only.
        """
        ...


@dataclass(frozen=True, slots=True)
class AccountRows:
    """Equity by calendar day, and fills, as rows of `baselines/NAME/{equity,fills}.csv`."""

    equity: list[Row]
    fills: list[Row]


def commission_usd(shares: int, price_usd: float) -> float:
    """Commission of one leg of an order: the minimum is applied before the cap, unlike in the convention `default`."""
    count = abs(shares)
    return min(max(PER_SHARE_USD * count, MINIMUM_USD), MAXIMUM_FRACTION * count * price_usd)


def play_rule(rule: Rule, bars: DayBars, *, cash_usd: float) -> AccountRows:
    """Run one rule over all bars with an account of `cash_usd`. An exception of the rule comes out unchanged."""
    rows = AccountRows([], [])
    cerebro = bt.Cerebro(stdstats=False, preload=True, runonce=True)
    broker = bt.brokers.BackBroker(shortcash=False, checksubmit=True)
    broker.set_cash(cash_usd)
    broker.addcommissioninfo(_Commission())
    cerebro.broker = broker
    cerebro.adddata(_DayFeed(bars=bars, name=bars.symbol))
    cerebro.addstrategy(_RuleStrategy, rule=rule, rows=rows, bars=bars)
    cerebro.run()
    return rows


class _Commission(bt.CommInfoBase):
    params = (("stocklike", True), ("commtype", bt.CommInfoBase.COMM_FIXED))

    def _getcommission(self, size: float, price: float, pseudoexec: bool) -> float:  # noqa: ARG002, FBT001 (backtrader's signature)
        return commission_usd(int(size), price)


class _DayFeed(bt.feed.DataBase):
    params = (("bars", None),)

    def start(self) -> None:
        super().start()
        bars: DayBars = self.p.bars
        columns = (bars.open_usd, bars.high_usd, bars.low_usd, bars.close_usd)
        self._rows = zip([float(day.toordinal()) for day in bars.days], *(column.tolist() for column in columns), strict=True)

    def _load(self) -> bool:
        row = next(self._rows, None)
        if row is None:
            return False
        lines = self.lines
        lines.datetime[0], lines.open[0], lines.high[0], lines.low[0], lines.close[0] = row
        lines.volume[0] = lines.openinterest[0] = 0.0
        return True


class _RuleStrategy(bt.Strategy):
    params = (("rule", None), ("rows", None), ("bars", None))

    def notify_order(self, order: Any) -> None:
        """Called by backtrader before `next`, with a copy of every order whose state has changed."""
        if order.status not in (order.Completed, order.Partial):
            return
        execution = order.executed.exbits[-1]
        self.p.rows.fills.append(
            {
                "session": self._day,
                "symbol": self.p.bars.symbol,
                "order_id": order.info.order_id,
                "decision_session": date.fromordinal(int(order.created.dt)),
                "shares": int(execution.size),
                "price_usd": float(execution.price),
                "commission_usd": float(execution.comm),
                "slippage_usd": 0.0,
            }
        )

    def next(self) -> None:
        """Called by backtrader once a bar is complete and the account valued at its close."""
        bar = len(self) - 1
        holding = Holding(float(self.broker.get_cash()), int(self.position.size), float(self.broker.get_value()))
        self.p.rows.equity.append(self._equity_row(holding, float(self.p.bars.close_usd[bar])))
        wanted = [shares for shares in self.p.rule.orders(bar, holding) if shares]
        for number, shares in enumerate(wanted, start=1):
            order_id = f"{self.p.bars.symbol}-{self._day.isoformat()}" + (f"-{number}" if number > 1 else "")
            send = self.buy if shares > 0 else self.sell
            send(size=abs(shares), exectype=bt.Order.Market, order_id=order_id)

    @property
    def _day(self) -> date:
        bars: DayBars = self.p.bars
        return bars.days[len(self) - 1]

    def _equity_row(self, holding: Holding, close_usd: float) -> Row:
        return {
            "session": self._day,
            "symbol": self.p.bars.symbol,
            "equity_usd": holding.value_usd,
            "cash_usd": holding.cash_usd,
            "shares": holding.shares,
            "close_usd": close_usd,
        }
