"""Why a call was not recorded: the nearest recording, and the part of the request that differs from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from typing import Any

import orjson

from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.models.port import ModelRequest
from tradinggroup.models.recording_rows import CallRecord
from tradinggroup.models.recordings import RecordingStore

_COMPARED = 8
"""Recordings whose text is compared; they are the ones next in purpose, session and position."""
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Nearest:
    """The recording that is most like a request, and what differs, in words."""

    key: str
    difference: str


def recording_missing(request: ModelRequest, stores: Iterable[RecordingStore]) -> DataError:
    """The error for a request that no store can answer."""
    facts: dict[str, Any] = {"agent": request.agent, "purpose": request.purpose, "session": request.session, "symbol": request.symbol}
    nearest = nearest_recording(request, stores)
    if nearest is None:
        found = "No recording of this agent and symbol is there. "
    else:
        found = f"Nearest recording {nearest.key.removeprefix('sha256:')[:12]} differs in: {nearest.difference}. "
    return DataError(ErrorCode.RECORDING_MISSING, remedy=f"{found}Run with --calls record to ask the model, or undo the change.", **facts)


def nearest_recording(request: ModelRequest, stores: Iterable[RecordingStore]) -> Nearest | None:
    """The recorded call of the same agent and symbol whose content is most like the request's; None where there is none."""
    calls = {call.key: call for store in stores for call in store.read_calls(agent=request.agent, symbol=request.symbol)}
    candidates = sorted(calls.values(), key=lambda call: _distance(request, call))[:_COMPARED]
    if not candidates:
        return None
    wanted = orjson.loads(request.content)
    # max keeps the first of equals, which is the next in place.
    best = max(candidates, key=lambda call: _likeness(wanted, call.request))
    return Nearest(best.key, _difference(wanted, best.request))


def _distance(request: ModelRequest, call: CallRecord) -> tuple[bool, int, int, str]:
    return call.purpose != request.purpose, _days(request.session, call.session), abs(request.position - call.position), call.key


def _days(first: str, second: str) -> int:
    try:
        return abs((date.fromisoformat(first) - date.fromisoformat(second)).days)
    except ValueError:
        return int(first != second)


def _lines(content: dict[str, Any]) -> list[str]:
    rest = [f"{name}={content[name]}" for name in ("model", "schema", "schema_hash", "parameters", "seed_index")]
    return [*rest, *(line for role, text in content["messages"] for line in (role, *text.splitlines()))]


def _likeness(wanted: dict[str, Any], recorded: dict[str, Any]) -> float:
    return SequenceMatcher(None, _lines(wanted), _lines(recorded), autojunk=False).ratio()


def _difference(wanted: dict[str, Any], recorded: dict[str, Any]) -> str:
    """`model (openai:b instead of openai:a), user message line 14 ("…" instead of "…")`."""
    parts = [
        f"{name} ({_short(wanted[name])} instead of {_short(recorded[name])})"
        for name in ("model", "schema", "parameters", "seed_index")
        if wanted[name] != recorded[name]
    ]
    if wanted["schema"] == recorded["schema"] and wanted["schema_hash"] != recorded["schema_hash"]:
        parts.append("schema (its fields or descriptions changed)")
    if wanted["messages"] != recorded["messages"]:
        parts.append(_message_difference(wanted["messages"], recorded["messages"]))
    return ", ".join(parts)


def _message_difference(wanted: list[list[str]], recorded: list[list[str]]) -> str:
    for (role, text), (other_role, other) in zip(wanted, recorded, strict=False):
        if (role, text) != (other_role, other):
            return f"{role} message {_line_difference(text.splitlines(), other.splitlines())}"
    return f"number of messages ({len(wanted)} instead of {len(recorded)})"


def _line_difference(wanted: list[str], recorded: list[str]) -> str:
    pairs = zip(wanted, recorded, strict=False)
    number = next((index for index, (line, other) in enumerate(pairs) if line != other), min(len(wanted), len(recorded)))
    line, other = ([*lines, ""][number] if number < len(lines) else "" for lines in (wanted, recorded))
    return f'line {number + 1} ("{_short(line)}" instead of "{_short(other)}")'


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
