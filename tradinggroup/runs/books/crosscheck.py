"""Whether a run's orders, fills and equity are what other code makes of the same orders and the same market.

`runs/books/ledger.py` keeps the second set of books; this compares them with `orders.csv`, `fills.csv` and `equity.csv`.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest
from typing import Any

from tradinggroup.data.bundle import Bundle
from tradinggroup.runs.books.ledger import Books
from tradinggroup.runs.books.rules import BookRules, StageRules, stage_at
from tradinggroup.runs.books.tape import Tape, tape_of
from tradinggroup.runs.creation import PAST, RESOLVED, RISK
from tradinggroup.runs.folder import RunFolder

Row = Mapping[str, Any]

ABSOLUTE, RELATIVE = 1e-9, 1e-12
"""Numbers agree within the first, or, where they are so large that a float is coarser, within the second."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell of a run's file that the second set of books has otherwise."""

    file: str
    session: str
    symbol: str
    column: str
    run: Any
    ledger: Any

    def __str__(self) -> str:
        return f"{self.file} {self.session} {self.symbol} {self.column}: run {self.run}, ledger {self.ledger}"


@dataclass(frozen=True, slots=True)
class Crosscheck:
    """What was compared, and what was not equal, in the order of symbols, files and rows."""

    rows: int
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        return not self.differences


def crosscheck_run(run: RunFolder, bundle: Bundle) -> Crosscheck:
    """Compare every account of a run that has ended with the books kept on `bundle`. A run without agents has no rows.

    Raises DataError RUN_INVALID where a file of the run cannot be read.
    """
    stages = _stages(run)
    if not stages[-1].settings["agents_enabled"]:
        return Crosscheck(0, ())
    start, end = date.fromisoformat(run.header["start"]), date.fromisoformat(run.header["end"])
    rows, found = 0, list[Difference]()
    for symbol in sorted(run.symbols):
        tables = (("orders.csv", run.orders()), ("fills.csv", run.fills()), ("equity.csv", run.equity()))
        files = {name: [row for row in table if row["symbol"] == symbol] for name, table in tables}
        rows += sum(len(table) for table in files.values())
        decisions = [line for line in run.decisions() if line["symbol"] == symbol]
        found += differences(symbol, keep_books(symbol, tape_of(bundle, symbol, start, end), stages, decisions, files["orders.csv"]), files)
    return Crosscheck(rows, tuple(found))


def _stages(run: RunFolder) -> list[StageRules]:
    """What the run was decided under: one stage, but in a fork."""
    ends = (run.header.get("fork") or {}).get("stages", [])
    folders = [*((f"{PAST}/{number}/", until) for number, until in enumerate(ends, start=1)), ("", None)]
    return [
        StageRules(tomllib.loads(run.read_text(f"{folder}{RESOLVED}")), tomllib.loads(run.read_text(f"{folder}{RISK}")), until)
        for folder, until in folders
    ]


def keep_books(symbol: str, tape: Tape, stages: Sequence[StageRules], decisions: Sequence[Row], orders: Sequence[Row]) -> Books:
    """The books of one account of a run: its decision lines give the exits, its stages the rules and the limits."""
    exits = {line["session"]: stage_at(stages, line["session"]).exits(line) for line in decisions}
    ended = {line["session"] for line in decisions if "ended_purchase" in line["sizing"]}
    bound = [{**order, "limits": stage_at(stages, str(order["session"])).limits} for order in orders]
    return Books(symbol, tape, BookRules.of(stages[-1].settings), exits, ended=ended).keep(bound)


def differences(symbol: str, books: Books, files: Mapping[str, Sequence[Row]]) -> Iterator[Difference]:
    """Every cell of one account's files that the books have otherwise; a row that only one side has is a difference, too."""
    for file, ledger in (("orders.csv", books.orders), ("fills.csv", books.fills), ("equity.csv", books.equity)):
        for found, expected in zip_longest(files[file], ledger):
            if found is None or expected is None:
                session = str((found or expected)["session"])
                yield Difference(
                    file, session, symbol, "row", "none" if found is None else "there", "none" if expected is None else "there"
                )
                continue
            for column, value in expected.items():
                if not _agree(found[column], value):
                    yield Difference(file, str(found["session"]), symbol, column, found[column], value)


def _agree(run: Any, ledger: Any) -> bool:
    if isinstance(ledger, float) and isinstance(run, float | int):
        return math.isclose(run, ledger, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return bool((run.isoformat() if isinstance(run, date) else run) == ledger)
