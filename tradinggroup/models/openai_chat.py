"""Chat models behind an OpenAI-compatible server.

The ladder of one call: asking on the model's rung, our own validation, one repair turn on the same rung that shows the error,
then a typed failure. A yes-no question asks for one token with its log-probabilities, and for the answer itself where they tell
nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from tradinggroup.models.answers import Answer
from tradinggroup.models.completion import Completion, names_of_call, usage_of_call
from tradinggroup.models.context_length import check_fits, end_if_too_long
from tradinggroup.models.endpoint import OPENAI_SERVER
from tradinggroup.models.port import Attempt, Failure, FailureKind, ModelReply, ModelRequest
from tradinggroup.models.probe import Probe, probe
from tradinggroup.models.rate_limit import RateLimits
from tradinggroup.models.registry_entries import ModelEntry, ServerEntry
from tradinggroup.models.rung_choice import RungChoice
from tradinggroup.models.rungs import repair_messages
from tradinggroup.models.server import ModelServer
from tradinggroup.models.turn import on_rung, plain_body, send, take_turn
from tradinggroup.models.yes_no import ALTERNATIVES, ANSWER_TOKENS, YesNo, of_text, of_tokens
from tradinggroup.settings import ModelSettings

_REFUSED_STATUSES = {400, 422, 501}
"""How servers say that they do not know a parameter."""


class OpenAIChat:
    """The model `name` at the endpoint of the environment. All calls must come from one event loop."""

    def __init__(
        self,
        name: str,
        settings: ModelSettings,
        server: ServerEntry = OPENAI_SERVER,
        *,
        entry: ModelEntry | None = None,
        rungs: RungChoice | None = None,
        limits: RateLimits | None = None,
    ) -> None:
        """`name` is what the server knows the model by. Nothing is opened, and no key is needed, before the first call.

        `entry` says what is known of the model. `rungs` decides how answers are asked for; without it, the settings do, and what
        a probe finds is kept here only. `limits` are those that the models of a run share.
        """
        self.name = name
        self._entry = entry
        self._rungs = rungs or RungChoice(settings.structured_output)
        self._server = ModelServer(name, settings, server, entry, limits=limits)
        self._gives_logprobs: bool | None = None
        self._asking_first = asyncio.Lock()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()

    async def probe(self) -> tuple[Probe, str]:
        """What the server can do on each rung, and its address. Raises as `answer` does."""
        return await probe(self._server, parameters={}, is_whole=True), self._server.base_address

    async def prepare(self, request: ModelRequest) -> None:
        """What comes before the first call: whether the prompt fits, and on which rung the model is asked. Raises as `answer` does."""
        if self._entry is not None:
            check_fits(request, self._entry)
        if request.schema is not YesNo:
            await self._rungs.of(request, self._server)

    async def answer(self, request: ModelRequest) -> ModelReply:
        """Ask, repair once, or fail typed.

        Raises UsageError KEY_MISSING, or PROMPT_TOO_LONG for a prompt that does not fit into the model's context; ProviderError
        where the server refuses the key (401, 403), does not know the model or the path (404), or cannot be reached at all.
        """
        await self.prepare(request)
        reply = await (self._answer_yes_no(request) if request.schema is YesNo else self._answer_on_rung(request))
        end_if_too_long(request, reply)
        return reply

    async def _answer_on_rung(self, request: ModelRequest) -> ModelReply:
        rung = await self._rungs.of(request, self._server)
        tries: list[Attempt] = []
        messages = on_rung(request, rung)
        completion, answer = await take_turn(self._server, request, messages, rung, tries)
        turns = [completion]
        if completion.failure is not None and completion.failure.kind.is_repairable:
            again = repair_messages(messages, completion.text, completion.failure, rung)
            completion, answer = await take_turn(self._server, request, again, rung, tries)
            turns.append(completion)
        completion = replace(completion, usage=usage_of_call(turns), model_returned=names_of_call(turns))
        return _reply(request, completion, answer, tries, rung=str(rung))

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
        body = _yes_no_body(self.name, request, with_logprobs=True)
        completion = await send(self._server, body, key=request.key, tries=tries)
        is_refused = completion.status in _REFUSED_STATUSES
        if self._gives_logprobs is None and _is_readable(completion):
            self._gives_logprobs = bool(completion.first_tokens)
        if of_tokens(completion.first_tokens) or not (is_refused or _is_readable(completion)):
            return _yes_no_reply(request, completion, tries)
        plain = await self._ask_plainly(request, tries)
        if self._gives_logprobs is None and _is_readable(plain):
            # Only now is it known that the server refused the parameters, not the text.
            self._gives_logprobs = False
        turns = [completion, plain]
        return _yes_no_reply(request, replace(plain, usage=usage_of_call(turns), model_returned=names_of_call(turns)), tries)

    async def _ask_plainly(self, request: ModelRequest, tries: list[Attempt]) -> Completion:
        return await send(self._server, _yes_no_body(self.name, request, with_logprobs=False), key=request.key, tries=tries)


def _reply(request: ModelRequest, completion: Completion, answer: Answer | None, tries: list[Attempt], *, rung: str = "") -> ModelReply:
    return ModelReply(
        key=request.key, answer=answer, failure=completion.failure, text=completion.text, usage=completion.usage, attempts=len(tries),
        model_returned=completion.model_returned, reasoning=completion.reasoning,
        tries=tuple(tries) if len(tries) > 1 or answer is None else (), rung=rung,
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
    return _reply(request, completion, answer, tries)


def _yes_no_body(name: str, request: ModelRequest, *, with_logprobs: bool) -> dict[str, Any]:
    """A plain question for one word."""
    body = plain_body(name, request, request.messages)
    limit = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
    if with_logprobs:
        return body | {limit: 1, "logprobs": True, "top_logprobs": ALTERNATIVES}
    return body | {limit: ANSWER_TOKENS}
