"""Why a call was not recorded: the nearest recording, and the part of the request that differs from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from typing import Any

import orjson

from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.models.port import ModelRequest
from tradinggroup.models.recordings import RecordingStore

_COMPARED = 8
"""Recordings whose text is compared; they are the ones next in purpose, session and position."""
_SHOWN_CHARACTERS = 60
_SHOWN_BEFORE = 15
"""Characters shown before the first one that differs, of a long line."""
_PLACES = "SELECT key, session, symbol, agent, purpose, position FROM calls WHERE agent = ? AND symbol = ?"


@dataclass(frozen=True, slots=True)
class Nearest:
    """The recording that is most like a request, and what differs, in words."""

    key: str
    session: str
    """Of the call that the recording was found by."""
    difference: str


@dataclass(frozen=True, slots=True)
class Place:
    """Who asked, when and what for: where recordings of a like request are looked for."""

    session: str
    symbol: str
    agent: str
    purpose: str
    position: int


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
    place = Place(request.session, request.symbol, request.agent, request.purpose, request.position)
    return nearest_to(orjson.loads(request.content), place, stores, but={request.key})


def nearest_to(
    content: Mapping[str, Any], place: Place, stores: Iterable[RecordingStore], *, but: Collection[str], only_here: bool = False
) -> Nearest | None:
    """The same for a request of this content; recordings with a key of `but` are passed over.

    A recording of the very same place says best what has changed, so others count only where there is none, and with
    `only_here` not at all.
    """
    found: list[tuple[Place, str, RecordingStore]] = []
    for store in stores:
        rows = [(Place(*row[1:]), row[0]) for row in store.rows(_PLACES, (place.agent, place.symbol)) if row[0] not in but]
        here = [each for each in rows if each[0] == place]
        nearest_first = sorted(here if here or only_here else rows, key=lambda each: _distance(place, *each))
        found += [(*each, store) for each in nearest_first[:_COMPARED]]
    found = [each for each in found if each[0] == place] or found
    candidates = []
    for other, key, store in sorted(found, key=lambda each: _distance(place, each[0], each[1]))[:_COMPARED]:
        call = store.read_key(key)
        if call is not None:
            candidates.append((other, call))
    if not candidates:
        return None
    # max keeps the first of equals, which is the next in place.
    other, best = max(candidates, key=lambda each: _likeness(content, each[1].request))
    return Nearest(best.key, other.session, difference(content, best.request))


def _distance(place: Place, other: Place, key: str) -> tuple[bool, int, int, str]:
    return place.purpose != other.purpose, _days(place.session, other.session), abs(place.position - other.position), key


def _days(first: str, second: str) -> int:
    try:
        return abs((date.fromisoformat(first) - date.fromisoformat(second)).days)
    except ValueError:
        return int(first != second)


def _lines(content: Mapping[str, Any]) -> list[str]:
    rest = [f"{name}={content[name]}" for name in ("model", "schema", "schema_hash", "parameters", "seed_index")]
    return [*rest, *(line for role, text in content["messages"] for line in (role, *text.splitlines()))]


def _likeness(wanted: Mapping[str, Any], recorded: Mapping[str, Any]) -> float:
    return SequenceMatcher(None, _lines(wanted), _lines(recorded), autojunk=False).ratio()


def difference(wanted: Mapping[str, Any], recorded: Mapping[str, Any]) -> str:
    """What of a request's content differs: `model (openai:b instead of openai:a), user message line 14 ("…" instead of "…")`."""
    parts = [
        f"{name} ({_short(wanted[name])} instead of {_short(recorded[name])})"
        for name in ("model", "schema", "seed_index")
        if wanted[name] != recorded[name]
    ]
    if wanted["schema"] == recorded["schema"] and wanted["schema_hash"] != recorded["schema_hash"]:
        parts.append("schema (its fields or descriptions changed)")
    parts += _parameter_differences(wanted["parameters"], recorded["parameters"])
    if wanted["messages"] != recorded["messages"]:
        parts.append(_message_difference(wanted["messages"], recorded["messages"]))
    return ", ".join(parts)


def _parameter_differences(wanted: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[str]:
    names = sorted({*wanted, *recorded})
    pairs = [(name, wanted.get(name, "none"), recorded.get(name, "none")) for name in names]
    return [f"parameter {name} ({_short(one)} instead of {_short(other)})" for name, one, other in pairs if one != other]


def _message_difference(wanted: list[list[str]], recorded: list[list[str]]) -> str:
    for (role, text), (other_role, other) in zip(wanted, recorded, strict=False):
        if (role, text) != (other_role, other):
            return f"{role} message {_line_difference(text.splitlines(), other.splitlines())}"
    return f"number of messages ({len(wanted)} instead of {len(recorded)})"


def _line_difference(wanted: list[str], recorded: list[str]) -> str:
    pairs = zip(wanted, recorded, strict=False)
    number = next((index for index, (line, other) in enumerate(pairs) if line != other), min(len(wanted), len(recorded)))
    line, other = ([*lines, ""][number] if number < len(lines) else "" for lines in (wanted, recorded))
    start = _first_shown(line, other)
    return f'line {number + 1} ("{_short(line[start:])}" instead of "{_short(other[start:])}")'


def _first_shown(line: str, other: str) -> int:
    """Where to begin, so that what differs is among the characters shown."""
    same = next((place for place, (one, two) in enumerate(zip(line, other, strict=False)) if one != two), min(len(line), len(other)))
    return 0 if max(len(line), len(other)) <= _SHOWN_CHARACTERS else max(0, same - _SHOWN_BEFORE)


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
