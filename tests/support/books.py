"""The second set of books over whatever the tests run: accounts on the engine, desks in memory, whole runs in their folders."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import pytest

from tradinggroup.backtest.engine import run_account
from tradinggroup.backtest.execution import DEFAULT_EXECUTION, Execution
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.sink import Row, RowKind
from tradinggroup.backtest.trader import OrderIntent, Trader, TraderWithExits
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.records import Bar
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import NO_SLIPPAGE, Commission, Slippage
from tradinggroup.risk.profile import Limits
from tradinggroup.runs.books.crosscheck import Difference, crosscheck_run, differences, keep_books
from tradinggroup.runs.books.ledger import Books
from tradinggroup.runs.books.rules import BookRules, Exits, StageRules
from tradinggroup.runs.books.tape import Tape, placed_actions, tape_of
from tradinggroup.runs.inputs import RunInputs

FILES = (RowKind.ORDER, RowKind.FILL, RowKind.EQUITY)


def run_checked(
    market: SymbolMarket,
    trader: Trader,
    *,
    cash_usd: float,
    commission: Commission,
    sink: MemorySink,
    cash_rate_per_year: float = 0.0,
    limits: Limits | None = None,
    slippage: Slippage = NO_SLIPPAGE,
    execution: Execution = DEFAULT_EXECUTION,
    guard: TraderWithExits | None = None,
    tape: Tape | None = None,
) -> None:
    """`run_account`, and the books must agree with the rows that it sent; kept on `tape`, or on the bars of `market`."""
    watched = _Watched(trader, guard)
    run_account(
        market,
        watched,
        cash_usd=cash_usd,
        commission=commission,
        sink=sink,
        cash_rate_per_year=cash_rate_per_year,
        limits=limits,
        slippage=slippage,
        execution=execution,
        guard=guard,
    )
    rules = BookRules(
        cash_usd,
        cash_rate_per_year,
        costs={**asdict(commission), **asdict(slippage), "commission": commission.kind, "commission_bps": commission.basis_points},
        fill=execution.fill,
        execution=asdict(execution),
    )
    books = Books(market.symbol, tape or tape_of_market(market), rules, watched.exits, ended=watched.ended)
    files = files_of(market.symbol, sink.rows)
    orders = [{**row, "limits": watched.limits.get(str(row["session"])) or _plain(limits)} for row in files[RowKind.ORDER]]
    agree(differences(market.symbol, books.keep(orders), files))


def files_of(symbol: str, rows: Mapping[RowKind, Sequence[Row]]) -> dict[str, list[Row]]:
    """The rows of one account in the order of their files."""
    return {
        str(kind): sorted((row for row in rows[kind] if row["symbol"] == symbol), key=lambda row: str(row["session"])) for kind in FILES
    }


def agree(found: Iterable[Difference]) -> None:
    """Nothing may differ."""
    lines = [str(difference) for difference in found]
    assert not lines, "\n".join(lines)


def _plain(limits: Limits | None) -> dict[str, Any]:
    return {} if limits is None else limits.model_dump()


def check_desk_run(inputs: RunInputs, rows: Mapping[RowKind, Sequence[Row]]) -> None:
    """The books must agree with the rows of a desk that ran in memory."""
    stages = [StageRules(inputs.experiment.to_plain(), tomllib.loads(inputs.profile_text))]
    sessions = [row["session"] for row in rows[RowKind.EQUITY]]
    for symbol in inputs.experiment.symbols:
        files = files_of(symbol, rows)
        decisions = [line for line in rows[RowKind.DECISION] if line["symbol"] == symbol]
        tape = tape_of(inputs.bundle, symbol, min(sessions), max(sessions))
        agree(differences(symbol, keep_books(symbol, tape, stages, decisions, files[RowKind.ORDER]), files))


class _Watched:
    """A trader that notes which exits were in force after each of its answers, the limits of each order, and purchases it ended."""

    def __init__(self, trader: Trader, guard: TraderWithExits | None) -> None:
        self._trader = trader
        self._guard = guard
        self.exits: dict[str, Exits | None] = {}
        self.limits: dict[str, dict[str, Any]] = {}
        self.ended: set[str] = set()

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        intent = self._trader.on_close(session, account)
        if intent is not None and intent.limits is not None:
            self.limits[session.isoformat()] = _plain(intent.limits)
        if intent is not None and intent.ends_purchase is not None:
            self.ended.add(session.isoformat())
        if self._guard is not None:
            rules = self._guard.exits
            self.exits[session.isoformat()] = rules and Exits(rules.stop_loss_fraction, rules.take_profit_fraction, rules.sell_fraction)
        return intent


def tape_of_market(market: SymbolMarket) -> Tape:
    """The bars of a window made by a test, which has no bundle."""
    columns = zip(market.open_usd, market.high_usd, market.low_usd, market.close_usd, market.volume_shares, strict=True)
    bars = {
        market.sessions[place].isoformat(): Bar(market.symbol, market.sessions[place], *map(float, numbers), known_at=None)  # type: ignore[arg-type]
        for place, numbers in zip(market.bar_positions, columns, strict=True)
    }
    return Tape(
        sessions=tuple(session.isoformat() for session in market.sessions),
        bars=bars,
        actions=placed_actions(market.sessions, [action for group in market.actions for action in group]),
        mark_usd=market.close_before_usd,
        is_ended=market.is_ended,
        membership=market.membership,
    )


@pytest.fixture(autouse=True, scope="package")
def books_of_whole_runs() -> Iterator[None]:
    """Every run that reaches its end in this process is cross-checked. The conftest of each folder that makes runs imports this."""
    from tradinggroup.runs.execution import Execution as WholeRun
    from tradinggroup.runs.folder import RunFolder

    run = WholeRun.run

    def checked(self: WholeRun) -> RunFolder:
        folder = run(self)
        assert_books_agree(folder, self.inputs.bundle)
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(WholeRun, "run", checked)
        yield


def assert_books_agree(folder: Any, bundle: Bundle) -> None:
    """The run in `folder` and the books kept on its bundle are equal."""
    found = crosscheck_run(folder, bundle)
    agree(found.differences)
    assert found.rows >= len(folder.equity())
