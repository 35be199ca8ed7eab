"""The second set of books over a whole run: a planted fault in its files is found, cell by cell, and verify says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tradinggroup.cli.verify import text_verify
from tradinggroup.data.bundle import Bundle
from tradinggroup.project import Project
from tradinggroup.runs import verify
from tradinggroup.runs.books.crosscheck import Crosscheck, Difference, crosscheck_run
from tradinggroup.runs.folder import RunFolder

SPLIT, DIVIDEND = "2024-03-11", "2024-03-20"


def bundle_of(run: RunFolder) -> Bundle:
    return Bundle.open(Project.around_run(run.path).bundle_folder("tiny"))


def checked(run: RunFolder) -> Crosscheck:
    return crosscheck_run(RunFolder.open(run.path), bundle_of(run))


def copied(run: RunFolder, folder: Path) -> RunFolder:
    root = Project.around_run(run.path).root
    shutil.copytree(root, folder / "copy")
    return RunFolder.open(folder / "copy" / run.path.relative_to(root))


def edit(run: RunFolder, file: str, column: str, change: Callable[[float], float], *, row: int) -> None:
    """Change one number of a CSV file; `row` counts from 0 on, after the header."""
    lines = (run.path / file).read_text(encoding="utf-8").splitlines()
    cells = lines[row + 1].split(",")
    place = lines[0].split(",").index(column)
    value = change(float(cells[place]))
    cells[place] = str(int(value)) if column.startswith("shares") else repr(value)
    lines[row + 1] = ",".join(cells)
    (run.path / file).write_text("\n".join([*lines, ""]), encoding="utf-8")


def test_an_honest_run_agrees_row_by_row(costly_run: RunFolder) -> None:
    found = checked(costly_run)
    assert found.agrees
    assert found.rows == len(costly_run.orders()) + len(costly_run.fills()) + len(costly_run.equity())
    assert {row["symbol"] for row in costly_run.fills()} == {"AAA", "BBB"}
    held = {(row["symbol"], row["session"]): row["shares"] for row in costly_run.equity()}
    assert held["AAA", SPLIT] or held["BBB", DIVIDEND], "the actions must touch a position"


@pytest.mark.parametrize(
    ("file", "column", "change"),
    [
        ("fills.csv", "price_usd", lambda price: price + 0.01),
        ("fills.csv", "commission_usd", lambda fee: fee + 0.01),
        ("fills.csv", "slippage_usd", lambda fee: fee - 0.01),
        ("fills.csv", "shares", lambda shares: shares + 1),
        ("orders.csv", "shares_filled", lambda shares: shares - 1),
        ("equity.csv", "shares", lambda shares: shares + 1),
        ("equity.csv", "cash_usd", lambda cash: cash - 0.01),
        ("equity.csv", "equity_usd", lambda equity: equity + 1e-6),
        ("equity.csv", "close_usd", lambda close: close + 0.01),
    ],
)
def test_a_changed_cell_is_found_where_it_is(
    costly_run: RunFolder, tmp_path: Path, file: str, column: str, change: Callable[[float], float]
) -> None:
    run = copied(costly_run, tmp_path)
    edit(run, file, column, change, row=1)
    (found,) = checked(run).differences
    assert (found.file, found.column) == (file, column)
    assert found.run == pytest.approx(change(found.ledger), abs=1e-9)
    assert str(found) == f"{file} {found.session} {found.symbol} {column}: run {found.run}, ledger {found.ledger}"


def test_a_row_too_few_is_found(costly_run: RunFolder, tmp_path: Path) -> None:
    run = copied(costly_run, tmp_path)
    lines = (run.path / "fills.csv").read_text(encoding="utf-8").splitlines()
    (run.path / "fills.csv").write_text("\n".join([*lines[:-1], ""]), encoding="utf-8")
    (found,) = checked(run).differences
    assert (found.file, found.column, found.run, found.ledger) == ("fills.csv", "row", "none", "there")


def test_an_order_that_was_not_decided_is_found(costly_run: RunFolder, tmp_path: Path) -> None:
    """The books start from the orders, so another size of one changes everything after it."""
    run = copied(costly_run, tmp_path)
    edit(run, "orders.csv", "shares_ordered", lambda shares: shares - 5, row=0)
    assert {found.file for found in checked(run).differences} == {"orders.csv", "fills.csv", "equity.csv"}


def test_verify_says_how_many_rows_agree(costly_run: RunFolder, tmp_path: Path) -> None:
    run = copied(costly_run, tmp_path)
    result = verify.verify_run(Project.around_run(run.path), run)
    assert (result.equal, result.ledger_rows) == (True, checked(run).rows)
    assert f"ledger   {result.ledger_rows} rows of orders, fills and equity agree to 1e-9" in text_verify(result)
    assert run.checks()[-1]["ledger_rows"] == result.ledger_rows


def test_verify_fails_where_the_books_differ(costly_run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    difference = Difference("fills.csv", "2024-03-01", "AAA", "price_usd", 100.01, 100.0)
    monkeypatch.setattr(verify, "crosscheck_run", lambda run, bundle: Crosscheck(9, (difference,)))
    run = copied(costly_run, tmp_path)
    result = verify.verify_run(Project.around_run(run.path), run)
    assert (result.equal, result.file, result.field) == (False, "fills.csv", "price_usd")
    assert text_verify(result).splitlines()[-1] == f"ledger   {difference}"
    assert run.checks()[-1]["ok"] is False
