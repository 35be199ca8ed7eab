"""What a run may spend: the worst that a call can cost is set aside before it is asked, and what it did cost is booked afterwards.

So the bill stays within the budget also with many calls in flight. A call that finds no room waits for those in flight, which mostly
cost less than was set aside; only where none is left does the run end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import orjson

from tradinggroup.errors import BudgetError, ErrorCode
from tradinggroup.models.answers import Answer
from tradinggroup.models.bill import Prices, cost_usd
from tradinggroup.models.context_length import answer_tokens
from tradinggroup.models.port import ModelReply, ModelRequest, Usage

TURNS = 2
"""An answer and its repair, each paid for. A server fault is not billed; where a request that ran out of time is, that goes beyond."""
BYTES_PER_TOKEN = 2
"""Fewest bytes that a token of a prompt takes on the mean (ours): prose takes 4, a table of figures a little more than 2."""
REPAIR_TOKENS = 400
"""What the repair turn says besides the first prompt and the answer, at most (ours)."""
MESSAGE_TOKENS = 16
"""What a server adds to each message of a prompt, at most (ours)."""


class Budget:
    """At most `limit_usd` for a run that has spent `spent_usd` before. For use from one event loop."""

    def __init__(self, limit_usd: float, prices: Prices, *, spent_usd: float = 0.0) -> None:
        """Every model that is asked needs a price."""
        self._limit_usd = limit_usd
        self._prices = prices
        self._spent_usd = spent_usd
        self._reserved_usd = 0.0
        self._in_flight = 0
        self._settled = asyncio.Event()

    @property
    def spent_usd(self) -> float:
        """What was paid so far."""
        return self._spent_usd

    @asynccontextmanager
    async def reserved(self, request: ModelRequest) -> AsyncIterator[list[ModelReply]]:
        """Room for one call; put the reply into the list. Raises BudgetError BUDGET_REACHED."""
        worst_usd = self.worst_usd(request)
        await self._reserve(worst_usd, request)
        replies: list[ModelReply] = []
        try:
            yield replies
        finally:
            # A call that was broken off may be billed: all that was set aside for it counts.
            paid_usd = sum(cost_usd(request.model, reply.usage, self._prices) or 0.0 for reply in replies) if replies else worst_usd
            self._settle(worst_usd, paid_usd)

    def worst_usd(self, request: ModelRequest) -> float:
        """The most that a call can cost: a dense prompt, the longest answer, and both again for its repair."""
        texts = sum(len(message.content.encode()) for message in request.messages) + _schema_bytes(request.schema)
        prompt = -(-texts // BYTES_PER_TOKEN) + MESSAGE_TOKENS * len(request.messages)
        answer = answer_tokens(request)
        most = Usage(TURNS * prompt + REPAIR_TOKENS + answer, TURNS * answer)
        return cost_usd(request.model, most, self._prices) or 0.0

    async def _reserve(self, worst_usd: float, request: ModelRequest) -> None:
        while self._spent_usd + self._reserved_usd + worst_usd > self._limit_usd:
            if not self._in_flight:
                raise self._reached(worst_usd, request)
            await self._settled.wait()
        self._reserved_usd += worst_usd
        self._in_flight += 1

    def _settle(self, worst_usd: float, paid_usd: float) -> None:
        self._in_flight -= 1
        # Exactly nothing once nothing is in flight, whatever the order in which floats were taken away.
        self._reserved_usd = self._reserved_usd - worst_usd if self._in_flight else 0.0
        self._spent_usd += paid_usd
        self._settled.set()  # wakes all that wait now
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


@cache
def _schema_bytes(schema: type[Answer]) -> int:
    """Bytes of a schema, twice: some ways of asking say it in the prompt too."""
    return 2 * len(orjson.dumps(schema.model_json_schema()))
