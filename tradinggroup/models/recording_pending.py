"""What a store was given and has not written yet, and the statements that write it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tradinggroup.models.recording_rows import ATTEMPT_COLUMNS, COLUMNS, Row

INSERT = {
    "recordings": f"INTO recordings ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})",
    "attempts": f"INTO attempts ({', '.join(ATTEMPT_COLUMNS)}) VALUES ({', '.join('?' * len(ATTEMPT_COLUMNS))})",
    "calls": "INTO calls VALUES (?,?,?,?,?,?)",
    "vectors": "INTO vectors VALUES (?,?,?)",
    "times": "INTO times VALUES (?,?)",
    "paid_beside": "INTO paid_beside VALUES (?,?,?,?,?)",
}
"""Table -> the part of a statement behind INSERT, INSERT OR IGNORE or INSERT OR REPLACE."""


@dataclass(slots=True)
class PendingRows:
    """Rows in memory, the newest of each key; not safe to use from several threads without a lock."""

    recordings: dict[str, Row] = field(default_factory=dict)
    """By key, as are `attempts`."""
    attempts: dict[str, list[Row]] = field(default_factory=dict)
    calls: dict[Row, None] = field(default_factory=dict)
    """In the order in which they came, each once."""
    vectors: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """By embedder and hash of the text."""

    def __len__(self) -> int:
        return len(self.recordings) + len(self.calls) + len(self.vectors)

    def put(self, key: str, row: Row, attempts: list[Row]) -> None:
        """Keep a recording, in place of an earlier one of its key, with its attempts."""
        self.recordings[key] = row
        if attempts:
            self.attempts[key] = attempts
        else:
            self.attempts.pop(key, None)

    def clear(self) -> None:
        """Forget everything: it is in the file."""
        for rows in (self.recordings, self.attempts, self.calls, self.vectors):
            rows.clear()

    def statements(self, *, recorded_at: str | None) -> Iterator[tuple[str, Sequence[Row]]]:
        """The statements in their order, each with its rows; `recorded_at` (ISO) where times are kept."""
        yield "DELETE FROM attempts WHERE key = ?", [(key,) for key in self.recordings]
        yield f"INSERT OR REPLACE {INSERT['recordings']}", list(self.recordings.values())
        yield f"INSERT {INSERT['attempts']}", [row for rows in self.attempts.values() for row in rows]
        yield f"INSERT OR IGNORE {INSERT['calls']}", list(self.calls)
        yield f"INSERT OR IGNORE {INSERT['vectors']}", [(*name, vector) for name, vector in self.vectors.items()]
        if recorded_at is not None:
            yield f"INSERT OR REPLACE {INSERT['times']}", [(key, recorded_at) for key in self.recordings]
