"""Reading the one tool call that was forced."""

from __future__ import annotations

import json
from typing import Any

from tradinggroup.models.port import Failure, FailureKind

_SHOWN_CHARACTERS = 40


def read_tool_call(message: dict[str, Any], tool: str) -> tuple[str, Failure | None]:
    """The arguments of the call of `tool` as text, or the text in its place and what is wrong.

    Arguments are JSON as text, as the protocol wants it, or an object, as some servers give it.
    """
    calls = message.get("tool_calls")
    said = message.get("content")
    text = said if isinstance(said, str) else ""
    if not calls or not isinstance(calls, list):
        return text, Failure(FailureKind.TOOL_CALL, "the tool was not called" + ("; the answer is text" if text.strip() else ""))
    if len(calls) > 1:
        return json.dumps(calls), Failure(FailureKind.TOOL_CALL, f"the tool was to be called once, not {len(calls)} times")
    function = calls[0].get("function") if isinstance(calls[0], dict) else None
    name = function.get("name") if isinstance(function, dict) else None
    if function is None or name != tool:
        shown = str(name)[:_SHOWN_CHARACTERS]
        return json.dumps(calls), Failure(FailureKind.TOOL_CALL, f"the tool {shown!r} was called, not {tool}")
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments) if isinstance(arguments, dict) else ""
    return text, None if text.strip() else Failure(FailureKind.TOOL_CALL, "the tool was called without arguments")
