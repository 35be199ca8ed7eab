"""The SQLite file under a store of recordings: its tables, how it is opened and left, and what its errors mean to a user."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.models.recording_rows import ATTEMPT_COLUMNS, COLUMNS, ChangedError, check_row, reply_hash, row_has_attempts

FORMAT_VERSION = 3
"""Version 1 had no rung and no hash of the reply, version 2 not in every row. Both are read as they are, and brought here where written."""
_BUSY_SECONDS = 30
"""How long one process waits for another's transaction; each takes milliseconds."""
_SWITCH_WAIT_SECONDS = 0.05

_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recordings (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, reply TEXT NOT NULL, answer TEXT, failure_kind TEXT, failure_detail TEXT,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, attempts INTEGER NOT NULL,
    model_returned TEXT NOT NULL, reasoning TEXT NOT NULL, live INTEGER NOT NULL, outage INTEGER NOT NULL DEFAULT 0,
    rung TEXT NOT NULL DEFAULT '', reply_hash TEXT
);
CREATE TABLE IF NOT EXISTS attempts (
    key TEXT NOT NULL, number INTEGER NOT NULL, reply TEXT NOT NULL, failure_kind TEXT, failure_detail TEXT,
    rung TEXT NOT NULL DEFAULT '', PRIMARY KEY (key, number)
);
CREATE TABLE IF NOT EXISTS calls (
    session TEXT NOT NULL, symbol TEXT NOT NULL, agent TEXT NOT NULL, purpose TEXT NOT NULL, position INTEGER NOT NULL,
    key TEXT NOT NULL, PRIMARY KEY (session, symbol, agent, purpose, position, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS vectors (
    embedder TEXT NOT NULL, text_key TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (embedder, text_key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS paid_beside (
    key TEXT NOT NULL, model TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, unmetered INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS times (key TEXT PRIMARY KEY, recorded_at TEXT NOT NULL) WITHOUT ROWID
"""
_FROM_1 = (
    "ALTER TABLE recordings ADD COLUMN rung TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE recordings ADD COLUMN reply_hash TEXT",
    "ALTER TABLE attempts ADD COLUMN rung TEXT NOT NULL DEFAULT ''",
)
_READ_1 = (
    "CREATE TEMP VIEW recordings AS SELECT *, '' AS rung, NULL AS reply_hash FROM main.recordings",
    "CREATE TEMP VIEW attempts AS SELECT *, '' AS rung FROM main.attempts",
    "CREATE TEMP TABLE times (key TEXT, recorded_at TEXT)",
)
"""A read-only file of version 1 seen as one of version 2: names of the connection's own come before those of the file."""


def open_file(path: Path, *, readonly: bool, durable: bool = False) -> sqlite3.Connection:
    """A connection to the store at `path`, made where it is missing unless `readonly`. Errors as in `RecordingStore.open`.

    `durable`: what was written is on the disk before the next statement, also where the power fails.
    """
    try:
        return _open_readonly(path) if readonly else _open_writable(path, durable=durable)
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
    """The store is there but can't be used."""
    return DataError(ErrorCode.RECORDING_INVALID, f"{path} is not a usable store of recordings ({reason})", remedy=remedy)


def unwritable(path: Path, reason: object) -> DataError:
    """The store can't be written: a full disk, a read-only folder."""
    return DataError(
        ErrorCode.RUN_UNWRITABLE,
        f"recordings cannot be written to {path} ({reason})",
        remedy="Make room or give write permission there, then go on with: tradinggroup backtest --resume RUN.",
    )


def _open_writable(path: Path, *, durable: bool) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        # Looked at before anything is changed: a file that is not ours, or not yet ours, stays as it is.
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            version_of(connection, path)
        _switch_to_log(connection)
        connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
        connection.execute("BEGIN IMMEDIATE")
        # Looked at again: another process may have made or changed the file meanwhile.
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            _bring_up(connection, version_of(connection, path))
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('format_version', ?)", (str(FORMAT_VERSION),))
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_up(connection: sqlite3.Connection, version: int) -> None:
    """Bring a file of an older format to this one."""
    if version == FORMAT_VERSION:
        return
    for statement in _FROM_1 if version == 1 else ():
        connection.execute(statement)
    connection.executemany("UPDATE recordings SET reply_hash = ? WHERE key = ?", list(_new_hashes(connection, version)))
    connection.execute("UPDATE meta SET value = ? WHERE name = 'format_version'", (str(FORMAT_VERSION),))


def _new_hashes(connection: sqlite3.Connection, version: int) -> Iterator[tuple[str, str]]:
    """(hash, key) of each recording that is sound; one that was changed keeps a hash that does not fit, and is found when it is read."""
    attempts_of = f"SELECT {', '.join(ATTEMPT_COLUMNS)} FROM attempts WHERE key = ? ORDER BY number"
    for row in connection.execute(f"SELECT {', '.join(COLUMNS)} FROM recordings"):
        attempts = connection.execute(attempts_of, (row[0],)).fetchall() if row_has_attempts(row) else []
        try:
            check_row(row, attempts, version=version)
        except ChangedError:
            continue
        yield reply_hash(row, attempts), row[0]


def _switch_to_log(connection: sqlite3.Connection) -> None:
    """Let the file write ahead into a log, so that readers never wait for a writer.

    The switch needs the file alone, and SQLite says `locked` at once where another process has it: so it is tried until then.
    """
    for _ in range(int(_BUSY_SECONDS / _SWITCH_WAIT_SECONDS)):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(_SWITCH_WAIT_SECONDS)
        else:
            return
    connection.execute("PRAGMA journal_mode = WAL")


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
    address = f"{path.resolve().as_uri()}?{option}"
    connection = sqlite3.connect(address, timeout=_BUSY_SECONDS, uri=True, isolation_level=None, check_same_thread=False)
    try:
        if version_of(connection, path) == 1:
            connection.execute("PRAGMA temp_store = MEMORY")
            for statement in _READ_1:
                connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """The format of the file. Raises DataError RECORDING_INVALID for what is no store or newer than this program."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
    row = connection.execute("SELECT value FROM meta WHERE name = 'format_version'").fetchone() if known else None
    if row is None or not str(row[0]).isdigit():
        raise invalid(path, "it has no format version")
    if int(row[0]) > FORMAT_VERSION:
        raise invalid(path, f"format {row[0]} is newer than {FORMAT_VERSION}", remedy="Update tradinggroup.")
    return int(row[0])
