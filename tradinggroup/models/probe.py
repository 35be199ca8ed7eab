"""The probe: which rungs an endpoint can do with a model, by asking one small question on each.

The question says nothing of the fields that the answer must have. So a server that ignores the schema, the tool or the wish for
JSON is found out by what it answers, and one that refuses them by its status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from tradinggroup.errors import ErrorCode, ProviderError
from tradinggroup.models.answers import Answer
from tradinggroup.models.completion import Completion
from tradinggroup.models.port import Attempt, Failure, FailureKind, Message, ModelReply, ModelRequest, Usage
from tradinggroup.models.rungs import Rung
from tradinggroup.models.server import ModelServer
from tradinggroup.models.turn import on_rung, take_turn

_PASSING_STATUSES = {408, 409, 429, 502, 503, 504}
"""Error statuses that say nothing about the rung. Others do: servers answer 400, 422, 500 and 501 to what they cannot do."""
_NOT_FOUND = 404
_SHOWN_CHARACTERS = 200


class ProbeAnswer(Answer):
    """What a probe asks for: nothing that a model would answer by chance."""

    shade: Literal["marigold", "cobalt", "russet"] = Field(description="any one of the three")


@dataclass(frozen=True, slots=True)
class RungResult:
    """What came of one rung."""

    rung: Rung
    works: bool | None
    """None: the server failed in a way that says nothing about the rung."""
    said: str
    """The answer, or the failure's kind and detail; one line."""
    usage: Usage


@dataclass(frozen=True, slots=True)
class Probe:
    """The rungs that were tried, best first."""

    results: tuple[RungResult, ...]

    @property
    def rung(self) -> Rung | None:
        """The best rung that works; None where none does, or where a better one could not be tried."""
        for result in self.results:
            if result.works is not False:
                return result.rung if result.works else None
        return None

    @property
    def usage(self) -> Usage:
        """Tokens of all rungs."""
        return sum((result.usage for result in self.results), Usage())

    def told(self) -> str:
        """`json_schema: http_status (HTTP 400: …); tool_call: …`."""
        return "; ".join(f"{result.rung}: {result.said}" for result in self.results)


Pay = Callable[[ModelRequest], AbstractAsyncContextManager[list[ModelReply]]]
"""Around one call, whose reply is put into the list: what sets aside and books what it costs."""


def unpaid(request: ModelRequest) -> AbstractAsyncContextManager[list[ModelReply]]:  # noqa: ARG001
    """Nothing is set aside or kept: for a probe that belongs to no run."""
    return nullcontext([])


async def probe(server: ModelServer, *, parameters: Mapping[str, Any], model: str = "", is_whole: bool = False, pay: Pay = unpaid) -> Probe:
    """Try the rungs, best first, up to the first that works or cannot be told; all of them where it `is_whole`. One call a rung.

    `model` is what the run calls the model, for whoever pays.

    Raises UsageError KEY_MISSING, and ProviderError where the server cannot be used at all.
    """
    results: list[RungResult] = []
    for rung in Rung:
        results.append(await _try(server, rung, parameters, model, pay))
        if results[-1].works is not False and not is_whole:
            break
    return Probe(tuple(results))


def no_rung(found: Probe, *, model: str, server: str) -> ProviderError:
    """The error that ends a run whose model has no rung that is known to work."""
    return ProviderError(
        ErrorCode.PROVIDER_FAILED,
        f"no way of asking {model} for a structured answer worked ({found.told()})",
        remedy=f"See what it answers with: tradinggroup models probe {model}. One can be forced with --set models.structured_output=text.",
        server=server,
    )


async def _try(server: ModelServer, rung: Rung, parameters: Mapping[str, Any], model: str, pay: Pay) -> RungResult:
    request = ModelRequest(
        model=model or server.name,
        messages=(Message("user", "Say hello."),),
        schema=ProbeAnswer,
        parameters=parameters,
        purpose=f"probe {rung}",
    )
    async with pay(request) as replies:
        completion, answer, tries = await _answer(server, request, rung)
        replies.append(
            ModelReply(
                key=request.key, answer=answer, failure=completion.failure, text=completion.text, usage=completion.usage,
                attempts=len(tries), reasoning=completion.reasoning, tries=tuple(tries),
            )
        )  # fmt: skip
    if answer is not None:
        return RungResult(rung, works=True, said=" ".join(completion.text.split())[:_SHOWN_CHARACTERS], usage=completion.usage)
    failure = completion.failure or Failure(FailureKind.EMPTY, "")
    works = None if _says_nothing(failure, completion.status) else False
    return RungResult(rung, works=works, said=f"{failure.kind} ({failure.detail})", usage=completion.usage)


async def _answer(server: ModelServer, request: ModelRequest, rung: Rung) -> tuple[Completion, Answer | None, list[Attempt]]:
    tries: list[Attempt] = []
    try:
        return *await take_turn(server, request, on_rung(request, rung), rung, tries), tries
    except ProviderError as error:
        # Routers answer so where no server behind them can do what was asked for.
        if error.facts.get("status") != _NOT_FOUND or rung is Rung.TEXT:
            raise
        return Completion("", Failure(FailureKind.HTTP_STATUS, f"HTTP {_NOT_FOUND}"), status=_NOT_FOUND), None, tries


def _says_nothing(failure: Failure, status: int | None) -> bool:
    return failure.kind.is_provider and (status is None or status in _PASSING_STATUSES)
