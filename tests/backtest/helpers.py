"""Windows of a few bars, scripted traders, and an account of a run in plain Python that shares nothing with the engine."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from tests.support.books import run_checked
from tradinggroup.backtest.execution import DEFAULT_EXECUTION, Execution
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.sink import COLUMNS, Row, RowKind
from tradinggroup.backtest.trader import OrderIntent, Trader
from tradinggroup.data.records import ActionKind, Bar, CorporateAction
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import NO_SLIPPAGE, Commission, Slippage
from tradinggroup.risk.exits import ExitRules
from tradinggroup.risk.verdicts import ReasonCode

COMMISSION = Commission(per_share_usd=0.0049, minimum_usd=0.99, maximum_fraction=0.01)
FREE = Commission(per_share_usd=0.0, minimum_usd=0.0, maximum_fraction=0.0)
MONDAY = date(2024, 1, 1)


def day(position: int) -> date:
    """The session at a position of the test windows: weekdays from 2024-01-01 on."""
    return MONDAY + timedelta(days=position + 2 * (position // 5))


def split(position: int, ratio: float) -> CorporateAction:
    return CorporateAction("X", ActionKind.SPLIT, day(position), ratio, None, _moment(position))


def dividend(position: int, cash_usd: float) -> CorporateAction:
    return CorporateAction("X", ActionKind.DIVIDEND, day(position), None, cash_usd, _moment(position))


def market(
    bars: Sequence[tuple[float, ...] | None],
    *actions: CorporateAction,
    symbol: str = "X",
    close_before_usd: float | None = None,
    is_ended: bool = False,
) -> SymbolMarket:
    """One (open, close), (open, high, low, close) or (open, high, low, close, volume) a session; None for one without a bar."""
    made = [_bar(symbol, position, bar) for position, bar in enumerate(bars) if bar is not None]
    sessions = [day(position) for position in range(len(bars))]
    return SymbolMarket.build(symbol, sessions=sessions, bars=made, actions=actions, close_before_usd=close_before_usd, is_ended=is_ended)


def _bar(symbol: str, position: int, bar: tuple[float, ...]) -> Bar:
    if len(bar) == 2:
        bar = (bar[0], max(bar), min(bar), bar[1])
    return Bar(symbol, day(position), bar[0], bar[1], bar[2], bar[3], bar[4] if len(bar) > 4 else 1e6, _moment(position))


class Script:
    """A trader that orders given share counts at given positions, and remembers what it was shown."""

    def __init__(self, orders: Mapping[int, int], *, style: str = "balanced") -> None:
        self.orders = {day(position): shares for position, shares in orders.items()}
        self.style = style
        self.seen: list[tuple[date, Account]] = []

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        self.seen.append((session, account))
        shares = self.orders.get(session)
        return None if shares is None else intent(shares, style=self.style)


class Guarded(Script):
    """A script with the same stop and target in force after every decision."""

    def __init__(self, orders: Mapping[int, int], exits: ExitRules | None) -> None:
        super().__init__(orders)
        self.exits = exits


def intent(shares: int, *, style: str | None = None) -> OrderIntent:
    action = "buy" if shares > 0 else "sell"
    return OrderIntent(shares=shares, action=action, style=style, code=ReasonCode.ALLOWED, forced=False, wanted_shares=shares)


class Result:
    """The rows of one account."""

    def __init__(self, sink: MemorySink) -> None:
        self.sink = sink
        self.equity = sink.rows[RowKind.EQUITY]
        self.orders = sink.rows[RowKind.ORDER]
        self.fills = sink.rows[RowKind.FILL]
        self.trades = sink.rows[RowKind.TRADE]

    @property
    def equity_usd(self) -> list[float]:
        return [row["equity_usd"] for row in self.equity]


def play(
    window: SymbolMarket,
    trader: Trader | Mapping[int, int],
    *,
    cash_usd: float = 10_000.0,
    commission: Commission = COMMISSION,
    cash_rate_per_year: float = 0.0,
    slippage: Slippage = NO_SLIPPAGE,
    execution: Execution = DEFAULT_EXECUTION,
) -> Result:
    sink = MemorySink()
    script = Script(trader) if isinstance(trader, Mapping) else trader
    run_checked(
        window,
        script,
        cash_usd=cash_usd,
        commission=commission,
        sink=sink,
        cash_rate_per_year=cash_rate_per_year,
        slippage=slippage,
        execution=execution,
        guard=script if isinstance(script, Guarded) else None,
    )
    assert sink.complete
    assert sink.finished[-1] == window.sessions[-1]
    for kind, columns in COLUMNS.items():
        assert all(tuple(row) == columns for row in sink.rows[kind])
    return Result(sink)


def recomputed_equity(window: SymbolMarket, fills: Sequence[Row], *, cash_usd: float, cash_rate_per_year: float = 0.0) -> list[float]:
    """Equity by session from the fills alone: an accountant's book, written without the engine."""
    by_session: dict[date, list[Row]] = {}
    for fill in fills:
        by_session.setdefault(fill["session"], []).append(fill)
    closes = dict(zip(window.bar_positions, window.close_usd.tolist(), strict=True))
    shares, mark, values = 0, window.close_before_usd, []
    for position, session in enumerate(window.sessions):
        if position:
            cash_usd *= 1 + cash_rate_per_year / 252
        splits = [action.ratio for action in window.actions[position] if action.kind is ActionKind.SPLIT]
        payments = [action.cash_usd for action in window.actions[position] if action.kind is ActionKind.DIVIDEND]
        cash_usd += shares * math.prod(splits) * sum(payments)  # to the shares of the prior close, on the scale of the ex-session
        for ratio in splits:
            mark = None if mark is None else mark / ratio
            exact = shares * ratio
            shares = int(exact + 1e-6)
            cash_usd += max(0.0, exact - shares) * (mark or 0.0)
        for fill in by_session.get(session, ()):
            shares += fill["shares"]
            cash_usd -= fill["shares"] * fill["price_usd"]
            cash_usd -= fill["commission_usd"]
        mark = closes.get(position, mark)
        values.append(cash_usd + shares * (mark or 0.0))
    return values


def _moment(position: int) -> datetime:
    session = day(position)
    return datetime(session.year, session.month, session.day, 21, tzinfo=UTC)
