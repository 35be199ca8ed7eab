"""What a run may spend: the worst that a call can cost is set aside before it is asked, and what it did cost is booked afterwards.

So the bill stays within the budget also with many calls in flight. A call that finds no room waits for those in flight, which mostly
cost less than was set aside; only where none is left does the run end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import cache

import orjson

from tradinggroup.errors import BudgetError, ErrorCode, UsageError
from tradinggroup.models.answers import Answer
from tradinggroup.models.bill import Prices, cost_usd
from tradinggroup.models.context_length import answer_bound
from tradinggroup.models.port import ModelReply, ModelRequest, Usage
from tradinggroup.models.registry_entries import ModelEntry
from tradinggroup.models.unmetered import REPAIR_TOKENS, billed_texts, estimated_usage, is_unmetered

TURNS = 2
"""An answer and its repair, each paid for. A server fault is not billed; where a request that ran out of time is, that goes beyond."""
BYTES_PER_TOKEN = 2
"""Fewest bytes that a token of a prompt takes on the mean (ours): prose takes 4, a table of figures a little more than 2."""
MESSAGE_TOKENS = 16
"""What a server adds to each message of a prompt, at most (ours)."""


class Budget:
    """At most `limit_usd` for a run that has spent `spent_usd` before. For use from one event loop."""

    def __init__(
        self, limit_usd: float, prices: Prices, *, spent_usd: float = 0.0, entries: Mapping[str, ModelEntry] | None = None
    ) -> None:
        """Every model that is asked needs a price. `entries` say how requests are changed on their way."""
        self._limit_usd = limit_usd
        self._prices = prices
        self._entries = entries or {}
        self._spent_usd = spent_usd
        self._reserved_usd = 0.0
        self._in_flight = 0
        self._settled = asyncio.Event()
        self._is_reached = False

    @property
    def spent_usd(self) -> float:
        """What was paid so far."""
        return self._spent_usd

    @asynccontextmanager
    async def reserved(
        self, request: ModelRequest, *, turns: int = TURNS, check: Callable[[], None] = lambda: None
    ) -> AsyncIterator[list[ModelReply]]:
        """Room for one call of at most so many turns; put the reply into the list.

        `check` may raise what ended the run while this call waited; it then costs nothing. Raises BudgetError BUDGET_REACHED, and
        UsageError SETTING_INVALID for a call without a worst case.
        """
        worst_usd = self.worst_usd(request, turns=turns)
        await self._reserve(worst_usd, request, check)
        replies: list[ModelReply] = []
        try:
            yield replies
        finally:
            # A call that was broken off may be billed: all that was set aside for it counts.
            self._settle(worst_usd, sum(self._paid_usd(request, reply) for reply in replies) if replies else worst_usd)

    def worst_usd(self, request: ModelRequest, *, turns: int = TURNS) -> float:
        """The most that a call can cost, as it is sent: a dense prompt, the longest answer, and both again for its repair."""
        entry = self._entries.get(request.model)
        answer = answer_bound(request, entry)
        if answer is None:
            raise unbounded(request.model, self._limit_usd)
        texts = sum(len(message.content.encode()) for message in request.messages) + _schema_bytes(request.schema)
        if entry is not None:
            texts += len(orjson.dumps(dict(entry.extra_parameters)))
        prompt = -(-texts // BYTES_PER_TOKEN) + MESSAGE_TOKENS * len(request.messages)
        most = Usage(turns * prompt + (turns - 1) * (REPAIR_TOKENS + answer), turns * answer)
        return cost_usd(request.model, most, self._prices) or 0.0

    def _paid_usd(self, request: ModelRequest, reply: ModelReply) -> float:
        texts = billed_texts(reply.text, reply.failure, reply.tries)
        usage = reply.usage
        if is_unmetered(usage, texts):
            usage = estimated_usage(request.messages, texts, reasoning=reply.reasoning)
        return cost_usd(request.model, usage, self._prices) or 0.0

    async def _reserve(self, worst_usd: float, request: ModelRequest, check: Callable[[], None]) -> None:
        while not self._is_reached and self._spent_usd + self._reserved_usd + worst_usd > self._limit_usd:
            if not self._in_flight:
                # Whoever waits too is refused now, though his call may be smaller: the run has ended.
                self._is_reached = True
                self._settled.set()
            else:
                await self._settled.wait()
        check()
        if self._is_reached:
            raise self._reached(worst_usd, request)
        self._reserved_usd += worst_usd
        self._in_flight += 1

    def _settle(self, worst_usd: float, paid_usd: float) -> None:
        self._in_flight -= 1
        # Exactly nothing once nothing is in flight, whatever the order in which floats were taken away.
        self._reserved_usd = self._reserved_usd - worst_usd if self._in_flight else 0.0
        self._spent_usd += paid_usd
        self._settled.set()  # wakes all that wait now
        if not self._is_reached:
            self._settled.clear()

    def _reached(self, worst_usd: float, request: ModelRequest) -> BudgetError:
        return BudgetError(
            ErrorCode.BUDGET_REACHED,
            f"{self._spent_usd:.4f} of {self._limit_usd:g} USD are spent, and the next call may cost {worst_usd:.4f}",
            agent=request.agent,
            session=request.session,
            symbol=request.symbol,
            remedy="Go on with more: tradinggroup backtest --resume RUN --max-cost-usd USD.",
        )


def unbounded(model: str, limit_usd: float) -> UsageError:
    """The error of a budget that cannot be kept, since nothing bounds an answer."""
    return UsageError(
        ErrorCode.SETTING_INVALID,
        f"max_cost_usd={limit_usd:g} cannot be kept: nothing that is sent to {model} bounds its answers",
        remedy="Let max_tokens of the card be sent: as a whole number, not left out by omit_parameters of models.toml (rename it there).",
    )


@cache
def _schema_bytes(schema: type[Answer]) -> int:
    """Bytes of a schema, twice: some ways of asking say it in the prompt too."""
    return 2 * len(orjson.dumps(schema.model_json_schema()))
