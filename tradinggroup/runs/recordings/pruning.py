"""Taking recordings out of a project's shared store: which ones, and what that frees. Stores of runs are never touched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from tradinggroup.clock import parse_utc
from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.project import Project
from tradinggroup.runs.folder import RECORDINGS
from tradinggroup.runs.locate import run_folders

_SIZES = """
    SELECT key, json_extract(request, '$.model'), length(request) + length(reply) + length(coalesce(answer, '')) + length(reasoning),
        recorded_at
    FROM recordings LEFT JOIN times USING (key) ORDER BY key
"""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What `prune_recordings` takes away, or would."""

    total: int
    """Recordings of the shared store before."""
    keys: Sequence[str]
    by_model: dict[str, int]
    text_bytes: int
    """Length of the texts that go; the file shrinks by about as much."""

    def to_plain(self) -> dict[str, Any]:
        """As plain values, without the keys."""
        return {"total": self.total, "removed": len(self.keys), "by_model": self.by_model, "text_bytes": self.text_bytes}


def prune_recordings(project: Project, *, before: datetime | None, only_unused: bool, is_dry: bool) -> Pruned:
    """Take the recordings out of the shared store that were recorded before `before` and, with `only_unused`, that no run used.

    Both must hold where both are given. A recording without a time, of the first format or from a foreign tool, is never old.
    Raises DataError RECORDING_INVALID for a store that can't be read: the project's, or that of a run whose use must be known.
    """
    if not project.shared_recordings.is_file():
        return Pruned(0, (), {}, 0)
    used = _used_keys(project) if only_unused else frozenset()
    with RecordingStore.open(project.shared_recordings, readonly=is_dry, shared=True) as store:
        rows = store.rows(_SIZES)
        gone = [row for row in rows if row[0] not in used and (before is None or _is_older(row[3], before))]
        if gone and not is_dry:
            store.remove([row[0] for row in gone])
    names = [row[1] for row in gone]
    return Pruned(
        len(rows), [row[0] for row in gone], {name: names.count(name) for name in sorted(set(names))}, sum(row[2] for row in gone)
    )


def _is_older(recorded_at: str | None, moment: datetime) -> bool:
    return recorded_at is not None and parse_utc(recorded_at) < moment


def read_age(text: str, now: datetime) -> datetime:
    """The moment that `90d` or `2026-03-01` means. Raises UsageError for anything else."""
    days = re.fullmatch(r"(\d{1,5})d", text)
    if days:
        return now - timedelta(days=int(days[1]))
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        remedy = "Write days as 90d, or a day as 2026-03-01 (UTC)."
        raise UsageError(ErrorCode.USAGE, f"--older-than {text} is no age", remedy=remedy) from None


def _used_keys(project: Project) -> frozenset[str]:
    found: set[str] = set()
    for folder in run_folders(project):
        if (folder / RECORDINGS).is_file():
            with RecordingStore.open(folder / RECORDINGS, readonly=True) as store:
                found.update(row[0] for row in store.rows("SELECT DISTINCT key FROM calls"))
    return frozenset(found)
