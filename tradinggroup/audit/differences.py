"""Where two observations of one session differ, in words: the agent, the field, and what stands there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tradinggroup.audit.observed import Observed
from tradinggroup.models.port import ModelRequest

PROMPT = "prompt"
_SHOWN = 50
_BEFORE = 15
_AGENT_OF = {"features": "features", "risk": "risk", "sizing": "sizing", "hold_kind": "decision"}


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one session."""

    agent: str
    field: str
    was: str
    """In the run."""
    became: str
    """On the altered data."""


def differences(run: Observed, shadow: Observed) -> list[Difference]:
    """Every field that differs; prompts first, since a decision follows from them."""
    if shadow.problem is not None:
        return [Difference("desk", "error", "a decision", shadow.problem)]
    found = list(_prompts(run, shadow))
    for name in run.line:
        agent = _AGENT_OF.get(name, name)
        for field, was, became in _fields(run.line[name], shadow.line.get(name), name):
            found.append(Difference(agent, field.removeprefix(f"{agent}."), _short(was), _short(became)))
    for name, old, new in (("outcome", run.outcomes, shadow.outcomes), ("lesson", run.lessons, shadow.lessons)):
        found += [Difference("reflection", field, _short(was), _short(became)) for field, was, became in _fields(old, new, name)]
    return found + [Difference(agent, "answer", "the run's", "another") for agent, _, _ in shadow.moved]


def _prompts(run: Observed, shadow: Observed) -> Iterator[Difference]:
    old, new = run.prompts, shadow.prompts
    for place in sorted({*old, *new}):
        agent, purpose, position = place
        name = f"{PROMPT} {purpose}" + (f" {position}" if position else "")
        before, after = old.get(place), new.get(place)
        if before is None or after is None:
            yield Difference(agent, name, "asked" if before else "not asked", "asked" if after else "not asked")
        elif before.key != after.key:
            yield Difference(agent, name, *_around(_text(before), _text(after)))


def _text(request: ModelRequest) -> str:
    return "\n".join(message.content for message in request.messages)


def _around(old: str, new: str) -> tuple[str, str]:
    """The first place at which two texts differ, with a little of what stands before it."""
    pairs = enumerate(zip(old, new, strict=False))
    same = next((place for place, (was, is_now) in pairs if was != is_now), min(len(old), len(new)))
    start = max(0, same - _BEFORE)
    return _short(old[start:]), _short(new[start:])


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _fields(old: Any, new: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """(path, old, new) of every leaf that differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in {**old, **new}:
            yield from _fields(old.get(key), new.get(key), f"{path}.{key}")
    elif _is_list(old) and _is_list(new) and len(old) == len(new):
        for place, (was, became) in enumerate(zip(old, new, strict=True)):
            yield from _fields(was, became, f"{path}.{place}")
    elif old != new:
        yield path, old, new


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
