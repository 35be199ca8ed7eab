"""The file of the ledger: `ledger.jsonl` at the project's root, one JSON line an event, each with the hash of the line before.

Lines are only ever appended, each written through to the disk. What was appended last is also kept in
`backtests/ledger-head.sqlite`, whose lock lets one process append at a time, on every platform; so lines that were cut off the end
are missed, too. That small file is derived: where it is absent, as in a fresh clone, the ledger is taken as it stands.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import orjson

from tradinggroup.clock import iso_utc, utc_now
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.project import Project
from tradinggroup.runs.ledger.shapes import fault_of_shape

Entry = dict[str, Any]
EventKind = Literal["start", "end", "unseal", "damage"]
FIRST_PREVIOUS = f"sha256:{'0' * 64}"
"""What the first line carries in place of a hash."""
WAIT_SECONDS = 30
"""How long an append waits for another process."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the ledger, known by its hash."""

    line: int
    """Counted from 1."""
    hash: str

    def to_plain(self) -> dict[str, Any]:
        return {"line": self.line, "hash": self.hash}


@dataclass(frozen=True, slots=True)
class Fault:
    """The first thing that is wrong with a ledger."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """What stands in the file. `entries` are the lines that can be read and have the shape of their kind, in order."""

    entries: tuple[Entry, ...] = ()
    hashes: tuple[str, ...] = ()
    """Of every line, readable or not."""
    fault: Fault | None = None

    @property
    def lines(self) -> int:
        return len(self.hashes)

    @property
    def id(self) -> str | None:
        """The hash of the first line: what tells one ledger from another; None for an empty one."""
        return self.hashes[0] if self.hashes else None

    def holds(self, place: Place) -> bool:
        """Whether the line is there, and is the one that was written."""
        return 1 <= place.line <= self.lines and self.hashes[place.line - 1] == place.hash


class LedgerBook:
    """The ledger while this process alone may append to it. Use `open_ledger`."""

    def __init__(self, path: Path, head: sqlite3.Connection) -> None:
        self._path = path
        self._head = head
        self._content = _content(path)
        self.ledger = parsed(self._content, _known_head(head))

    def append(self, kind: EventKind, **fields: Any) -> Place:
        """Append one line and wait until the disk has it. Raises DataError LEDGER_UNWRITABLE, with the file as it was."""
        previous = self.ledger.hashes[-1] if self.ledger.hashes else FIRST_PREVIOUS
        entry = {"line": self.ledger.lines + 1, "previous": previous, "kind": kind, "at": iso_utc(utc_now()), **fields}
        line = orjson.dumps(entry)
        half_line = bool(self._content) and not self._content.endswith(b"\n")
        chunk = b"\n" * half_line + line + b"\n"
        try:
            _append_through(self._path, chunk)
        except OSError as problem:
            raise unwritable(self._path, problem.strerror or str(problem)) from problem
        self._content += chunk
        place = Place(entry["line"], hash_of(line))
        self._head.execute("INSERT OR REPLACE INTO head (id, line, hash) VALUES (1, ?, ?)", (place.line, place.hash))
        self.ledger = Ledger((*self.ledger.entries, entry), (*self.ledger.hashes, place.hash), self.ledger.fault)
        return place

    def note_lost_lines(self) -> None:
        """Write down, for good, that lines at the end are gone: the next append would hide it."""
        fault, head = self.ledger.fault, _known_head(self._head)
        if fault is not None and head is not None and not self.ledger.holds(head):
            self.append("damage", problem=fault.text, at_line=fault.line)


@contextlib.contextmanager
def open_ledger(project: Project) -> Iterator[LedgerBook]:
    """Be the only process that appends to the project's ledger, until the block ends; waits for its turn.

    Raises DataError LEDGER_UNWRITABLE where it can't be written.
    """
    path, head_path = project.ledger_file, project.ledger_head
    try:
        head_path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass  # so that a ledger which can't be written is said before anything else happens
    except OSError as problem:
        raise unwritable(path, problem.strerror or str(problem)) from problem
    with contextlib.closing(_locked_head(head_path)) as head:
        book = LedgerBook(path, head)
        book.note_lost_lines()
        yield book
        head.execute("COMMIT")


def read_ledger(project: Project) -> Ledger:
    """The ledger as it stands; an empty one where there is no file. Raises DataError LEDGER_UNWRITABLE where it can't be read."""
    with _shared_head(project.ledger_head) as head:
        try:
            content = _content(project.ledger_file)
        except OSError as problem:
            raise unwritable(project.ledger_file, problem.strerror or str(problem)) from problem
    return parsed(content, head)


def parsed(content: bytes, head: Place | None) -> Ledger:
    """The lines of `content`, and the first fault of their chain; `head` is the last line that is known to have been written."""
    *lines, rest = content.split(b"\n")
    lines += [rest] if rest else []
    hashes = tuple(map(hash_of, lines))
    read = [_entry(line) for line in lines]
    entries = tuple(entry for entry in read if not isinstance(entry, str))
    fault = _chain_fault(read, hashes) or (Fault(len(lines), "is cut short") if rest else None)
    return Ledger(entries, hashes, fault or _head_fault(hashes, head))


def hash_of(line: bytes) -> str:
    """What the next line carries of this one."""
    return f"sha256:{sha256(line).hexdigest()}"


def unwritable(path: Path, reason: str) -> DataError:
    """The error for a ledger that cannot be written or read."""
    return DataError(
        ErrorCode.LEDGER_UNWRITABLE,
        path=path,
        reason=reason,
        remedy="Every run is written down before it starts: give write permission, make room, or wait for the other process.",
    )


def _chain_fault(read: Sequence[Entry | str], hashes: Sequence[str]) -> Fault | None:
    previous = FIRST_PREVIOUS
    for number, (entry, own) in enumerate(zip(read, hashes, strict=True), start=1):
        if isinstance(entry, str):
            return Fault(number, entry)
        if entry.get("line") != number:
            return Fault(number, f"calls itself line {entry.get('line')}: lines before it were taken out or put in")
        if entry.get("previous") != previous:
            return Fault(max(1, number - 1), "is not as it was written" if number > 1 else "does not begin a ledger")
        if entry.get("kind") == "damage":
            return Fault(number, f"notes damage: line {entry.get('at_line')} {entry.get('problem')}")
        previous = own
    return None


def _head_fault(hashes: Sequence[str], head: Place | None) -> Fault | None:
    if head is None or Ledger(hashes=tuple(hashes)).holds(head):
        return None
    if len(hashes) < head.line:
        return Fault(len(hashes) + 1, f"is missing: {head.line} lines were written, {len(hashes)} are there")
    return Fault(head.line, "is not as it was written")


def _entry(line: bytes) -> Entry | str:
    """The line, or what is wrong with it."""
    try:
        value = orjson.loads(line)
    except ValueError:
        return "is cut short or no JSON"
    return (fault_of_shape(value) or value) if isinstance(value, dict) else "is cut short or no JSON"


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _append_through(path: Path, chunk: bytes) -> None:
    with path.open("ab", buffering=0) as stream:
        size = stream.seek(0, os.SEEK_END)
        try:
            rest = memoryview(chunk)
            while rest:  # a full disk takes a part first
                rest = rest[stream.write(rest) or 0 :]
            os.fsync(stream.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                stream.truncate(size)
            raise


def _locked_head(path: Path) -> sqlite3.Connection:
    connection = None
    try:
        connection = sqlite3.connect(path, timeout=WAIT_SECONDS, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("CREATE TABLE IF NOT EXISTS head (id INTEGER PRIMARY KEY, line INTEGER, hash TEXT)")
    except sqlite3.Error as problem:
        if connection is not None:
            connection.close()
        reason = "another process is writing it" if "locked" in str(problem) else str(problem)
        raise unwritable(path, reason) from problem
    return connection


def _known_head(head: sqlite3.Connection) -> Place | None:
    row = head.execute("SELECT line, hash FROM head").fetchone()
    return Place(*row) if row is not None else None


@contextlib.contextmanager
def _shared_head(path: Path) -> Iterator[Place | None]:
    """The last line known to have been written, while nobody appends; None where nobody knows."""
    head = None
    with contextlib.ExitStack() as opened:
        if path.is_file():
            with contextlib.suppress(sqlite3.Error):
                address = f"{path.resolve().as_uri()}?mode=ro"
                connection = opened.enter_context(
                    contextlib.closing(sqlite3.connect(address, uri=True, timeout=WAIT_SECONDS, isolation_level=None))
                )
                connection.execute("BEGIN")
                head = _known_head(connection)
        yield head


def places_of(reference: Mapping[str, Any]) -> Iterator[Place]:
    """The lines that the header of a run names: its start, and its end where it has one."""
    for key in ("start", "end"):
        if reference.get(key):
            yield Place(reference[key]["line"], reference[key]["hash"])
