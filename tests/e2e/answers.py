"""What the loopback server answers: good answers and faults, both by the content of the prompt alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from tests.models.fault_server import Json, Step, completion, error
from tests.models.limited_server import schema_name
from tradinggroup.models.port import FailureKind

STYLES = ("aggressive", "balanced", "conservative")
ACTIONS = ("buy", "buy", "sell", "hold")


def number_of(messages: Sequence[tuple[str, str]], purpose: str = "") -> int:
    """A number that the first two messages decide, so that a retry and a repair turn meet the same fate."""
    text = purpose + "\n".join(f"{role}: {content}" for role, content in messages[:2])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])


def messages_of(body: Json) -> list[tuple[str, str]]:
    """(role, content) of the messages of a request."""
    return [(message["role"], message["content"]) for message in body["messages"]]


def good_answer(body: Json) -> str:
    """A valid answer to whatever schema the request names; another prompt, another answer."""
    number = number_of(messages_of(body))
    share = number % 1000 / 1000
    by_schema: Mapping[str, dict[str, Any]] = {
        "NewsScore": {"score": round(2 * share - 1, 3), "analysis": f"news {number % 97}"},
        "ReportSummary": {"indicators": ["sales"], "guidance": "", "risks": [], "opportunities": [], "summary": f"report {number % 97}"},
        "Forecast": {"p_up": share, "p_down": 1 - share, "p_sideways": 0.0, "reasoning": f"view {number % 97}"},
        "StyleChoice": {"style": STYLES[number % 3], "confidence": share, "reasoning": "fits"},
        "Decision": {"action": ACTIONS[number % 4], "confidence": share, "reasoning": "so be it"},
        "ExperienceSummary": {"summary": f"lesson {number % 97}"},
        "ProbeAnswer": {"shade": "cobalt"},
    }
    return orjson.dumps(by_schema[schema_name(body)]).decode()


FAULTS: Mapping[FailureKind, Step] = {
    FailureKind.EMPTY: completion(""),
    FailureKind.NO_CONTENT: completion(None),
    FailureKind.NOT_JSON: completion("I would rather not say"),
    FailureKind.SCHEMA: completion('{"score": "high", "confidence": 3}'),
    FailureKind.CUT_OFF: completion('{"score": 0.', finish_reason="length"),
    FailureKind.REFUSAL: completion(None, refusal="no advice from me"),
    FailureKind.CONTENT_FILTER: completion("", finish_reason="content_filter"),
    FailureKind.HTTP_STATUS: error(500, "out of memory"),
    FailureKind.BAD_RESPONSE: Step(body=b'{"error": "overloaded"}'),
    FailureKind.HTML: Step(body=b"<html>Bad gateway</html>"),
    FailureKind.CONNECTION: Step(drop=True),
}


def fault_of(messages: Sequence[tuple[str, str]], *, tenths: int) -> FailureKind | None:
    """The fault that a prompt meets where `tenths` in ten are bad; None where it is answered."""
    number = number_of(messages, "fault")
    return list(FAULTS)[number // 10 % len(FAULTS)] if number % 10 < tenths else None


def faulty(tenths: int) -> Callable[[Json], Step | None]:
    """What a server does with a request where `tenths` prompts in ten are bad."""

    def choose(body: Json) -> Step | None:
        kind = fault_of(messages_of(body), tenths=tenths)
        return None if kind is None else FAULTS[kind]

    return choose
