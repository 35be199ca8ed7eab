"""Chat models behind an OpenAI-compatible server.

The ladder of one call: JSON-schema decoding, our own validation, one repair turn that shows the error, then a typed
failure. A yes-no question asks for one token with its log-probabilities, and for the answer itself where they tell nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tradinggroup.models.answers import Answer
from tradinggroup.models.completion import Completion, read_completion
from tradinggroup.models.port import Attempt, Failure, FailureKind, Message, ModelReply, ModelRequest, Usage
from tradinggroup.models.server import Fault, ModelServer
from tradinggroup.models.structured import parse_answer, repair_messages, response_format
from tradinggroup.models.yes_no import ALTERNATIVES, ANSWER_TOKENS, YesNo, of_text, of_tokens
from tradinggroup.settings import ModelSettings

DEFAULT_MAX_TOKENS = 1024
"""Sent where a card names none: without one some servers generate up to the end of their context."""

_REPAIRABLE = {FailureKind.EMPTY, FailureKind.NOT_JSON, FailureKind.SCHEMA}
_REFUSED_STATUSES = {400, 422, 501}
"""How servers say that they do not know a parameter."""


class OpenAIChat:
    """The model `name` at the endpoint of the environment. All calls must come from one event loop."""

    def __init__(self, name: str, settings: ModelSettings) -> None:
        """`name` is what the server knows the model by. Nothing is opened, and no key is needed, before the first call."""
        self.name = name
        self._server = ModelServer(name, settings)
        self._gives_logprobs: bool | None = None
        self._asking_first = asyncio.Lock()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()

    async def answer(self, request: ModelRequest) -> ModelReply:
        """Ask, repair once, or fail typed.

        Raises UsageError KEY_MISSING, and ProviderError where the server refuses the key (401, 403), does not know the
        model or the path (404), or cannot be reached at all.
        """
        if request.schema is YesNo:
            return await self._answer_yes_no(request)
        tries: list[Attempt] = []
        usage = Usage()
        completion, answer = await self._turn(request, request.messages, tries)
        usage += completion.usage
        if completion.failure is not None and completion.failure.kind in _REPAIRABLE:
            again = repair_messages(request.messages, completion.text, completion.failure)
            completion, answer = await self._turn(request, again, tries)
            usage += completion.usage
        return _reply(request, completion, answer, usage, tries)

    async def _turn(self, request: ModelRequest, messages: tuple[Message, ...], tries: list[Attempt]) -> tuple[Completion, Answer | None]:
        """One turn of the ladder with its retries: exactly one of the completion's failure and the answer is None."""
        completion = await self._ask(_body(self.name, request, messages), request.key, tries)
        if completion.failure is not None:
            return completion, None
        parsed = parse_answer(completion.text, request.schema)
        if isinstance(parsed, Answer):
            return completion, parsed
        tries[-1] = Attempt(completion.text, parsed)
        return replace(completion, failure=parsed), None

    async def _answer_yes_no(self, request: ModelRequest) -> ModelReply:
        """The verdict by log-probabilities, else by the answer. Whether the server gives them is found out once and remembered."""
        if self._gives_logprobs is None:
            async with self._asking_first:
                # Whoever waited here finds it known.
                if self._gives_logprobs is None:
                    return await self._verdict(request)
        return await self._verdict(request)

    async def _verdict(self, request: ModelRequest) -> ModelReply:
        tries: list[Attempt] = []
        if self._gives_logprobs is False:
            return _yes_no_reply(request, await self._ask_plainly(request, tries), tries)
        completion = await self._ask(_yes_no_body(self.name, request, with_logprobs=True), request.key, tries)
        is_refused = completion.status in _REFUSED_STATUSES
        if self._gives_logprobs is None and _is_readable(completion):
            self._gives_logprobs = bool(completion.first_tokens)
        if of_tokens(completion.first_tokens) or not (is_refused or _is_readable(completion)):
            return _yes_no_reply(request, completion, tries)
        plain = await self._ask_plainly(request, tries)
        if self._gives_logprobs is None and _is_readable(plain):
            # Only now is it known that the server refused the parameters, not the text.
            self._gives_logprobs = False
        return _yes_no_reply(request, replace(plain, usage=completion.usage + plain.usage), tries)

    async def _ask_plainly(self, request: ModelRequest, tries: list[Attempt]) -> Completion:
        return await self._ask(_yes_no_body(self.name, request, with_logprobs=False), request.key, tries)

    async def _ask(self, body: Mapping[str, Any], key: str, tries: list[Attempt]) -> Completion:
        """Send until there is a completion or the retries are spent; every attempt is added to `tries`."""
        result = await self._server.post("/chat/completions", body, key=key, tries=tries)
        if isinstance(result, Fault):
            return Completion(result.text, result.failure, status=result.status)
        completion = read_completion(result).cleaned(self._server.clean)
        tries.append(Attempt(completion.text, completion.failure))
        return completion


def _reply(request: ModelRequest, completion: Completion, answer: Answer | None, usage: Usage, tries: list[Attempt]) -> ModelReply:
    return ModelReply(
        key=request.key, answer=answer, failure=completion.failure, text=completion.text, usage=usage, attempts=len(tries),
        model_returned=completion.model_returned, reasoning=completion.reasoning,
        tries=tuple(tries) if len(tries) > 1 or answer is None else (),
    )  # fmt: skip


def _is_readable(completion: Completion) -> bool:
    """One token is all that was asked for, so its being cut off there is no failure."""
    return completion.failure is None or completion.failure.kind is FailureKind.CUT_OFF


def _yes_no_reply(request: ModelRequest, completion: Completion, tries: list[Attempt]) -> ModelReply:
    answer = (of_tokens(completion.first_tokens) or of_text(completion.text)) if _is_readable(completion) else None
    if answer is not None:
        tries[-1] = Attempt(completion.text, None)
        completion = replace(completion, failure=None)
    elif _is_readable(completion):
        failure = Failure(FailureKind.SCHEMA, "the answer is neither yes nor no")
        tries[-1] = Attempt(completion.text, failure)
        completion = replace(completion, failure=failure)
    return _reply(request, completion, answer, completion.usage, tries)


def _body(name: str, request: ModelRequest, messages: tuple[Message, ...]) -> dict[str, Any]:
    """What is sent. A parameter of None is left out, for servers that refuse it; the rest of the parameters goes as it is."""
    parameters = {"temperature": 0.0, "max_tokens": DEFAULT_MAX_TOKENS, **request.parameters}
    if "max_completion_tokens" in request.parameters:
        del parameters["max_tokens"]
    return {
        **{name: value for name, value in parameters.items() if value is not None},
        "model": name,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "seed": request.seed_index,
        "response_format": response_format(request.schema),
    }


def _yes_no_body(name: str, request: ModelRequest, *, with_logprobs: bool) -> dict[str, Any]:
    """A plain question for one word."""
    body = _body(name, request, request.messages)
    del body["response_format"]
    limit = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
    if with_logprobs:
        return body | {limit: 1, "logprobs": True, "top_logprobs": ALTERNATIVES}
    return body | {limit: ANSWER_TOKENS}
