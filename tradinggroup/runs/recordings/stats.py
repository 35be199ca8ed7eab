"""What a store of recordings holds: counts by model, agent, rung and kind of failure, tokens, size; every recording is checked."""

from __future__ import annotations

from typing import Any

from tradinggroup.models.recordings import RecordingStore

_FIGURES = """COUNT(*), TOTAL(live), TOTAL(failure_kind IS NOT NULL), TOTAL(attempts), TOTAL(prompt_tokens), TOTAL(completion_tokens)"""
_NAMES = ("recordings", "live", "failed", "attempts", "prompt_tokens", "completion_tokens")
_BY_MODEL = f"SELECT json_extract(request, '$.model') AS model, {_FIGURES} FROM recordings GROUP BY model ORDER BY model"
_BY_AGENT = f"""
    SELECT agent, {_FIGURES} FROM (SELECT DISTINCT agent, key FROM calls) JOIN recordings USING (key) GROUP BY agent ORDER BY agent
"""
_CALLS = "SELECT agent, COUNT(*) FROM calls GROUP BY agent"


def recording_stats(store: RecordingStore) -> dict[str, Any]:
    """The figures of a store as plain values.

    `live` counts recordings whose answer was asked for here rather than taken from another store. Tokens of a recording count
    once, however often a run used it. Raises DataError RECORDING_INVALID for a damaged store or a recording that was changed.
    """
    unhashed = store.check()
    calls: dict[str, int] = dict(store.rows(_CALLS))
    agents = {row[0]: {"calls": calls[row[0]], **_figures(row)} for row in store.rows(_BY_AGENT)}
    (total,) = store.rows(f"SELECT '', {_FIGURES} FROM recordings")
    return {
        "store": str(store.path),
        "size_bytes": store.path.stat().st_size,
        "calls": sum(calls.values()),
        **_figures(total),
        "without_hash": unhashed,
        "vectors": store.count_vectors(),
        "models": {row[0]: _figures(row) for row in store.rows(_BY_MODEL)},
        "agents": agents,
        "rungs": _counts(store, "SELECT rung, COUNT(*) FROM recordings WHERE rung != '' GROUP BY rung ORDER BY rung"),
        "failures": _counts(
            store,
            "SELECT failure_kind, COUNT(*) FROM recordings WHERE failure_kind IS NOT NULL GROUP BY failure_kind ORDER BY failure_kind",
        ),
    }


def _figures(row: tuple[Any, ...]) -> dict[str, int]:
    return {name: int(value) for name, value in zip(_NAMES, row[1:], strict=True)}


def _counts(store: RecordingStore, sql: str) -> dict[str, int]:
    return {name: int(count) for name, count in store.rows(sql)}
