"""A run for other tools: session returns as a CSV table, decisions as CSV or parquet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.report.write import write_with
from tradinggroup.runs.returns import returns_by_session
from tradinggroup.runs.summary import ALL

DATE = "date"
TABLE_ENDINGS = (".csv", ".parquet")


def return_columns(run: RunFolder) -> dict[str, Mapping[str, float]]:
    """Column -> session -> return: ALL, each symbol, then ALL of each baseline that has every symbol.

    Raises DataError RUN_INVALID for rows that cannot be read.
    """
    symbols = sorted(run.symbols)
    equity = run.equity()
    columns: dict[str, Mapping[str, float]] = {ALL: returns_by_session(equity, symbols=symbols)}
    columns |= {symbol: returns_by_session(equity, symbols=[symbol]) for symbol in symbols}
    for name in run.baseline_names:
        rows = run.baseline_equity(name)
        if {row["symbol"] for row in rows} >= set(symbols):
            columns[name] = returns_by_session(rows, symbols=symbols)
    return {name: returns for name, returns in columns.items() if returns}


def write_returns(run: RunFolder, target: Path) -> Path:
    """A CSV with a row a session: `date`, then a column of simple returns (fractions) an account, as pandas and quantstats read it.

    An empty cell means that the account has no return in that session. Raises DataError OUTPUT_UNWRITABLE or RUN_INVALID.
    """
    columns = return_columns(run)
    sessions = sorted({session for returns in columns.values() for session in returns})
    lines = [",".join([DATE, *columns])]
    lines += [",".join([session, *(_cell(returns.get(session)) for returns in columns.values())]) for session in sessions]
    text = "\n".join(lines) + "\n"
    return write_with(target, lambda path: path.write_bytes(text.encode("utf-8")))


def write_decisions(run: RunFolder, target: Path) -> Path:
    """The frame of `Run.decisions` as CSV or parquet, by the ending of `target`.

    Raises UsageError for another ending, DataError OUTPUT_UNWRITABLE or RUN_INVALID.
    """
    if target.suffix not in TABLE_ENDINGS:
        remedy = did_you_mean(target.suffix or ".csv", TABLE_ENDINGS)
        raise UsageError(ErrorCode.USAGE, f"decisions cannot be written as {target.suffix or 'a file without an ending'}", remedy=remedy)
    from tradinggroup.runs.frames import decision_frame

    frame = decision_frame(run.decisions())
    if target.suffix == ".csv":
        return write_with(target, lambda path: frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8"))
    return write_with(target, lambda path: frame.to_parquet(path, index=False))


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)
