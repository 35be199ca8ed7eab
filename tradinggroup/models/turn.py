"""One turn with a chat model: the body that is sent on a rung, and the answer or the failure that comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tradinggroup.models.answers import Answer
from tradinggroup.models.completion import Completion, read_completion
from tradinggroup.models.port import Attempt, Message, ModelRequest
from tradinggroup.models.rungs import Rung, decoding, prompt_on, tool_name
from tradinggroup.models.server import Fault, ModelServer
from tradinggroup.models.structured import LONGEST_CHARACTERS, parse_answer

DEFAULT_MAX_TOKENS = 1024
"""Sent where a card names none: without one some servers generate up to the end of their context."""


async def take_turn(
    server: ModelServer, request: ModelRequest, messages: tuple[Message, ...], rung: Rung, tries: list[Attempt]
) -> tuple[Completion, Answer | None]:
    """Ask on `rung`, with the server's retries: exactly one of the completion's failure and the answer is None.

    `messages` are those of the request as `prompt_on` made them, or a longer conversation. Every attempt is added to `tries`.
    """
    body = {**plain_body(server.name, request, messages), **decoding(request.schema, rung)}
    completion = await send(server, body, key=request.key, tries=tries, rung=str(rung), tool=tool_name(request.schema, rung))
    if completion.failure is not None:
        return completion, None
    parsed = parse_answer(completion.text, request.schema, rung)
    if isinstance(parsed, Answer):
        return completion, parsed
    completion = replace(completion, text=completion.text[:LONGEST_CHARACTERS], failure=parsed)
    tries[-1] = Attempt(completion.text, parsed, str(rung))
    return completion, None


async def send(
    server: ModelServer, body: Mapping[str, Any], *, key: str, tries: list[Attempt], rung: str = "", tool: str | None = None
) -> Completion:
    """Send until there is a completion or the retries are spent; every attempt is added to `tries`."""
    before = len(tries)
    result = await server.post("/chat/completions", body, key=key, tries=tries)
    tries[before:] = [replace(attempt, rung=rung) for attempt in tries[before:]]
    if isinstance(result, Fault):
        return Completion(result.text, result.failure, status=result.status)
    completion = read_completion(result, tool=tool).cleaned(server.clean)
    tries.append(Attempt(completion.text, completion.failure, rung))
    return completion


def plain_body(name: str, request: ModelRequest, messages: tuple[Message, ...]) -> dict[str, Any]:
    """What is sent, the form of the answer aside. A parameter of None is left out, for servers that refuse it; the rest goes as it is."""
    parameters = {"temperature": 0.0, "max_tokens": DEFAULT_MAX_TOKENS, **request.parameters}
    if "max_completion_tokens" in request.parameters:
        del parameters["max_tokens"]
    return {
        **{name: value for name, value in parameters.items() if value is not None},
        "model": name,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "seed": request.seed_index,
    }


def on_rung(request: ModelRequest, rung: Rung) -> tuple[Message, ...]:
    """The messages of the first turn."""
    return prompt_on(request.messages, request.schema, rung)
