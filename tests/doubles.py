"""Doubles that tests of several rooms share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tradinggroup.models.answers import Answer
from tradinggroup.models.port import Failure, ModelReply, ModelRequest


class FunctionModel:
    """A chat model that answers by a function of the request and keeps every request in the order of asking.

    `delay_seconds` (also a function of the request) lets answers come back in another order than they were asked in.
    """

    def __init__(
        self,
        function: Callable[[ModelRequest], Answer | Failure],
        *,
        delay_seconds: Callable[[ModelRequest], float] | None = None,
    ) -> None:
        self.function = function
        self.delay_seconds = delay_seconds
        self.requests: list[ModelRequest] = []

    async def answer(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        if self.delay_seconds is not None:
            await asyncio.sleep(self.delay_seconds(request))
        result = self.function(request)
        if isinstance(result, Failure):
            return ModelReply(key=request.key, answer=None, failure=result, text=result.detail)
        return ModelReply(key=request.key, answer=result, failure=None, text=result.model_dump_json())

    def of(self, agent: str, purpose: str | None = None) -> list[ModelRequest]:
        """The requests of one agent, and of one of its purposes where named."""
        return [request for request in self.requests if request.agent == agent and purpose in {None, request.purpose}]
