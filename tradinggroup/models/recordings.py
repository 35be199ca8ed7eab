"""The store of recordings: every answer of a model, found again by the content of its request.

One SQLite file. A run has its own (every call that it used, failures and all attempts included); a project has one that its
runs share. Rows depend on what was asked and answered, never on when, by whom or in which order, so two identical runs
hold the same rows. Nothing in it is a time or a key of a provider.

    recordings   key → request, raw reply, answer or failure, tokens, the model that the server named
    attempts     key, number → raw text and failure of each attempt, where there was more than one or the only one failed
    calls        session, symbol, agent, purpose, position → key: which decision asked what
    vectors      embedder, hash of a text → its vector, of embedders whose vectors can't be computed again to the bit
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from tradinggroup.errors import DataError
from tradinggroup.models.port import Attempt, Failure, FailureKind, Message, ModelReply, ModelRequest, Usage
from tradinggroup.models.recording_file import invalid, leave_one_file, open_file, unwritable

FLUSH_SECONDS = 1.0
"""What was put is in the file at latest this long afterwards: the most that a killed run loses."""
FLUSH_ROWS = 512
"""So many pending rows are written at once without waiting for the time."""

_COLUMNS = (
    "request, reply, answer, failure_kind, failure_detail, prompt_tokens, completion_tokens, attempts, model_returned, reasoning, live"
)
_GET = f"SELECT key, {_COLUMNS} FROM recordings WHERE key = ?"
_CALLS = f"SELECT key, {_COLUMNS}, session, symbol, agent, purpose, position FROM calls JOIN recordings USING (key)"
_ORDER = " ORDER BY session, symbol, agent, purpose, position, key"

_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of a run, as it was asked and answered."""

    session: str
    symbol: str
    agent: str
    purpose: str
    position: int
    key: str
    recorded: bool
    """Whether the run took the answer from the shared store; else it asked the model itself."""
    request: dict[str, Any]
    """The content of the request: `model`, `messages`, `schema`, `schema_hash`, `parameters`, `seed_index`."""
    text: str
    answer: dict[str, Any] | None
    failure: Failure | None
    usage: Usage
    attempts: int
    model_returned: str
    reasoning: str

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt."""
        return tuple(Message(role, content) for role, content in self.request["messages"])


class RecordingStore:
    """One file of recordings. Safe to use from several threads; several processes may share a file."""

    def __init__(self, connection: sqlite3.Connection, path: Path, *, readonly: bool) -> None:
        """Use `open`."""
        self.path = path
        self.readonly = readonly
        self._connection = connection
        self._lock = threading.RLock()
        self._recordings: dict[str, _Row] = {}
        self._attempts: dict[str, list[_Row]] = {}
        self._calls: dict[_Row, None] = {}
        self._vectors: dict[tuple[str, str], bytes] = {}
        self._timer: threading.Timer | None = None
        self._write_error: DataError | None = None
        self._closed = False

    @classmethod
    def open(cls, path: Path, *, readonly: bool = False) -> RecordingStore:
        """Open the store at `path`; make it where it is missing, unless `readonly`.

        `readonly` works on a read-only file in a read-only folder. Raises DataError RECORDING_INVALID for a missing (when
        `readonly`), damaged or newer file, RUN_UNWRITABLE where it can't be written.
        """
        return cls(open_file(path, readonly=readonly), path, readonly=readonly)

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
            row = self._recordings.get(request.key)
            if row is None:
                row = self._select(_GET + " AND outage = 0" if skip_outage else _GET, request.key)
            if row is None or (answers_only and row[3] is None):
                return None
            return self._reply(request, row)

    def put(self, request: ModelRequest, reply: ModelReply, *, live: bool = True) -> None:
        """Keep a reply. `live` is false where it came from another store. Raises DataError where writing has failed."""
        row = (
            request.key, request.content.decode(), reply.text, None if reply.answer is None else reply.answer.model_dump_json(),
            *_failure_columns(reply.failure), reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.attempts,
            reply.model_returned, reply.reasoning, int(live),
        )  # fmt: skip
        with self._lock:
            self._check_writable()
            self._recordings[request.key] = row
            if reply.tries:
                self._attempts[request.key] = [
                    (request.key, number, attempt.text, *_failure_columns(attempt.failure)) for number, attempt in enumerate(reply.tries, 1)
                ]
            self._changed()

    def put_call(self, request: ModelRequest) -> None:
        """Keep that this session, symbol and agent asked `request`."""
        with self._lock:
            self._check_writable()
            self._calls[request.session, request.symbol, request.agent, request.purpose, request.position, request.key] = None
            self._changed()

    def get_vector(self, embedder: str, text_key: str) -> bytes | None:
        """The bytes kept for a text, or None. Raises DataError RECORDING_INVALID."""
        with self._lock:
            found = self._vectors.get((embedder, text_key))
            if found is None and self._has_vectors():
                row = self._select("SELECT vector FROM vectors WHERE embedder = ? AND text_key = ?", embedder, text_key)
                found = row[0] if row is not None else None
        return found

    def put_vectors(self, embedder: str, vectors: Mapping[str, bytes]) -> None:
        """Keep vectors by the hash of their text. Raises DataError where writing has failed."""
        with self._lock:
            self._check_writable()
            self._vectors |= {(embedder, text_key): vector for text_key, vector in vectors.items()}
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
        """The calls that match, ordered by session, symbol, agent, purpose and position."""
        wanted = {"session": session, "symbol": symbol, "agent": agent, "purpose": purpose}
        given = {name: value for name, value in wanted.items() if value is not None}
        where = " WHERE " + " AND ".join(f"{name} = :{name}" for name in given) if given else ""
        with self._lock:
            self.flush()
            try:
                rows = self._connection.execute(_CALLS + where + _ORDER, given).fetchall()
            except sqlite3.DatabaseError as error:
                raise invalid(self.path, error) from error
        return [_call_record(row) for row in rows]

    def read_attempts(self, key: str) -> tuple[Attempt, ...]:
        """Every attempt of a recording, where there was more than one or the only one failed; else nothing."""
        with self._lock:
            rows = self._attempts.get(key)
            if rows is None:
                try:
                    rows = self._connection.execute("SELECT * FROM attempts WHERE key = ? ORDER BY number", (key,)).fetchall()
                except sqlite3.DatabaseError as error:
                    raise invalid(self.path, error) from error
        return tuple(Attempt(row[2], _failure(row[3], row[4])) for row in rows)

    def flush(self) -> None:
        """Write what is pending, as one transaction. Raises DataError RUN_UNWRITABLE on a full or read-only disk."""
        with self._lock:
            if self._write_error is not None:
                raise self._write_error
            if not (self._recordings or self._calls or self._vectors):
                return
            with self._transaction():
                self._write_pending()
            self._recordings.clear()
            self._attempts.clear()
            self._calls.clear()
            self._vectors.clear()

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
                    leave_one_file(self._connection)
            finally:
                self._connection.close()

    def _has_vectors(self) -> bool:
        """Runs of the first version have no such table; read-only, it can't be made."""
        return not self.readonly or self._select("SELECT 1 FROM sqlite_master WHERE name = ?", "vectors") is not None

    def _select(self, sql: str, *values: str) -> _Row | None:
        try:
            row: _Row | None = self._connection.execute(sql, values).fetchone()
        except sqlite3.DatabaseError as error:
            raise invalid(self.path, error) from error
        return row

    def _reply(self, request: ModelRequest, row: _Row) -> ModelReply:
        try:
            answer = None if row[3] is None else request.schema.model_validate_json(row[3])
        except ValidationError as error:
            raise invalid(self.path, f"the answer of {request.key[:19]} does not fit its schema") from error
        failure = _failure(row[4], row[5])
        return ModelReply(
            key=row[0], answer=answer, failure=failure, text=row[2], usage=Usage(row[6], row[7]), attempts=row[8],
            recorded=True, model_returned=row[9], reasoning=row[10],
            tries=self.read_attempts(request.key) if failure is not None or row[8] > 1 else (),
        )  # fmt: skip

    def _write_pending(self) -> None:
        execute = self._connection.executemany
        execute("DELETE FROM attempts WHERE key = ?", [(key,) for key in self._recordings])
        execute("INSERT OR REPLACE INTO recordings VALUES (?,?,?,?,?,?,?,?,?,?,?,?,0)", list(self._recordings.values()))
        execute("INSERT INTO attempts VALUES (?,?,?,?,?)", [row for rows in self._attempts.values() for row in rows])
        execute("INSERT OR IGNORE INTO calls VALUES (?,?,?,?,?,?)", list(self._calls))
        execute("INSERT OR IGNORE INTO vectors VALUES (?,?,?)", [(*name, vector) for name, vector in self._vectors.items()])

    def _changed(self) -> None:
        if len(self._recordings) + len(self._calls) + len(self._vectors) >= FLUSH_ROWS:
            self.flush()
        elif self._timer is None:
            self._timer = threading.Timer(FLUSH_SECONDS, self._flush_by_time)
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


def _failure(kind: str | None, detail: str | None) -> Failure | None:
    return None if kind is None else Failure(FailureKind(kind), detail or "")


def _failure_columns(failure: Failure | None) -> tuple[str | None, str | None]:
    return (None, None) if failure is None else (str(failure.kind), failure.detail)


def _call_record(row: _Row) -> CallRecord:
    return CallRecord(
        session=row[12], symbol=row[13], agent=row[14], purpose=row[15], position=row[16], key=row[0], recorded=not row[11],
        request=orjson.loads(row[1]), text=row[2], answer=None if row[3] is None else orjson.loads(row[3]),
        failure=_failure(row[4], row[5]), usage=Usage(row[6], row[7]), attempts=row[8], model_returned=row[9], reasoning=row[10],
    )  # fmt: skip
