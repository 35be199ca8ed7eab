"""Whether a run's orders, fills and equity are what other code makes of the same orders and the same market.

`runs/books.py` keeps the second set of books; this compares them with `orders.csv`, `fills.csv` and `equity.csv`.
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
from tradinggroup.runs.book_rules import BookRules, exits_by_session
from tradinggroup.runs.books import Books
from tradinggroup.runs.creation import RESOLVED, RISK
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.tape import tape_of

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
    settings, profile = tomllib.loads(run.read_text(RESOLVED)), tomllib.loads(run.read_text(RISK))
    if not settings["agents_enabled"]:
        return Crosscheck(0, ())
    rules = BookRules.of(settings, profile)
    start, end = date.fromisoformat(run.header["start"]), date.fromisoformat(run.header["end"])
    rows, found = 0, list[Difference]()
    for symbol in sorted(run.symbols):
        files = {
            name: [row for row in table if row["symbol"] == symbol]
            for name, table in (("orders.csv", run.orders()), ("fills.csv", run.fills()), ("equity.csv", run.equity()))
        }
        rows += sum(len(table) for table in files.values())
        exits = exits_by_session(settings, profile, [line for line in run.decisions() if line["symbol"] == symbol])
        books = Books(symbol, tape_of(bundle, symbol, start, end), rules, exits)
        found += differences(symbol, books.keep(files["orders.csv"]), files)
    return Crosscheck(rows, tuple(found))


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
