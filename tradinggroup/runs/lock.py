"""One process at a time writes a run folder: two that resume the same run would ask, and pay, twice."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.runs.row_file import unwritable

LOCK = ".lock"


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Be the only process that writes `folder`, until the block ends.

    The lock is SQLite's own on a small file, so the system takes it back from a process that dies, on every platform.
    Raises UsageError USAGE where another process holds it, DataError RUN_UNWRITABLE where the file can't be made.
    """
    path = folder / LOCK
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as problem:
        if connection is not None:
            connection.close()
        if "locked" in str(problem):
            raise UsageError(
                ErrorCode.USAGE,
                f"another process is writing run {folder.name.rpartition('-')[2]}",
                remedy="Wait for it, or stop it first; `tradinggroup show` reads the run meanwhile.",
            ) from None
        raise unwritable(path, OSError(str(problem))) from problem
    try:
        yield
    finally:
        connection.close()
        path.unlink(missing_ok=True)
