"""Writes a run folder while the run goes (design 9).

The threads of the symbols send rows in any order; the files come out ordered by session, then symbol, always with the same
bytes. A session is written when no symbol can add to it any more, in whole lines, so that a file is at every moment a
prefix of the finished one: an interrupted run is readable, and a resumed one goes on where the bytes end.
"""

from __future__ import annotations

import hashlib
import heapq
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson

from tradinggroup.backtest.sink import BAND_COLUMNS, COLUMNS, Row, RowKind
from tradinggroup.errors import DataError, ErrorCode, TradinggroupError
from tradinggroup.runs.creation import RunSources, new_run_folder
from tradinggroup.runs.lock import LOCK
from tradinggroup.runs.row_file import RowFile, cut_from, unwritable, write_through
from tradinggroup.runs.rows import csv_header, csv_line, json_line, reject_undefined

HEADER = "run.json"
CHECKS = "checks.jsonl"
BASELINES = "baselines"
RANDOM_BAND = f"{BASELINES}/random/band.csv"
"""Where the draws of the random baseline lie, session by session."""
_UNHASHED = (HEADER, CHECKS, LOCK)


class RunWriter:
    """The `RunSink` of a run folder. Every method may be called from any thread.

    Attributes:
        folder: the run folder.
        run_id: six hexadecimal digits, unique in its runs folder.
    """

    def __init__(self, folder: Path, *, symbols: Sequence[str], resume: bool = False) -> None:
        """Open the row-wise files of a folder that exists. Use `create` or `resume`."""
        self.folder = folder
        self.run_id = folder.name.rsplit("-", 1)[-1]
        self._lock = threading.Lock()
        self._done_through: dict[str, date] = dict.fromkeys(symbols, date.min)
        self._waiting = {kind: _Waiting() for kind in RowKind}
        self._files = {kind: RowFile(folder / kind, first_line=_first_line(kind), keep=resume) for kind in RowKind}
        self._failure: DataError | None = None
        self._before_rows: Callable[[], None] | None = None

    @classmethod
    def create(
        cls, runs_folder: Path, *, experiment: str, identity: bytes, started_at: datetime, symbols: Sequence[str], sources: RunSources
    ) -> RunWriter:
        """A new folder `<UTC time>-<experiment>-<id>` with the texts of `sources` and empty files.

        `identity` is what the id is made of, with the time: the resolved settings and the bundle's hash.
        Raises DataError RUN_UNWRITABLE.
        """
        folder = new_run_folder(runs_folder, experiment=experiment, identity=identity, started_at=started_at)
        sources.write(folder)
        return cls(folder, symbols=symbols)

    @classmethod
    def resume(cls, folder: Path, *, symbols: Sequence[str], before: str | None = None) -> RunWriter:
        """Go on in `folder`: the run is sent again from its first session, and what stands there already must come out the same.

        Rows of session `before` (ISO) or later are taken away first. Raises DataError RUN_UNWRITABLE, and later RUN_INVALID at
        the first line that differs.
        """
        if before is not None:
            for kind in RowKind:
                cut_from(folder / kind, before)
        return cls(folder, symbols=symbols, resume=True)

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write_after(self, before_rows: Callable[[], None]) -> None:
        """Call `before_rows` before rows reach the files: what they were made from must not be lost when the process is killed."""
        self._before_rows = before_rows

    def row(self, kind: RowKind, session: date, symbol: str, row: Row) -> None:
        """Take one row; it waits until every earlier row of its file is there.

        Raises DataError RUN_UNWRITABLE; TradinggroupError INTERNAL for a NaN, wrong columns or a row after its session was done.
        """
        columns = COLUMNS.get(kind)
        self.line(kind, session, symbol, csv_line(kind, columns, row) if columns else json_line(kind, row))

    def line(self, kind: RowKind, session: date, symbol: str, line: bytes) -> None:
        """Take one row as the line that it becomes; otherwise as `row`."""
        with self._lock:
            self._refuse_late(kind, session, symbol)
            self._waiting[kind].add(session, symbol, line)

    def session_done(self, symbol: str, session: date) -> None:
        """This symbol sends no more rows for `session` or earlier; its orders of `session` itself may still end."""
        with self._lock:
            before = min(self._done_through.values())
            self._done_through[symbol] = max(session, self._done_through[symbol])
            self._write_through(before)

    def symbol_done(self, symbol: str) -> None:
        """This symbol sends no more rows at all."""
        self.session_done(symbol, date.max)

    def write_header(self, header: Mapping[str, Any]) -> None:
        """Replace `run.json` as a whole; a reader sees the old one or the new one."""
        reject_undefined(HEADER, header)
        path = self.folder / HEADER
        partial = path.with_suffix(".json.partial")
        try:
            write_through(partial, orjson.dumps(header, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            partial.replace(path)
        except OSError as problem:
            raise unwritable(path, problem) from problem

    def write_baseline(self, name: str, *, equity: Iterable[Row], fills: Iterable[Row]) -> None:
        """Write `baselines/NAME/equity.csv` and `fills.csv`, ordered by session, then symbol."""
        folder = self.folder / BASELINES / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for kind, rows in ((RowKind.EQUITY, equity), (RowKind.FILL, fills)):
                ordered = sorted(rows, key=lambda row: (str(row["session"]), row["symbol"]))
                lines = [csv_line(f"{BASELINES}/{name}/{kind}", COLUMNS[kind], row) for row in ordered]
                (folder / kind).write_bytes(csv_header(COLUMNS[kind]) + b"".join(lines))
        except OSError as problem:
            raise unwritable(folder, problem) from problem

    def write_band(self, rows: Iterable[Row]) -> None:
        """Write `baselines/random/band.csv`, by session. Raises DataError RUN_UNWRITABLE."""
        path = self.folder / RANDOM_BAND
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(csv_header(BAND_COLUMNS) + b"".join(csv_line(RANDOM_BAND, BAND_COLUMNS, row) for row in rows))
        except OSError as problem:
            raise unwritable(path, problem) from problem

    def finish(self, header: Mapping[str, Any]) -> None:
        """Close the files and write the last header, with `files`: size and SHA-256 of every other file.

        Close the store of recordings before. Rows of sessions that some symbol has not finished are left out, so that an
        interrupted run's files are prefixes of the finished ones.
        """
        self.close()
        self.write_header({**header, "files": hashes_of(self.folder)})

    def close(self) -> None:
        """Close the row-wise files; may be called again."""
        with self._lock:
            for file in self._files.values():
                file.close()

    def _refuse_late(self, kind: RowKind, session: date, symbol: str) -> None:
        if self._failure is not None:
            raise self._failure
        through = self._done_through.get(symbol, date.max)
        if session < through or (session == through and kind is not RowKind.ORDER):
            raise TradinggroupError(
                ErrorCode.INTERNAL,
                "a row came after its session was done",
                file=kind.value,
                session=session,
                symbol=symbol,
                remedy="This is a mistake of the program: please report it with this line.",
            )

    def _write_through(self, before: date) -> None:
        """Write every session that has become complete, if the slowest symbol moved on from `before`."""
        if self._failure is not None:
            raise self._failure
        slowest = min(self._done_through.values())
        if slowest == before:
            return
        orders_end_later = slowest != date.max
        try:
            if self._before_rows is not None:
                self._before_rows()
            for kind, queue in self._waiting.items():
                rows = queue.take(slowest - timedelta(days=1) if orders_end_later and kind is RowKind.ORDER else slowest)
                if rows:
                    self._files[kind].append(rows)
        except DataError as problem:
            self._failure = problem
            raise


class _Waiting:
    """Lines of one file that wait for earlier ones."""

    def __init__(self) -> None:
        self._lines: dict[date, list[tuple[str, bytes]]] = {}
        self._sessions: list[date] = []  # a heap of the keys of _lines

    def add(self, session: date, symbol: str, line: bytes) -> None:
        if session not in self._lines:
            self._lines[session] = []
            heapq.heappush(self._sessions, session)
        self._lines[session].append((symbol, line))

    def take(self, through: date) -> bytes:
        """Remove and return all lines up to and of the session `through`, by session, then symbol, then arrival."""
        taken: list[bytes] = []
        while self._sessions and self._sessions[0] <= through:
            lines = self._lines.pop(heapq.heappop(self._sessions))
            taken.extend(line for _, line in sorted(lines, key=itemgetter(0)))
        return b"".join(taken)


def hashes_of(folder: Path) -> dict[str, dict[str, Any]]:
    """`{relative path: {"bytes", "sha256"}}` of all files of a run folder but `run.json` and `checks.jsonl`, by path."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in _UNHASHED and not name.endswith((".partial", "-wal", "-shm", "-journal")):
            with path.open("rb") as stream:
                found[name] = {"bytes": path.stat().st_size, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
    return found


def append_check(folder: Path, check: Mapping[str, Any]) -> None:
    """Add one line to `checks.jsonl`: what verify or an audit found later. Raises DataError RUN_UNWRITABLE."""
    path = folder / CHECKS
    try:
        with path.open("ab") as stream:
            stream.write(json_line(CHECKS, check))
    except OSError as problem:
        raise unwritable(path, problem) from problem


def _first_line(kind: RowKind) -> bytes:
    columns = COLUMNS.get(kind)
    return csv_header(columns) if columns else b""
