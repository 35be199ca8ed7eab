"""Recordings from one store into another: the past of a run for its fork, and answers for a project's shared store."""

from __future__ import annotations

from tradinggroup.clock import iso_utc, utc_now
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import RULES

_CALLS = "SELECT session, symbol, agent, purpose, position, key FROM calls"
_BEFORE = "SELECT key FROM calls JOIN recordings USING (key) WHERE session < ? AND outage = 0"
_ANSWERED = "SELECT key FROM recordings WHERE answer IS NOT NULL AND json_extract(request, '$.model') != ?"


def copy_past(source: RecordingStore, target: RecordingStore, *, before: str) -> int:
    """Copy every call of sessions before `before` (ISO), with what was answered, failures included; the number of recordings.

    What belonged to an outage is left out: it does not stand. Vectors of texts are copied too, whatever the session.
    Raises DataError RECORDING_INVALID for a recording that was changed.
    """
    recordings, attempts = source.copies(_BEFORE, (before,))
    return target.add_rows(
        {
            "recordings": recordings,
            "attempts": attempts,
            "calls": source.rows(f"{_CALLS} WHERE session < ?", (before,)),
            "vectors": source.rows("SELECT embedder, text_key, vector FROM vectors") if source.count_vectors() else [],
        }
    )


def copy_answers(source: RecordingStore, target: RecordingStore) -> int:
    """Copy what servers answered into a shared store; failures, and what `rules` computed, stay out. The number of new recordings.

    Raises as `copy_past`.
    """
    recordings, attempts = source.copies(_ANSWERED, (RULES,))
    now = iso_utc(utc_now())
    return target.add_rows(
        {
            "recordings": recordings,
            "attempts": attempts,
            "calls": source.rows(f"{_CALLS} WHERE key IN ({_ANSWERED})", (RULES,)),
            "times": [(row[0], now) for row in recordings],
        }
    )
