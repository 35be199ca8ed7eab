"""Seconds and size of the report of larger runs: the rows of a real run, repeated under other symbols.

    python benchmarks/report.py [RUN_FOLDER]

Without a folder it makes a run of the demo first. Prints one line a size.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

from tradinggroup.backtest.sink import COLUMNS, RowKind
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.report.page import report
from tradinggroup.runs.rows import csv_header, csv_line, json_line

SIZES = (1, 5, 50)
"""Symbols."""
SESSIONS = 230
SYMBOL_KEYS = ("order_id", "lesson_id", "outcome_id", "experience")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path, help="a run folder; else a run of the demo is made")
    given = parser.parse_args().run
    with tempfile.TemporaryDirectory() as place:
        run = RunFolder.open(given.resolve() if given is not None else demo_run(Path(place)))
        for symbols in SIZES:
            folder = enlarged(run, Path(place) / f"{symbols}-symbols", symbols=symbols)
            started = time.perf_counter()
            text = report(RunFolder.open(folder))
            seconds = time.perf_counter() - started
            print(f"{symbols:>3} symbols x {SESSIONS} sessions  {seconds:6.2f} s  {len(text.encode()) / 1e6:6.2f} MB")


def demo_run(place: Path) -> Path:
    """A project with one run of the demo."""
    from tradinggroup.cli.main import run

    assert run(["init", str(place / "project")]) == 0
    assert run(["-C", str(place / "project"), "backtest", "demo"]) == 0
    return next((place / "project" / "backtests" / "runs").glob("*/run.json")).parent


def enlarged(run: RunFolder, target: Path, *, symbols: int) -> Path:
    """A copy of the run with `symbols` symbols over `SESSIONS` sessions: those of the run in turn, each under a name of its own."""
    names = [f"{run.symbols[place % len(run.symbols)][:4]}{place:02d}" for place in range(symbols)]
    sources = [run.symbols[place % len(run.symbols)] for place in range(symbols)]
    days = sorted({row["session"] for row in run.equity()})[:SESSIONS]
    target.mkdir(parents=True)
    if (run.path / "baselines").is_dir():
        shutil.copytree(run.path / "baselines", target / "baselines")
    for kind in RowKind:
        by_symbol: dict[str, list[dict[str, Any]]] = {symbol: [] for symbol in run.symbols}
        for row in rows_of(run, kind):
            if row["session"] in days:
                by_symbol[row["symbol"]].append(row)
        rows = [renamed(row, source, name) for source, name in zip(sources, names, strict=True) for row in by_symbol[source]]
        rows.sort(key=lambda row: row["session"])
        columns = COLUMNS.get(kind)
        lines = (
            [csv_header(columns), *(csv_line(kind, columns, row) for row in rows)] if columns else [json_line(kind, row) for row in rows]
        )
        (target / kind).write_bytes(b"".join(lines))
    (target / "run.json").write_bytes(orjson.dumps(header_of(run, names, sources)))
    return target


def rows_of(run: RunFolder, kind: RowKind) -> list[dict[str, Any]]:
    readers = {
        RowKind.DECISION: run.decisions, RowKind.OUTCOME: run.outcomes, RowKind.REFLECTION: run.reflections, RowKind.ORDER: run.orders,
        RowKind.FILL: run.fills, RowKind.TRADE: run.trades, RowKind.EQUITY: run.equity,
    }  # fmt: skip
    return readers[kind]()


def renamed(value: Any, source: str, name: str, key: str = "") -> Any:
    """A row of another symbol: its name, and the ids that begin with it."""
    if isinstance(value, dict):
        return {each: renamed(part, source, name, each) for each, part in value.items()}
    if isinstance(value, list):
        return [renamed(part, source, name, "outcome_id" if key == "outcome_ids" else key) for part in value]
    if key == "symbol":
        return name
    return f"{name}{value[len(source) :]}" if key in SYMBOL_KEYS and isinstance(value, str) and value.startswith(source) else value


def header_of(run: RunFolder, names: list[str], sources: list[str]) -> dict[str, Any]:
    by_symbol = ("metrics", "stops", "costs", "forecasts")
    header = {**run.header, "symbols": names, "files": {}, "settings": {**run.settings, "symbols": names}}
    for part in by_symbol:
        found = run.header.get(part) or {}
        header[part] = {name: found[source] for name, source in zip(names, sources, strict=True) if source in found} | (
            {"ALL": found["ALL"]} if "ALL" in found else {}
        )
    return header


if __name__ == "__main__":
    main()
