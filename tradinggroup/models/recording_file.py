"""The SQLite file under a store of recordings: its tables, how it is opened and left, and what its errors mean to a user."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from tradinggroup.errors import DataError, ErrorCode

FORMAT_VERSION = 1

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recordings (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, reply TEXT NOT NULL, answer TEXT, failure_kind TEXT, failure_detail TEXT,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, attempts INTEGER NOT NULL,
    model_returned TEXT NOT NULL, reasoning TEXT NOT NULL, live INTEGER NOT NULL, outage INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS attempts (
    key TEXT NOT NULL, number INTEGER NOT NULL, reply TEXT NOT NULL, failure_kind TEXT, failure_detail TEXT,
    PRIMARY KEY (key, number)
);
CREATE TABLE IF NOT EXISTS calls (
    session TEXT NOT NULL, symbol TEXT NOT NULL, agent TEXT NOT NULL, purpose TEXT NOT NULL, position INTEGER NOT NULL,
    key TEXT NOT NULL, PRIMARY KEY (session, symbol, agent, purpose, position, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (
    embedder TEXT NOT NULL, text_key TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (embedder, text_key)
) WITHOUT ROWID
"""


def open_file(path: Path, *, readonly: bool) -> sqlite3.Connection:
    """A connection to the store at `path`, made where it is missing unless `readonly`. Errors as in `RecordingStore.open`."""
    try:
        return _open_readonly(path) if readonly else _open_writable(path)
    except sqlite3.OperationalError as error:
        raise (invalid(path, error) if readonly else unwritable(path, error)) from error
    except sqlite3.DatabaseError as error:
        raise invalid(path, error) from error
    except OSError as error:
        raise unwritable(path, error) from error


def leave_one_file(connection: sqlite3.Connection) -> None:
    """Fold the write-ahead log into the file, so that it can be moved and read from a read-only folder.

    Another connection to the same file keeps the log; then the last one to leave folds it.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError:
        return


def invalid(path: Path, reason: object, *, remedy: str = "Restore the file from a copy, or move it away and run again.") -> DataError:
    """The store is there but can't be read."""
    return DataError(ErrorCode.RECORDING_INVALID, f"{path} is not a readable store of recordings ({reason})", remedy=remedy)


def unwritable(path: Path, reason: object) -> DataError:
    """The store can't be written: a full disk, a read-only folder."""
    return DataError(
        ErrorCode.RUN_UNWRITABLE,
        f"recordings cannot be written to {path} ({reason})",
        remedy="Make room or give write permission there, then go on with: tradinggroup backtest --resume RUN.",
    )


def _open_writable(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    try:
        # Looked at before anything is changed: a file that is not ours, or not yet ours, stays as it is.
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            _check_version(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('format_version', ?)", (str(FORMAT_VERSION),))
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _open_readonly(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise invalid(path, "there is no such file", remedy="Name a run that has recordings.")
    try:
        return _connect_readonly(path, "mode=ro")
    except sqlite3.OperationalError:
        # A file left in WAL mode wants a shared-memory file beside it, which a read-only folder refuses. Taken as
        # immutable it needs none, but what is in its log would be lost without a word.
        log = path.with_name(path.name + "-wal")
        if log.is_file() and log.stat().st_size:
            raise invalid(path, "it was not closed, and its folder is read-only", remedy="Copy the folder to a writable place.") from None
        return _connect_readonly(path, "immutable=1")


def _connect_readonly(path: Path, option: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?{option}", timeout=30, uri=True, isolation_level=None, check_same_thread=False)
    try:
        _check_version(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
    row = connection.execute("SELECT value FROM meta WHERE name = 'format_version'").fetchone() if known else None
    if row is None or not str(row[0]).isdigit():
        raise invalid(path, "it has no format version")
    if int(row[0]) > FORMAT_VERSION:
        raise invalid(path, f"format {row[0]} is newer than {FORMAT_VERSION}", remedy="Update tradinggroup.")
