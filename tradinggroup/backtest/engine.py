"""One account through one window: what happens before each open, at it, and after each close.

Before the open of session s, in this order: interest on the cash held at the prior close; splits, then dividends with ex-session
s; the waiting order is fitted to the cash and the shares there are. At the open backtrader fills it. After the close the account
is valued, the trader is asked, and its answer waits for the next open at which the symbol trades. Nothing is sold at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from tradinggroup.backtest.broker import AccountBroker, Fill, play
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.sink import Row, RowKind, RunSink
from tradinggroup.backtest.trader import OrderIntent, Trader
from tradinggroup.backtest.trades import TradeBook
from tradinggroup.data.records import ActionKind, CorporateAction
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.risk.profile import Limits
from tradinggroup.risk.rebasing import rebase_shares
from tradinggroup.risk.sizing import fit_at_open
from tradinggroup.risk.verdicts import ReasonCode, Status, Verdict
from tradinggroup.settings import SESSIONS_PER_YEAR


def run_account(
    market: SymbolMarket,
    trader: Trader,
    *,
    cash_usd: float,
    commission: Commission,
    sink: RunSink,
    cash_rate_per_year: float = 0.0,
    limits: Limits | None = None,
) -> None:
    """Run one account of `cash_usd` over the window of `market` and send its order, fill, trade and equity rows to `sink`.

    Safe in several threads at once, each with its own trader. An exception of the trader or the sink comes out unchanged; the
    rows sent before it stand.

    Args:
        market: sessions, bars and actions of one symbol.
        trader: asked after the close of every session that has a bar.
        cash_usd: opening cash.
        commission: of every fill.
        sink: takes the rows.
        cash_rate_per_year: what cash earns; each session pays a 252nd of it.
        limits: of the risk profile, which hold at the fill too; None for a trader that has none.
    """
    run = _AccountRun(
        market, trader, cash_usd=cash_usd, sink=sink, commission=commission, cash_rate_per_year=cash_rate_per_year, limits=limits
    )
    run.finish(play(market, run, cash_usd=cash_usd, commission=commission))


@dataclass(slots=True)
class _WaitingOrder:
    intent: OrderIntent
    session: date
    order_id: str
    shares: int
    """Signed, on today's share scale."""
    verdict: Verdict | None = None
    """What the fitting at the open said."""


class _AccountRun:
    """The state of a run between two calls of the broker."""

    def __init__(
        self,
        market: SymbolMarket,
        trader: Trader,
        *,
        cash_usd: float,
        sink: RunSink,
        commission: Commission,
        cash_rate_per_year: float,
        limits: Limits | None,
    ) -> None:
        self._market = market
        self._trader = trader
        self._sink = sink
        self._commission = commission
        self._limits = limits
        self._cash_rate = cash_rate_per_year / SESSIONS_PER_YEAR
        self._opens = market.open_usd.tolist()
        self._closes = market.close_usd.tolist()
        self._book = TradeBook(market.symbol)
        self._waiting: _WaitingOrder | None = None
        self._mark_usd = market.close_before_usd
        self._peak_usd = cash_usd
        self._position = -1
        self._bar = -1

    @property
    def _session(self) -> date:
        return self._market.sessions[self._position]

    def before_open(self, broker: AccountBroker) -> None:
        """Bring the account to this bar's open, over sessions without a bar, and fit the waiting order."""
        self._bar += 1
        self._pass_sessions(broker, before=self._market.bar_positions[self._bar])
        self._start_session(broker)
        if self._waiting is not None:
            self._fit(broker, self._waiting)

    def after_open(self, broker: AccountBroker) -> None:
        """Take the fill that this open has brought."""
        if self._waiting is not None:
            order, self._waiting = self._waiting, None
            self._record_fill(order, broker.take_fill())

    def at_close(self, broker: AccountBroker) -> int:
        """Value the account, ask the trader; the signed shares of its order."""
        self._mark_usd = self._closes[self._bar]
        account = self._value(broker)
        intent = self._trader.on_close(self._session, account)
        if intent is not None and intent.shares != 0:
            order_id = f"{self._market.symbol}-{self._session.isoformat()}"
            self._waiting = _WaitingOrder(intent, self._session, order_id, intent.shares)
        if self._position < len(self._market.sessions) - 1:
            self._sink.session_done(self._market.symbol, self._session)
        return self._waiting.shares if self._waiting is not None else 0

    def finish(self, broker: AccountBroker) -> None:
        """Value the sessions after the last bar, and log what is still open: an order as unfilled, a trade at the last close."""
        symbol, last = self._market.symbol, len(self._market.sessions)
        self._pass_sessions(broker, before=last)
        if self._waiting is not None:
            self._send_order(self._waiting, shares_filled=0, status="unfilled", code=None, fill_session=None)
        if self._mark_usd is not None:
            self._send_trade(self._book.open_row(self._session, self._position, close_usd=self._mark_usd))
        self._sink.session_done(symbol, self._session)
        self._sink.symbol_done(symbol)

    def _pass_sessions(self, broker: AccountBroker, *, before: int) -> None:
        """Value the sessions without a bar up to position `before`, which is left out.

        They are not reported as done: an order may wait through them, and it belongs to an earlier session.
        """
        while self._position + 1 < before:
            self._start_session(broker)
            self._value(broker)

    def _start_session(self, broker: AccountBroker) -> None:
        """Interest, splits and dividends before the open of the next session."""
        self._position += 1
        if self._cash_rate and self._position > 0:
            broker.credit(broker.cash_usd * self._cash_rate)
        entitled_shares = float(broker.held_shares)
        for action in self._market.actions[self._position]:
            if action.kind is ActionKind.SPLIT:
                entitled_shares *= action.ratio or 1.0
                self._split(broker, action)
            elif entitled_shares:
                self._pay(broker, entitled_shares * (action.cash_usd or 0.0))

    def _pay(self, broker: AccountBroker, usd: float) -> None:
        broker.credit(usd)
        self._book.dividend(usd)

    def _split(self, broker: AccountBroker, action: CorporateAction) -> None:
        """Rebase shares, average cost, waiting order and mark; a fractional rest is paid out at the mark, so equity stays."""
        ratio = action.ratio or 1.0
        if self._mark_usd is not None:
            self._mark_usd /= ratio
        if self._waiting is not None:
            self._rebase_waiting(broker, self._waiting, ratio)
        held = broker.held_shares
        if not held or self._mark_usd is None:
            return
        shares = rebase_shares(held, ratio)
        rest_shares = max(0.0, held * ratio - shares)
        rest_usd = rest_shares * self._mark_usd
        broker.rebase(shares, ratio)
        broker.credit(rest_usd)
        row = self._book.split(self._session, self._position, ratio=ratio, shares=shares, rest_shares=rest_shares, rest_usd=rest_usd)
        self._send_trade(row)

    def _rebase_waiting(self, broker: AccountBroker, order: _WaitingOrder, ratio: float) -> None:
        order.shares = rebase_shares(order.shares, ratio)
        if order.shares:
            broker.resize(order.shares)

    def _fit(self, broker: AccountBroker, order: _WaitingOrder) -> None:
        """Cut the order to what can be filled at this open, or deny it."""
        held, open_usd = broker.held_shares, self._opens[self._bar]
        if order.shares:
            fitted, verdict = fit_at_open(
                order.shares,
                cash_usd=broker.cash_usd,
                held_shares=held,
                open_usd=open_usd,
                commission=self._commission,
                limits=self._limits,
            )
        else:
            fitted, verdict = 0, _vanished(order, held)
        order.verdict = verdict
        if fitted == 0:
            broker.withdraw()
            self._waiting = None
            self._send_order(order, shares_filled=0, status="denied", code=verdict.code, fill_session=None)
        elif fitted != order.shares:
            broker.resize(fitted)

    def _record_fill(self, order: _WaitingOrder, fill: Fill) -> None:
        cut = order.verdict is not None and order.verdict.status is Status.REDUCED
        code = order.verdict.code if order.verdict is not None and cut else None
        self._send_order(order, shares_filled=fill.shares, status="cut" if cut else "filled", code=code, fill_session=self._session)
        self._send(
            RowKind.FILL,
            {
                "session": self._session,
                "symbol": self._market.symbol,
                "order_id": order.order_id,
                "decision_session": order.session,
                "shares": fill.shares,
                "price_usd": fill.price_usd,
                "commission_usd": fill.commission_usd,
            },
        )
        row = self._book.fill(
            self._session,
            self._position,
            shares=fill.shares,
            price_usd=fill.price_usd,
            commission_usd=fill.commission_usd,
            style=order.intent.style,
            reason=str(order.intent.code),
        )
        self._send_trade(row)

    def _value(self, broker: AccountBroker) -> Account:
        """Value the account at the session's mark and send its equity row."""
        mark_usd, cash_usd, shares = self._mark_usd, broker.cash_usd, broker.held_shares
        equity_usd = cash_usd + shares * mark_usd if mark_usd is not None else cash_usd
        self._peak_usd = max(self._peak_usd, equity_usd)
        self._send(
            RowKind.EQUITY,
            {
                "session": self._session,
                "symbol": self._market.symbol,
                "equity_usd": equity_usd,
                "cash_usd": cash_usd,
                "shares": shares,
                "close_usd": mark_usd,
            },
        )
        return Account(
            cash_usd=cash_usd,
            shares=shares,
            average_cost_usd=broker.average_cost_usd,
            close_usd=mark_usd if mark_usd is not None else 0.0,
            peak_equity_usd=self._peak_usd,
        )

    def _send_order(
        self, order: _WaitingOrder, *, shares_filled: int, status: str, code: ReasonCode | None, fill_session: date | None
    ) -> None:
        row: dict[str, Any] = {
            "session": order.session,
            "symbol": self._market.symbol,
            "order_id": order.order_id,
            "action": order.intent.action,
            "style": order.intent.style,
            "reason_code": str(order.intent.code),
            "forced": order.intent.forced,
            "shares_wanted": order.intent.wanted_shares,
            "shares_ordered": order.intent.shares,
            "shares_filled": shares_filled,
            "status": status,
            "fill_session": fill_session,
            "fill_reason_code": str(code) if code is not None else None,
        }
        self._sink.row(RowKind.ORDER, order.session, self._market.symbol, row)

    def _send_trade(self, row: Row | None) -> None:
        if row is not None:
            self._send(RowKind.TRADE, row)

    def _send(self, kind: RowKind, row: Row) -> None:
        self._sink.row(kind, self._session, self._market.symbol, row)


def _vanished(order: _WaitingOrder, held_shares: int) -> Verdict:
    """Why an order that a reverse split has left without a whole share is denied."""
    code = ReasonCode.POSITION_GONE if order.intent.shares < 0 and held_shares == 0 else ReasonCode.ZERO_SHARES
    return Verdict(Status.DENIED, code, {"wanted_shares": order.intent.shares, "held_shares": held_shares})
