"""Where the answer to a call of a run came from: the run itself, the shared store, the run it was forked from, or the rules.

Of a call that was asked live it also says why: nothing was recorded for its request, and what of the request differs from the one
that was recorded for the same call before.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Literal

from tradinggroup.errors import DataError, ErrorCode, TradinggroupError
from tradinggroup.models.misses import Nearest, Place, nearest_to
from tradinggroup.models.recording_rows import CallRecord
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import is_local
from tradinggroup.project import Project
from tradinggroup.runs.folder import RECORDINGS, RunFolder
from tradinggroup.runs.locate import run_folders

Source = Literal["rules", "live", "shared", "parent"]
KEY_PREFIX = "sha256:"
_SHORTEST_KEY = 6


def why_of_call(project: Project, run: RunFolder, *, session: str, symbol: str, agent: str) -> list[dict[str, Any]]:
    """Every call of `agent` for `symbol` on `session` (ISO), as plain values; see `_explained` for the fields.

    Raises DataError DECISION_NOT_FOUND where there was none, RECORDING_INVALID for a store that can't be used.
    """
    with ExitStack() as opened:
        store, shared = _stores(project, run, opened)
        calls = store.read_calls(session=session, symbol=symbol, agent=agent)
        if not calls:
            raise _no_call(store, run, session=session, symbol=symbol, agent=agent)
        return [_explained(project, run, store, shared, call) for call in calls]


def why_of_key(project: Project, run: RunFolder, key: str) -> list[dict[str, Any]]:
    """The same for every call of the run whose request has a key that begins with `key`.

    Raises DataError RECORDING_MISSING where the run has none, and says whether the shared store does.
    """
    prefix = KEY_PREFIX + key.removeprefix(KEY_PREFIX)
    with ExitStack() as opened:
        store, shared = _stores(project, run, opened)
        found = _keys_like(store, prefix) if len(prefix) >= len(KEY_PREFIX) + _SHORTEST_KEY else []
        if not found:
            is_shared = shared is not None and _keys_like(shared, prefix)
            remedy = "The project's shared store has it: another run asked." if is_shared else "`explain` and `why` show the keys of a run."
            raise DataError(ErrorCode.RECORDING_MISSING, f"run {run.run_id} never asked {key}", remedy=remedy)
        return [_explained(project, run, store, shared, call) for call in store.read_calls() if call.key in found]


def _stores(project: Project, run: RunFolder, opened: ExitStack) -> tuple[RecordingStore, RecordingStore | None]:
    store = opened.enter_context(RecordingStore.open(run.recordings, readonly=True))
    has_shared = project.shared_recordings.is_file()
    return store, opened.enter_context(RecordingStore.open(project.shared_recordings, readonly=True)) if has_shared else None


def _explained(project: Project, run: RunFolder, store: RecordingStore, shared: RecordingStore | None, call: CallRecord) -> dict[str, Any]:
    """One call: its place, `source`, `recorded_at`, `asked_by`, what came back, the attempts, and for a live one `nearest`."""
    model, source = str(call.request["model"]), _source(run, call)
    recorded_at = _recorded_at(shared, call.key) if source != "rules" else None
    nearest = None if source != "live" or shared is None else _nearest_before(shared, call, recorded_at)
    return {
        "session": call.session,
        "symbol": call.symbol,
        "agent": call.agent,
        "purpose": call.purpose,
        "position": call.position,
        "key": call.key,
        "source": source,
        "recorded_at": recorded_at,
        "asked_by": _asked_by(project, run, call.key) if source in {"shared", "parent"} else None,
        "calls_mode": run.header.get("calls_mode"),
        "run_started_at": run.header.get("started_at"),
        "run_finished_at": run.header.get("finished_at"),
        "model": model,
        "model_returned": call.model_returned,
        "seed_index": call.request["seed_index"],
        "rung": call.rung,
        "attempts": _attempts(store, call),
        "prompt_tokens": call.usage.prompt_tokens,
        "completion_tokens": call.usage.completion_tokens,
        "answer": call.answer,
        "failure": None if call.failure is None else {"kind": str(call.failure.kind), "detail": call.failure.detail},
        "also_asked": int(store.rows("SELECT COUNT(*) FROM calls WHERE key = ?", (call.key,))[0][0]) - 1,
        "nearest": None if nearest is None else {"key": nearest.key, "difference": nearest.difference},
    }


def _source(run: RunFolder, call: CallRecord) -> Source:
    if is_local(str(call.request["model"])):
        return "rules"
    if not call.recorded:
        return "live"
    fork = run.header.get("fork")
    return "parent" if fork is not None and call.session < fork["session"] else "shared"


def _recorded_at(shared: RecordingStore | None, key: str) -> str | None:
    rows = shared.rows("SELECT recorded_at FROM times WHERE key = ?", (key,)) if shared is not None else []
    return str(rows[0][0]) if rows else None


def _attempts(store: RecordingStore, call: CallRecord) -> list[dict[str, Any]]:
    kept = store.read_attempts(call.key)
    if not kept:
        return [{"number": 1, "rung": call.rung, "failure": None, "text": call.text}]
    return [
        {
            "number": number,
            "rung": attempt.rung,
            "failure": None if attempt.failure is None else {"kind": str(attempt.failure.kind), "detail": attempt.failure.detail},
            "text": attempt.text,
        }
        for number, attempt in enumerate(kept, 1)
    ]


def _nearest_before(shared: RecordingStore, call: CallRecord, recorded_at: str | None) -> Nearest | None:
    """What was recorded for the same call of another run before this one was asked."""
    later = [row[0] for row in shared.rows("SELECT key FROM times WHERE recorded_at > ?", (recorded_at,))] if recorded_at else []
    place = Place(call.session, call.symbol, call.agent, call.purpose, call.position)
    return nearest_to(call.request, place, [shared], but={call.key, *later}, only_here=True)


def _asked_by(project: Project, run: RunFolder, key: str) -> str | None:
    """The oldest run of the project that asked the model itself; None where it is not there any more."""
    for folder in run_folders(project):
        if folder == run.path or not (folder / RECORDINGS).is_file():
            continue
        try:
            with RecordingStore.open(folder / RECORDINGS, readonly=True) as store:
                if store.rows("SELECT 1 FROM recordings WHERE key = ? AND live = 1", (key,)):
                    return folder.name
        except TradinggroupError:
            continue
    return None


def _keys_like(store: RecordingStore, prefix: str) -> set[str]:
    return {row[0] for row in store.rows("SELECT key FROM recordings WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))}


def _no_call(store: RecordingStore, run: RunFolder, *, session: str, symbol: str, agent: str) -> DataError:
    agents = [
        row[0] for row in store.rows("SELECT DISTINCT agent FROM calls WHERE session = ? AND symbol = ? ORDER BY agent", (session, symbol))
    ]
    remedy = f"Asked there: {', '.join(agents)}." if agents else f"`tradinggroup explain {run.run_id} SESSION SYMBOL` shows a decision."
    return DataError(ErrorCode.DECISION_NOT_FOUND, f"run {run.run_id} has no call of {agent} for {symbol} on {session}", remedy=remedy)
