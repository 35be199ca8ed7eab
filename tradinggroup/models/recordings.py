"""The store of recordings: every answer of a model, found again by the content of its request.

One SQLite file. A run has its own (every call that it used, failures and all attempts included); a project has one that its
runs share. Rows of a run depend on what was asked and answered, never on when, by whom or in which order, so two identical
runs hold the same rows. Nothing in it is a key of a provider.

    recordings   key → request, raw reply, answer or failure, tokens, the model that the server named, a hash of the reply
    attempts     key, number → raw text and failure of each attempt, where there was more than one or the only one failed
    calls        session, symbol, agent, purpose, position → key: which decision asked what
    vectors      embedder, hash of a text → its vector, of embedders whose vectors can't be computed again to the bit
    paid_beside  tokens that were paid for and answer nothing here: of probes (no key), and of answers that an outage took (their key)
    times        key → when it was recorded; in the shared store only
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tradinggroup.clock import iso_utc, utc_now
from tradinggroup.errors import DataError
from tradinggroup.models.port import Attempt, ModelReply, ModelRequest, Usage
from tradinggroup.models.recording_file import invalid, leave_one_file, open_file, unwritable, version_of
from tradinggroup.models.recording_pending import INSERT, PendingRows
from tradinggroup.models.recording_rows import (
    ATTEMPT_COLUMNS,
    COLUMNS,
    CallRecord,
    ChangedError,
    Row,
    attempt_of,
    attempt_rows,
    call_of,
    check_row,
    copied_row,
    paid_for,
    reply_of,
    row_has_attempts,
    row_of,
)

FLUSH_SECONDS = 1.0
"""What was put is in the file at latest this long afterwards: the most that a killed run loses."""
DURABLE_FLUSH_SECONDS = 0.1
"""The same for a store that is `durable`, since what is lost there is paid for twice."""
FLUSH_ROWS = 512
"""So many pending rows are written at once without waiting for the time."""

_COLUMNS = ", ".join(COLUMNS)
_GET = f"SELECT {_COLUMNS} FROM recordings WHERE key = ?"
_CALLS = f"SELECT {_COLUMNS}, session, symbol, agent, purpose, position FROM calls JOIN recordings USING (key)"
_ORDER = " ORDER BY session, symbol, agent, purpose, position, key"
_ATTEMPTS = f"SELECT {', '.join(ATTEMPT_COLUMNS)} FROM attempts WHERE key = ? ORDER BY number"


class RecordingStore:
    """One file of recordings. Safe to use from several threads; several processes may share a file."""

    def __init__(self, connection: sqlite3.Connection, path: Path, *, readonly: bool, shared: bool = False, durable: bool = False) -> None:
        """Use `open`."""
        self.path = path
        self.readonly = readonly
        self._shared = shared
        self._flush_seconds = DURABLE_FLUSH_SECONDS if durable else FLUSH_SECONDS
        self._connection = connection
        self._version = version_of(connection, path)
        self._lock = threading.RLock()
        self._pending = PendingRows()
        self.asked: set[Row] = set()
        """Of a store for reading only: who asked what of it, as rows of `calls`; known after it was closed, too."""
        self._timer: threading.Timer | None = None
        self._write_error: DataError | None = None
        self._closed = False

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False, shared: bool = False, durable: bool = False) -> RecordingStore:
        """Open the store at `path`; make it where it is missing, unless `readonly`.

        Args:
            path: the file.
            readonly: never write; works on a read-only file in a read-only folder.
            shared: a project's store, which other processes may have open: the time of each recording is kept too.
            durable: what `flush` wrote stands also where the power fails a moment later.

        Raises DataError RECORDING_INVALID for a missing (when `readonly`), damaged or newer file, RUN_UNWRITABLE where it
        can't be written.
        """
        return cls(open_file(path, readonly=readonly, durable=durable), path, readonly=readonly, shared=shared, durable=durable)

    def __enter__(self) -> RecordingStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, request: ModelRequest, *, answers_only: bool = False, skip_outage: bool = False) -> ModelReply | None:
        """The recorded reply to `request`, or None.

        With `answers_only` failures are not given. With `skip_outage` a failure that belonged to an outage which ended
        the run is not given either, so that a resumed run asks it anew. Raises DataError RECORDING_INVALID.
        """
        with self._lock:
            row = self._pending.recordings.get(request.key)
            if row is None:
                row = self._select(_GET + " AND outage = 0" if skip_outage else _GET, request.key)
            if row is None or (answers_only and row[3] is None):
                return None
            attempts = self._checked_attempts(row)
            try:
                return reply_of(request, row, attempts)
            except ChangedError as error:
                raise self._changed_row(row[0], error) from error

    def put(self, request: ModelRequest, reply: ModelReply, *, live: bool = True) -> None:
        """Keep a reply. `live` is false where it came from another store. Raises DataError where writing has failed."""
        row, attempts = row_of(request, reply, live=live), attempt_rows(request.key, reply)
        with self._lock:
            self._check_writable()
            self._pending.put(request.key, row, attempts)
            self._changed()

    def put_paid(self, model: str, usage: Usage, *, unmetered: bool) -> None:
        """Keep, at once, what was paid for without an answer to keep; where it was `unmetered`, `usage` is an estimate."""
        with self._lock:
            self._check_writable()
            with self._transaction():
                self._connection.execute(
                    f"INSERT {INSERT['paid_beside']}", ("", model, usage.prompt_tokens, usage.completion_tokens, int(unmetered))
                )

    def read_paid(self, key: str) -> tuple[str, Usage, bool, bool]:
        """Of a recording: its model, the tokens that it was paid for by, whether it was asked here, and whether they are an estimate."""
        with self._lock:
            (row,) = self.rows(f"SELECT {_COLUMNS} FROM recordings WHERE key = ?", (key,))
            model, usage, unmetered = paid_for(row, self._attempt_rows(key))
        return model, usage, bool(row[11]), unmetered

    def has_table(self, name: str) -> bool:
        """Whether the file has a table: an older one, open for reading only, may lack some."""
        return self._select("SELECT 1 FROM sqlite_master WHERE name = ?", name) is not None

    def put_call(self, request: ModelRequest) -> None:
        """Keep that this session, symbol and agent asked `request`; a store for reading only remembers it (`asked`)."""
        call = (request.session, request.symbol, request.agent, request.purpose, request.position, request.key)
        with self._lock:
            if self.readonly:
                self.asked.add(call)
                return
            self._check_writable()
            self._pending.calls[call] = None
            self._changed()

    def forget_calls(self, *, since: str) -> None:
        """Take away which decision asked what from the session `since` (ISO) on, before it is asked anew; answers stay."""
        with self._lock:
            self._check_writable()
            self.flush()
            with self._transaction():
                self._connection.execute("DELETE FROM calls WHERE session >= ?", (since,))

    def get_vector(self, embedder: str, text_key: str) -> bytes | None:
        """The bytes kept for a text, or None. Raises DataError RECORDING_INVALID."""
        with self._lock:
            found = self._pending.vectors.get((embedder, text_key))
            if found is None and self._has_vectors():
                row = self._select("SELECT vector FROM vectors WHERE embedder = ? AND text_key = ?", embedder, text_key)
                found = row[0] if row is not None else None
        return found

    def put_vectors(self, embedder: str, vectors: Mapping[str, bytes]) -> None:
        """Keep vectors by the hash of their text. Raises DataError where writing has failed."""
        with self._lock:
            self._check_writable()
            self._pending.vectors |= {(embedder, text_key): vector for text_key, vector in vectors.items()}
            self._changed()

    def mark_outage(self, keys: list[str]) -> None:
        """Mark failures as part of an outage that ended the run; `get` with `skip_outage` does not give them."""
        with self._lock:
            self.flush()
            with self._transaction():
                self._connection.executemany("UPDATE recordings SET outage = 1 WHERE key = ?", [(key,) for key in keys])

    def first_outage_session(self) -> str | None:
        """The earliest session that asked for a failure of an outage, ISO; None where there was no outage.

        What a run wrote from there on does not stand: resumed, it asks those calls anew. Raises DataError RECORDING_INVALID.
        """
        with self._lock:
            try:
                row = self._connection.execute("SELECT MIN(session) FROM calls JOIN recordings USING (key) WHERE outage = 1").fetchone()
            except sqlite3.DatabaseError as error:
                raise invalid(self.path, error) from error
        session: str | None = row[0]
        return session

    def read_calls(
        self, *, session: str | None = None, symbol: str | None = None, agent: str | None = None, purpose: str | None = None
    ) -> list[CallRecord]:
        """The calls that match, ordered by session, symbol, agent, purpose and position.

        Raises DataError RECORDING_INVALID for a damaged file and for a recording that was changed.
        """
        wanted = {"session": session, "symbol": symbol, "agent": agent, "purpose": purpose}
        given = {name: value for name, value in wanted.items() if value is not None}
        where = " WHERE " + " AND ".join(f"{name} = :{name}" for name in given) if given else ""
        return [call_of(row) for row in self._checked_rows(_CALLS + where + _ORDER, given)]

    def read_key(self, key: str) -> CallRecord | None:
        """What was asked and answered under `key`, as the first call of it; None where nobody asked it. Raises as `read_calls`."""
        rows = self._checked_rows(f"{_CALLS} WHERE key = :key{_ORDER} LIMIT 1", {"key": key})
        return call_of(rows[0]) if rows else None

    def read_attempts(self, key: str) -> tuple[Attempt, ...]:
        """Every attempt of a recording, where there was more than one or the only one failed; else nothing."""
        with self._lock:
            return tuple(attempt_of(row) for row in self._attempt_rows(key))

    def check(self) -> int:
        """Look at every recording; the number of those from the first format, whose reply has no hash to be checked by.

        Raises DataError RECORDING_INVALID for the first one that was changed.
        """
        return sum(row[-1] is None for row in self._checked_rows(f"SELECT {_COLUMNS} FROM recordings ORDER BY key"))

    def copies(self, keys: str, values: Sequence[object] = ()) -> tuple[list[Row], list[Row]]:
        """The recordings whose key the query `keys` gives, as another store keeps them, and their attempts. Raises as `check`."""
        with self._lock:
            rows = self.rows(f"SELECT {_COLUMNS} FROM recordings WHERE key IN ({keys})", values)
            attempts = [self._checked_attempts(row) for row in rows]
        return [copied_row(row, each) for row, each in zip(rows, attempts, strict=True)], [row for each in attempts for row in each]

    def count_vectors(self) -> int:
        """How many vectors of texts are kept."""
        return int(self.rows("SELECT COUNT(*) FROM vectors")[0][0]) if self._has_vectors() else 0

    def rows(self, sql: str, values: Mapping[str, object] | Sequence[object] = ()) -> list[Row]:
        """The rows of a query over the tables above, with everything pending written. Raises DataError RECORDING_INVALID."""
        with self._lock:
            self.flush()
            try:
                return self._connection.execute(sql, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise invalid(self.path, error) from error

    def add_rows(self, rows_by_table: Mapping[str, Sequence[Row]]) -> int:
        """Add rows of another store in one transaction; what is there already stays. The number of recordings that are new.

        Raises DataError where it can't be written.
        """
        with self._lock:
            self._check_writable()
            self.flush()
            with self._transaction():
                known = {
                    row[0]
                    for row in rows_by_table["recordings"]
                    if self._select("SELECT 1 FROM recordings WHERE key = ?", row[0]) is not None
                }
                for table, rows in rows_by_table.items():
                    # An attempt belongs to the answer beside which it was kept, so it comes with that or not at all.
                    new = rows if table in {"calls", "vectors"} else [row for row in rows if row[0] not in known]
                    self._connection.executemany(f"INSERT OR IGNORE {INSERT[table]}", new)
        return len(rows_by_table["recordings"]) - len(known)

    def remove(self, keys: Sequence[str]) -> None:
        """Take recordings away, with all that belongs to them, and give the room back. Raises DataError where it can't be written."""
        with self._lock:
            self._check_writable()
            self.flush()
            with self._transaction():
                for table in ("recordings", "attempts", "calls", "times"):
                    self._connection.executemany(f"DELETE FROM {table} WHERE key = ?", [(key,) for key in keys])
            with suppress(sqlite3.OperationalError):  # another process is at work: the room is used again later
                self._connection.execute("VACUUM")

    def flush(self) -> None:
        """Write what is pending, as one transaction. Raises DataError RUN_UNWRITABLE on a full or read-only disk."""
        with self._lock:
            if self._write_error is not None:
                raise self._write_error
            if not len(self._pending):
                return
            with self._transaction():
                self._write_pending()
            self._pending.clear()

    def close(self) -> None:
        """Flush and close; the file then stands alone and can be moved. Closing twice is fine."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            try:
                if not self.readonly:
                    self.flush()
                    if not self._shared:
                        leave_one_file(self._connection)
            finally:
                self._connection.close()

    def _has_vectors(self) -> bool:
        """Runs of the first version have no such table; read-only, it can't be made."""
        return not self.readonly or self.has_table("vectors")

    def _select(self, sql: str, *values: str) -> Row | None:
        try:
            row: Row | None = self._connection.execute(sql, values).fetchone()
        except sqlite3.DatabaseError as error:
            raise invalid(self.path, error) from error
        return row

    def _attempt_rows(self, key: str) -> list[Row]:
        if key in self._pending.recordings:
            return self._pending.attempts.get(key, [])
        try:
            return self._connection.execute(_ATTEMPTS, (key,)).fetchall()
        except sqlite3.DatabaseError as error:
            raise invalid(self.path, error) from error

    def _checked_attempts(self, row: Row) -> list[Row]:
        """The attempts of a recording, where they are kept. Raises DataError RECORDING_INVALID for one that was changed."""
        attempts = self._attempt_rows(row[0]) if row_has_attempts(row) else []
        try:
            check_row(row, attempts, version=self._version)
        except ChangedError as error:
            raise self._changed_row(row[0], error) from error
        return attempts

    def _checked_rows(self, sql: str, values: Mapping[str, object] | Sequence[object] = ()) -> list[Row]:
        """The recordings of a query, each looked at. Raises DataError RECORDING_INVALID for one that was changed."""
        with self._lock:
            rows = self.rows(sql, values)
            for row in rows:
                self._checked_attempts(row)
        return rows

    def _changed_row(self, key: str, error: ChangedError) -> DataError:
        reason = f"recording {key.removeprefix('sha256:')[:12]} was changed: {error}"
        return invalid(self.path, reason, remedy="Restore the file from a copy, or run again.")

    def _write_pending(self) -> None:
        self._connection.executemany(f"INSERT {INSERT['paid_beside']}", self._paid_before())
        for sql, rows in self._pending.statements(recorded_at=iso_utc(utc_now()) if self._shared else None):
            self._connection.executemany(sql, rows)

    def _paid_before(self) -> list[Row]:
        """What was paid for answers that an outage took, and that are now replaced."""
        found = []
        for key in self._pending.recordings:
            row = self._select(_GET + " AND outage = 1 AND live = 1", key)
            if row is not None:
                model, usage, unmetered = paid_for(row, self._connection.execute(_ATTEMPTS, (key,)).fetchall())
                found.append((key, model, usage.prompt_tokens, usage.completion_tokens, int(unmetered)))
        return found

    def _changed(self) -> None:
        if len(self._pending) >= FLUSH_ROWS:
            self.flush()
        elif self._timer is None:
            self._timer = threading.Timer(self._flush_seconds, self._flush_by_time)
            self._timer.daemon = True
            self._timer.start()

    def _flush_by_time(self) -> None:
        with self._lock:
            self._timer = None
            if self._closed:
                return
            try:
                self.flush()
            except DataError as error:
                self._write_error = error

    def _check_writable(self) -> None:
        if self._write_error is not None:
            raise self._write_error
        if self.readonly or self._closed:
            raise unwritable(self.path, "it is closed" if self._closed else "it was opened for reading only")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """All of it or nothing. A failure is remembered: nothing is written any more, and every later call says why."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if not isinstance(error, sqlite3.DatabaseError):
                raise
            known = isinstance(error, sqlite3.OperationalError)
            self._write_error = unwritable(self.path, error) if known else invalid(self.path, error)
            raise self._write_error from error
