"""A bundle that grows: rows after its end are added, and a past that has changed is refused (`data extend`)."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.bundle_format import TABLES, BundleFrames
from tradinggroup.data.bundle_tables import UNIQUE_KEYS, tables_of
from tradinggroup.data.membership import Spans, may_decide
from tradinggroup.errors import DataError, ErrorCode, UsageError

VENDOR_COLUMN = "adjusted_close_usd"
"""Rewritten by the source with every later split and dividend, and read by no agent: no part of the past."""


def extend_bundle(
    bundle: Bundle, frames: BundleFrames, *, sources: list[dict[str, Any]], membership: Mapping[str, Spans], target: Path | None = None
) -> Bundle:
    """`bundle` with what `frames` (its source as it is now, from the same first session on) has after its end.

    Up to its end the two must be the same, but for the source's own adjusted closes, which are kept as they were; those of
    the new rows are left out where the source has rewritten the old ones. In place without `target`, else as a new bundle there,
    which leaves the old one for the runs that used it. Whole or not at all. Raises DataError (PAST_CHANGED) that names file, month and
    row, BUNDLE_EXISTS, BUNDLE_UNWRITABLE; UsageError where there is nothing new, or another process is at it.
    """
    new = BundleFrames(**{name: table.to_pandas(date_as_object=True) for name, table in tables_of(frames, bundle.calendar.name).items()})
    old = bundle.frames()
    grown = BundleFrames(**{name: _grown(name, getattr(old, name), getattr(new, name), _end_of(bundle, name, old)) for name in TABLES})
    _check_membership(bundle, membership)
    if all(len(getattr(grown, name)) == len(getattr(old, name)) for name in TABLES):
        raise UsageError(ErrorCode.USAGE, f"the source has nothing after the end of {bundle.name}", remedy="Nothing was changed.")
    folder = target or bundle.folder
    with _only_one(folder):
        written = write_bundle(
            target or folder.with_name(f".{folder.name}.grown-{os.getpid()}"),
            grown,
            name=folder.name,
            basis=bundle.basis,
            sources=[*bundle.manifest["sources"], *({**source, "extends": bundle.hash} for source in sources)],
            universe_note=bundle.universe_note,
            membership=membership,
            exchange=bundle.calendar.name,
        )
        if target is None:
            _swap(written.folder, folder)
    return Bundle.open(folder)


def _end_of(bundle: Bundle, table: str, old: BundleFrames) -> datetime:
    """Up to when a table is past: its last close, or a later text that it holds already."""
    last: datetime = bundle.calendar.close_at(bundle.last_session)
    rows = getattr(old, table)
    return last if rows.empty else max(last, rows["known_at"].max().to_pydatetime())


def _grown(table: str, old: pd.DataFrame, new: pd.DataFrame, end: datetime) -> pd.DataFrame:
    """The old rows and the new ones after `end`. Raises DataError (PAST_CHANGED)."""
    keys = UNIQUE_KEYS[table]
    past, later = new[new["known_at"] <= end], new[new["known_at"] > end]
    before, after = old.set_index(keys).sort_index(), past.set_index(keys).sort_index()
    _refuse_first(table, before, before.index.difference(after.index), "is gone")
    _refuse_first(table, after, after.index.difference(before.index), "was not there")
    after = after.reindex(before.index)
    for column in before.columns:
        if column == VENDOR_COLUMN:
            continue
        differs = np.flatnonzero(~((before[column] == after[column]) | (before[column].isna() & after[column].isna())).to_numpy(dtype=bool))
        if len(differs):
            place = int(differs[0])
            _refuse(table, before.iloc[place], f"{column} was {_shown(before[column].iloc[place])}, is {_shown(after[column].iloc[place])}")
    if table == "prices" and not _same_numbers(before[VENDOR_COLUMN], after[VENDOR_COLUMN]):
        later = later.assign(**{VENDOR_COLUMN: np.nan})
    return pd.concat([old, later], ignore_index=True) if len(later) else old


def _same_numbers(before: pd.Series, after: pd.Series) -> bool:
    return bool(np.array_equal(before.to_numpy(dtype=np.float64), after.to_numpy(dtype=np.float64), equal_nan=True))


def _refuse_first(table: str, rows: pd.DataFrame, names: pd.Index, what: str) -> None:
    if len(names):
        chosen = rows.loc[[names[0]]].iloc[0]
        _refuse(table, chosen, f"the row {what}")


def _refuse(table: str, row: pd.Series, text: str) -> NoReturn:
    name = " ".join(_shown(part) for part in (row.name if isinstance(row.name, tuple) else (row.name,)))
    raise DataError(
        ErrorCode.PAST_CHANGED,
        f"{table}.parquet {row['known_at']:%Y-%m}, row {name}: {text}",
        remedy="The bundle was left as it is; import the folder under another name to use its past as it is now.",
    )


def _shown(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _check_membership(bundle: Bundle, membership: Mapping[str, Spans]) -> None:
    """Dates may be added after the end; for the sessions of the past they must say what they said."""
    for symbol in bundle.symbols:
        was, now = bundle.membership.get(symbol, ()), membership.get(symbol, ())
        for session in bundle.calendar.sessions(bundle.first_session, bundle.calendar.previous_session(bundle.last_session)):
            if may_decide(was, session) != may_decide(now, session):
                raise DataError(
                    ErrorCode.PAST_CHANGED,
                    f"membership.csv {session:%Y-%m}, row {symbol}: whether it belonged on {session} has changed",
                    remedy="The bundle was left as it is; import the folder under another name to use its past as it is now.",
                )


def _swap(made: Path, folder: Path) -> None:
    """Put `made` in the place of `folder`. Killed between the two renames, the old one lies beside it and `restore` brings it back."""
    try:
        folder.rename(_old(folder))
        made.rename(folder)
    except OSError as problem:
        restore(folder)
        shutil.rmtree(made, ignore_errors=True)
        raise DataError(
            ErrorCode.BUNDLE_UNWRITABLE,
            f"bundle {folder.name}: {problem.strerror or problem}",
            folder=folder,
            remedy="Give write permission; the bundle is as it was.",
        ) from problem
    shutil.rmtree(_old(folder), ignore_errors=True)


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def restore(folder: Path) -> None:
    """Put back the bundle `folder` that a process killed in the middle of extending it has left beside it; else nothing."""
    if _old(folder).is_dir():
        if folder.is_dir():
            shutil.rmtree(_old(folder), ignore_errors=True)
        else:
            _old(folder).rename(folder)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Be the only process that extends `folder`. The lock is SQLite's, so the system takes it back from a process that dies."""
    path = folder.with_name(f".{folder.name}.lock")
    connection = _locked(path, folder)
    try:
        restore(folder)
        for left in folder.parent.glob(f".{folder.name}.grown-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        path.unlink(missing_ok=True)
        connection.close()


def _locked(path: Path, folder: Path) -> sqlite3.Connection:
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as problem:
        if connection is not None:
            connection.close()
        if "locked" in str(problem):
            raise UsageError(ErrorCode.USAGE, f"another process is extending {folder.name}", remedy="Wait for it.") from None
        raise DataError(
            ErrorCode.BUNDLE_UNWRITABLE, f"bundle {folder.name}: {problem}", folder=folder, remedy="Give write permission; it is as it was."
        ) from problem
    return connection
