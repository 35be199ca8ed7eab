"""One append-only file of a run: whole lines or nothing, and a resumed run may only repeat what already stands there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import orjson

from tradinggroup.errors import DataError, ErrorCode

_READ_STEP_BYTES = 1 << 20


class RowFile:
    """Appends chunks of whole lines without a buffer, so that a killed process leaves whole lines behind."""

    def __init__(self, path: Path, *, first_line: bytes = b"", keep: bool = False) -> None:
        """Open `path`. With `keep` its whole lines stay, and the next appends must repeat them byte for byte.

        Raises DataError RUN_UNWRITABLE.
        """
        self.path = path
        try:
            kept = _whole_lines(path) if keep else 0
            self._stream = path.open("r+b" if kept else "wb", buffering=0)
            self._stream.truncate(kept)
        except OSError as problem:
            raise unwritable(path, problem) from problem
        self._size = 0
        self._kept_bytes = kept
        self.append(first_line)

    def append(self, chunk: bytes) -> None:
        """Write whole lines. Raises DataError RUN_UNWRITABLE (then the file ends with its last whole chunk), or RUN_INVALID."""
        if self._size < self._kept_bytes:
            chunk = self._repeat(chunk)
        try:
            rest = memoryview(chunk)
            while rest:  # a full disk takes a part first, and gives its reason only at the next write
                rest = rest[self._stream.write(rest) or 0 :]
        except OSError as problem:
            self._cut_back()
            raise unwritable(self.path, problem) from problem
        self._size += len(chunk)

    def close(self) -> None:
        """Close the file; may be called again."""
        self._stream.close()

    def _repeat(self, chunk: bytes) -> bytes:
        """Compare the part of `chunk` that already stands in the file, and return the rest."""
        length = min(len(chunk), self._kept_bytes - self._size)
        self._stream.seek(self._size)
        standing = self._stream.read(length)
        if standing != chunk[:length]:
            raise self._differs()
        self._size += length
        return chunk[length:]

    def _differs(self) -> DataError:
        self._stream.seek(0)
        line = self._stream.read(self._size).count(b"\n") + 1
        return DataError(
            ErrorCode.RUN_INVALID,
            "a resumed run came out differently",
            file=self.path.name,
            first_line=f"{line} or later",
            remedy="The folder, the bundle or the program was changed; start a new run.",
        )

    def _cut_back(self) -> None:
        """Take away a half-written chunk; a disk that refuses even that leaves a half line, which readers pass over."""
        try:
            self._stream.truncate(self._size)
        except OSError:
            return


def cut_from(path: Path, session: str) -> None:
    """Take away every row of `session` (ISO) or later, and a half row at the end; rows are ordered by session.

    Raises DataError RUN_UNWRITABLE.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        kept_bytes = 0
        for number, line in enumerate(lines):
            is_header = number == 0 and path.suffix == ".csv"
            if not line.endswith(b"\n") or not (is_header or _session_of(line) < session):
                os.truncate(path, kept_bytes)
                return
            kept_bytes += len(line)
    except OSError as problem:
        raise unwritable(path, problem) from problem


def _session_of(line: bytes) -> str:
    """The session that a row is ordered by: the first cell of a CSV row, a field of a JSON line; a broken row has the empty one."""
    if not line.startswith(b"{"):
        return line.partition(b",")[0].decode("ascii", "replace")
    try:
        return str(orjson.loads(line)["session"])
    except (orjson.JSONDecodeError, KeyError):
        return ""


def unwritable(path: Path, problem: OSError) -> DataError:
    """The error for a run folder that cannot be written: which path, and what the system said."""
    return DataError(
        ErrorCode.RUN_UNWRITABLE,
        path=problem.filename or path,
        reason=problem.strerror or str(problem),
        remedy="Make room or give write permission; what was written before is kept and can be resumed.",
    )


def write_through(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it: a run that lost its settings to a power failure could not go on."""
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _whole_lines(path: Path) -> int:
    """Bytes of `path` up to its last newline, or up to the line that a zero byte is in; 0 where there is no file.

    No row holds a zero byte. After a power failure a file may have its length and not yet its content, and zeros in its place.
    """
    if not path.is_file():
        return 0
    with path.open("rb") as stream:
        end = _first_zero(stream)
        while end > 0:
            start = max(0, end - _READ_STEP_BYTES)
            stream.seek(start)
            newline = stream.read(end - start).rfind(b"\n")
            if newline >= 0:
                return start + newline + 1
            end = start
    return 0


def _first_zero(stream: BinaryIO) -> int:
    """The place of the first zero byte; the size where there is none."""
    start = 0
    while step := stream.read(_READ_STEP_BYTES):
        place = step.find(b"\0")
        if place >= 0:
            return start + place
        start += len(step)
    return start
