"""One account through one window: what happens before each open, at it, inside the bar, at its close and after it.

Before the open of session s, in this order: interest on the cash held at the prior close; splits, then dividends with ex-session
s; the waiting order is fitted to the cash and the shares there are. Then, by the run's `fill`:

* `next_open`: the order fills at the open. The trader is asked at the close, with the account as the open has left it.
* `next_close`: the order fills at the close, before the trader is asked: it decides on the account after that fill.
* `same_close`: the trader is asked at the close, with the account before its order, which fills at that same close.

With exits inside the bar, stop and target of the last decision are tried on what is held after the open's fill, so also in the
bar of an entry at the open; a position bought at a close is guarded from the next bar on, and an exit ends a purchase that still
waits. In every mode the equity row of a session is that of its close, after all fills of the session.

An order that a bar's volume cannot take waits on with the rest. A new order of the trader ends it, but for the rest of a forced exit,
which goes only for another forced sale; a limit may end the rest of a purchase. Nothing is sold at the end, unless the symbol was
delisted before, or has left the universe: from its last session there on nobody is asked, and after it nothing is bought.
"""

from __future__ import annotations

import math
from datetime import date

from tradinggroup.backtest.broker import AccountBroker, Fill, play
from tradinggroup.backtest.execution import DEFAULT_EXECUTION, AccountTerms, Execution
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.orders import EXIT_NAMES, Order, decided_order, leaving_intent, sale_of_position
from tradinggroup.backtest.sink import Row, RowKind, RunSink
from tradinggroup.backtest.trader import ExitRules, OrderIntent, Trader, TraderWithExits
from tradinggroup.backtest.trades import TradeBook
from tradinggroup.data.records import ActionKind, CorporateAction
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import NO_SLIPPAGE, Commission, Slippage
from tradinggroup.risk.exits import exit_inside_bar
from tradinggroup.risk.profile import Limits
from tradinggroup.risk.rebasing import rebase_shares
from tradinggroup.risk.sizing import fit_at_open, shares_to_sell
from tradinggroup.risk.verdicts import ReasonCode, Verdict
from tradinggroup.risk.volume import VolumeRoom
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
    slippage: Slippage = NO_SLIPPAGE,
    execution: Execution = DEFAULT_EXECUTION,
    guard: TraderWithExits | None = None,
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
        limits: which hold at the fill of an order that names none of its own; None for none.
        slippage: of every fill.
        execution: when orders fill, and how much of a bar they take.
        guard: whose exits live inside each bar, mostly `trader` itself; None for none.
    """
    terms = AccountTerms(commission, slippage, execution, cash_rate_per_year / SESSIONS_PER_YEAR, limits)
    run = _AccountRun(market, trader, cash_usd=cash_usd, sink=sink, terms=terms, guard=guard)
    run.finish(play(market, run, cash_usd=cash_usd, commission=commission, slippage=slippage))


class _AccountRun:
    """The state of a run between two calls of the broker."""

    def __init__(
        self, market: SymbolMarket, trader: Trader, *, cash_usd: float, sink: RunSink, terms: AccountTerms, guard: TraderWithExits | None
    ) -> None:
        self._market = market
        self._trader = trader
        self._sink = sink
        self._terms = terms
        self._guard = guard
        self._exits: ExitRules | None = None
        self._fills_at_open = terms.execution.fill == "next_open"
        self._fills_at_once = terms.execution.fill == "same_close"
        self._opens = market.open_usd.tolist()
        self._closes = market.close_usd.tolist()
        self._book = TradeBook(market.symbol)
        self._waiting: Order | None = None
        self._sent_shares = 0
        self._room: VolumeRoom | None = None
        self._mark_usd = market.close_before_usd
        self._peak_usd = cash_usd
        self._equity_usd: float | None = None
        self._stopped_position: int | None = None
        self._orders_filled = 0
        self._delisting = market.delisting_position(terms.execution.delisting_sessions)
        self._position = -1
        self._bar = -1

    @property
    def _session(self) -> date:
        return self._market.sessions[self._position]

    # -- the steps of a bar ----------------------------------------------------------------------------------------

    def before_open(self, broker: AccountBroker) -> None:
        """Bring the account to this bar's open, over sessions without a bar, and fit the order that fills at it."""
        self._bar += 1
        self._pass_sessions(broker, before=self._market.bar_positions[self._bar])
        self._start_session(broker)
        if self._terms.execution.volume_cap_fraction:
            volume_shares = float(self._market.volume_shares[self._bar])
            self._room = VolumeRoom.of(math.floor(self._terms.execution.volume_cap_fraction * volume_shares))
        if self._waiting is not None and self._fills_at_open:
            self._sent_shares = self._fit(broker, self._waiting, quoted_usd=self._opens[self._bar])
            if self._sent_shares:
                broker.resize(self._sent_shares)
            else:
                broker.withdraw()

    def after_open(self, broker: AccountBroker) -> None:
        """Take the fill that this open has brought, and try the exits on what is held then."""
        if self._sent_shares and self._waiting is not None:
            self._sent_shares = 0
            self._take(self._waiting, broker.take_fill())
        if self._exits is not None and broker.held_shares:
            self._exit_inside(broker, self._exits)

    def at_close(self, broker: AccountBroker) -> int:
        """Fill what fills at this close, value the account, ask the trader; the signed shares of an order for the next open."""
        close_usd = self._mark_usd = self._closes[self._bar]
        if self._waiting is not None and not self._fills_at_open and self._waiting.session < self._session:
            self._fill_now(broker, self._waiting, quoted_usd=close_usd)
        account = self._value(broker)
        if not self._fills_at_once:
            self._send_equity(account)
        order = self._ask(account)
        if self._fills_at_once:
            if order is not None:
                self._fill_now(broker, order, quoted_usd=close_usd)
            self._send_equity(self._value(broker))
        if self._position < len(self._market.sessions) - 1:
            self._sink.session_done(self._market.symbol, self._waiting.session if self._waiting is not None else self._session)
        return self._waiting.shares if self._waiting is not None and self._fills_at_open else 0

    def finish(self, broker: AccountBroker) -> None:
        """Value the sessions after the last bar, and log what is still open: an order as unfilled, a trade at the last close."""
        symbol, last = self._market.symbol, len(self._market.sessions)
        self._pass_sessions(broker, before=last)
        if self._waiting is not None:
            self._end(self._waiting, self._waiting.short_row(symbol))
        if self._mark_usd is not None:
            self._send_trade(self._book.open_row(self._session, self._position, close_usd=self._mark_usd))
        self._sink.session_done(symbol, self._session)
        self._sink.symbol_done(symbol)

    def _ask(self, account: Account) -> Order | None:
        """Ask the trader; a new order is returned."""
        if not self._market.may_decide(self._session):
            return self._leave(account)
        intent = self._trader.on_close(self._session, account)
        if self._guard is not None:
            self._exits = self._guard.exits
        if intent is None or intent.shares == 0:
            self._end_purchase(None if intent is None else intent.ends_purchase)
            return None
        return self._replaced(intent)

    def _replaced(self, intent: OrderIntent) -> Order | None:
        """The new order, which takes the place of one that still waits; None where that one is an exit and this one is not forced."""
        symbol, waiting = self._market.symbol, self._waiting
        order = decided_order(intent, symbol, self._session)
        if waiting is not None and waiting.exit_code is not None and not intent.forced:
            self._end(order, order.row(symbol, status="denied", code=waiting.exit_code))
            return None
        if waiting is not None:
            self._end(waiting, waiting.short_row(symbol))
        self._waiting = order
        return order

    def _end_purchase(self, code: ReasonCode | None) -> None:
        """End a purchase that waits, for this reason; None leaves it."""
        if code is not None and self._waiting is not None and self._waiting.shares > 0:
            self._end(self._waiting, self._waiting.short_row(self._market.symbol, code))

    def _leave(self, account: Account) -> Order | None:
        """Outside the universe nobody is asked: what is held is sold, whatever waited before."""
        is_leaving = self._waiting is not None and self._waiting.intent.code is ReasonCode.MEMBERSHIP_ENDED
        return self._replaced(leaving_intent(account.shares)) if account.shares and not is_leaving else None

    # -- sessions, splits, dividends, the end of a symbol ----------------------------------------------------------

    def _pass_sessions(self, broker: AccountBroker, *, before: int) -> None:
        """Value the sessions without a bar up to position `before`, which is left out.

        They are not reported as done: an order may wait through them, and it belongs to an earlier session.
        """
        while self._position + 1 < before:
            self._start_session(broker)
            if self._position == self._delisting:
                self._delist(broker)
            self._send_equity(self._value(broker))

    def _start_session(self, broker: AccountBroker) -> None:
        """Interest, splits and dividends before the open of the next session."""
        self._position += 1
        self._orders_filled = 0
        if self._terms.cash_rate_per_session and self._position > 0:
            broker.credit(broker.cash_usd * self._terms.cash_rate_per_session)
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
            self._waiting.shares = rebase_shares(self._waiting.shares, ratio)
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

    def _delist(self, broker: AccountBroker) -> None:
        """Close the position of a symbol that has no bar any more, at the last price less the haircut."""
        if self._waiting is not None:
            self._end(self._waiting, self._waiting.short_row(self._market.symbol, ReasonCode.DELISTED))
        if broker.held_shares and self._mark_usd is not None:
            order = self._sale(ReasonCode.DELISTED, broker.held_shares, style=None, name="delisted")
            price_usd = self._mark_usd * (1 - self._terms.execution.delisting_haircut_fraction)
            self._take(order, broker.close_out(price_usd))

    # -- orders and fills ------------------------------------------------------------------------------------------

    def _exit_inside(self, broker: AccountBroker, rules: ExitRules) -> None:
        """Sell where the bar has reached the stop or the target; an exit that the volume still holds back is not set off anew."""
        if self._waiting is not None and self._waiting.exit_code is not None and self._waiting.shares:
            return
        bar, cost_usd = self._bar, broker.average_cost_usd
        high_usd, low_usd = float(self._market.high_usd[bar]), float(self._market.low_usd[bar])
        assert cost_usd is not None
        found = exit_inside_bar(self._opens[bar], high_usd, low_usd, average_cost_usd=cost_usd, rules=rules)
        if found is None:
            return
        count = shares_to_sell(broker.held_shares, rules.sell_fraction)
        order = self._sale(found.code, count, style=rules.style, name=EXIT_NAMES[found.code])
        order.exit_code = found.code
        self._fill_now(broker, order, quoted_usd=found.price_usd)
        has_filled = self._waiting is not None and self._waiting.shares_filled != 0
        self._end_purchase(ReasonCode.PARTIAL_FILL if has_filled else found.code)
        if not order.is_over:
            self._keep_selling(order, found.code)

    def _keep_selling(self, order: Order, code: ReasonCode) -> None:
        """What is left of an exit waits; where a sale waits that sells as much, that one goes on in its place, as safe from answers."""
        symbol, waiting = self._market.symbol, self._waiting
        if waiting is not None and waiting.shares <= order.shares:
            self._end(order, order.short_row(symbol, ReasonCode.VOLUME_CAP))
            waiting.exit_code = code
            return
        if waiting is not None:
            self._end(waiting, waiting.short_row(symbol, code))
        self._waiting = order

    def _sale(self, code: ReasonCode, count: int, *, style: str | None, name: str) -> Order:
        return sale_of_position(code, count, symbol=self._market.symbol, session=self._session, style=style, name=name)

    def _fill_now(self, broker: AccountBroker, order: Order, *, quoted_usd: float) -> None:
        """Fill what can be filled of an order at a price of this bar."""
        shares = self._fit(broker, order, quoted_usd=quoted_usd)
        if shares:
            self._take(order, broker.execute(shares, quoted_usd))

    def _fit(self, broker: AccountBroker, order: Order, *, quoted_usd: float) -> int:
        """What of an order fills at this price, in signed shares; 0 where it is denied, which ends it, or has to wait."""
        if order.shares > 0 and not self._market.belongs(self._session):
            self._end(order, order.short_row(self._market.symbol, ReasonCode.MEMBERSHIP_ENDED))
            return 0
        fitted, verdict = self._fitted(broker, order, order.shares, quoted_usd) if order.shares else (0, order.vanished(broker.held_shares))
        if fitted == 0:
            self._end(order, order.denied_row(self._market.symbol, verdict))
            return 0
        if fitted != order.shares:
            order.shares, order.cut = fitted, verdict
        if self._room is None or abs(fitted) <= self._room.for_order(fitted):
            return fitted
        order.is_capped = True
        part = int(math.copysign(self._room.for_order(fitted), fitted))
        return self._fitted(broker, order, part, quoted_usd)[0]  # a part pays a commission of its own

    def _fitted(self, broker: AccountBroker, order: Order, shares: int, quoted_usd: float) -> tuple[int, Verdict]:
        return fit_at_open(
            shares,
            cash_usd=broker.cash_usd,
            held_shares=broker.held_shares,
            open_usd=quoted_usd,
            commission=self._terms.commission,
            limits=order.intent.limits or self._terms.limits,
            slippage=self._terms.slippage,
        )

    def _take(self, order: Order, fill: Fill) -> None:
        """Book a fill of an order, and end the order where it was the last."""
        order.shares -= fill.shares
        order.shares_filled += fill.shares
        order.fill_session = self._session
        self._orders_filled += 1
        self._room = None if self._room is None else self._room.after(fill.shares)
        if order.intent.code is ReasonCode.STOP_LOSS:
            self._stopped_position = self._position
        if order.shares == 0:
            self._end(order, order.filled_row(self._market.symbol))
        self._send_fill(order, fill)

    def _end(self, order: Order, row: Row) -> None:
        order.is_over = True
        if order is self._waiting:
            self._waiting = None
        self._sink.row(RowKind.ORDER, order.session, self._market.symbol, row)

    # -- values and rows -------------------------------------------------------------------------------------------

    def _value(self, broker: AccountBroker) -> Account:
        """The account at the session's mark."""
        mark_usd, cash_usd, shares = self._mark_usd, broker.cash_usd, broker.held_shares
        equity_usd = cash_usd + shares * mark_usd if mark_usd is not None else cash_usd
        self._peak_usd = max(self._peak_usd, equity_usd)
        return Account(
            cash_usd=cash_usd,
            shares=shares,
            average_cost_usd=broker.average_cost_usd,
            close_usd=mark_usd if mark_usd is not None else 0.0,
            peak_equity_usd=self._peak_usd,
            previous_equity_usd=self._equity_usd,
            sessions_since_stop=None if self._stopped_position is None else self._position - self._stopped_position,
            orders_filled=self._orders_filled,
            sessions_held=self._book.sessions_held(self._position),
            waiting_shares=self._waiting.shares if self._waiting is not None else 0,
            waiting_exit=self._waiting.exit_code if self._waiting is not None else None,
            volume_room=self._room,
        )

    def _send_equity(self, account: Account) -> None:
        self._equity_usd = account.equity_usd
        self._send(
            RowKind.EQUITY,
            {
                "session": self._session,
                "symbol": self._market.symbol,
                "equity_usd": self._equity_usd,
                "cash_usd": account.cash_usd,
                "shares": account.shares,
                "close_usd": self._mark_usd,
            },
        )

    def _send_fill(self, order: Order, fill: Fill) -> None:
        self._send(RowKind.FILL, order.fill_row(self._market.symbol, self._session, fill))
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

    def _send_trade(self, row: Row | None) -> None:
        if row is not None:
            self._send(RowKind.TRADE, row)

    def _send(self, kind: RowKind, row: Row) -> None:
        self._sink.row(kind, self._session, self._market.symbol, row)
