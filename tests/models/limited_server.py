"""What servers do that cannot decode by a schema: they refuse the wish, or ignore it and let the model chat.

`FaultServer.choose = limited(answer, can={…}, refusal=…)` makes a fault server one of them. `answer` gives the right JSON for a request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

from tests.models.fault_server import Json, Step, completion, error, tool_call
from tradinggroup.models.rungs import Rung

WISH = "JSON schema, and with nothing before or after it:\n"
CHAT = "Hello there! How can I help?"


def rung_of(body: Json) -> Rung | None:
    """The rung that a request was made on; None for a plain question."""
    if "tools" in body:
        return Rung.TOOL_CALL
    if "response_format" in body:
        return Rung(body["response_format"]["type"])
    return Rung.TEXT if any(WISH in message["content"] for message in body["messages"]) else None


def schema_name(body: Json) -> str:
    """The schema that a request names on its rung. Raises LookupError where it names none."""
    if "tools" in body:
        return str(body["tools"][0]["function"]["name"])
    if body.get("response_format", {}).get("type") == "json_schema":
        return str(body["response_format"]["json_schema"]["name"])
    (shown,) = (message["content"].partition(WISH)[2] for message in body["messages"] if WISH in message["content"])
    return str(json.loads(shown)["title"])


def limited(answer: Callable[[Json], str], *, can: Collection[Rung], refusal: int | None = None) -> Callable[[Json], Step | None]:
    """A server with these rungs. On any other it answers with the status `refusal`, or ignores the wish where that is None.

    A model that sees the schema in its prompt answers by it, but talks around the answer unless the server decodes JSON.
    """

    def choose(body: Json) -> Step | None:
        rung = rung_of(body)
        if rung is None:
            return None
        if rung in can:
            return _answered(answer(body), rung, body)
        if refusal is not None:
            return error(refusal, "this response_format or tool_choice is not available")
        return completion(_chatty(answer(body))) if rung is Rung.JSON_OBJECT else completion(CHAT)

    return choose


def _answered(text: str, rung: Rung, body: Json) -> Step:
    if rung is Rung.TOOL_CALL:
        return tool_call(schema_name(body), text)
    return completion(_chatty(text) if rung is Rung.TEXT else text)


def _chatty(text: str) -> str:
    return f"<think>What does {{it}} want?</think>\nSure, here it is:\n```json\n{text}\n```\nAnything else?"
