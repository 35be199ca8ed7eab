"""Which decision asked what: whether a store has it as it is asked again."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from tradinggroup.models.recording_rows import Row
from tradinggroup.models.recordings import RecordingStore

_CALLS = "SELECT session, symbol, agent, purpose, position, key FROM calls"


def first_other_call(store: RecordingStore, asked: AbstractSet[Row]) -> tuple[Row | None, Row | None] | None:
    """The first call by session that the store has otherwise than it was asked: (kept, asked), None where there is no such call.

    None altogether where all are the same. Raises DataError RECORDING_INVALID.
    """
    kept = set(store.rows(_CALLS))
    place = min((row[:5] for row in kept ^ asked), default=None)
    if place is None:
        return None
    first, second = (min((row for row in rows if row[:5] == place), default=None) for rows in (kept - asked, asked - kept))
    return first, second
