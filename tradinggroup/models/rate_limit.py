"""How many requests and tokens an endpoint takes within a minute: every request, retries included, waits for its turn.

The minute slides: in no sixty seconds are more sent than allowed. Tokens count as estimated until the reply says how many they were.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson

from tradinggroup.clock import monotonic_seconds
from tradinggroup.models.slots import CALL_RANK, Rank
from tradinggroup.models.text_length import TOKENS_PER_MESSAGE, estimated_tokens

MINUTE_SECONDS = 60.0


@dataclass(slots=True)
class Sent:
    """A request that was let through."""

    at_seconds: float
    tokens: int
    """Estimated; to be put right by whoever reads the reply."""


@dataclass(slots=True, order=True)
class _Waiter:
    rank: Rank
    arrival: int
    tokens: int = field(compare=False)
    turn: asyncio.Future[Sent] = field(compare=False)


class RateLimit:
    """A limit of one endpoint. For use from one event loop."""

    def __init__(
        self,
        *,
        requests_per_minute: int = 0,
        tokens_per_minute: int = 0,
        clock: Callable[[], float] = monotonic_seconds,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """0: no limit of that kind."""
        self._requests = requests_per_minute
        self._tokens = tokens_per_minute
        self._clock = clock
        self._sleep = sleep
        self._sent: deque[Sent] = deque()
        self._waiting: list[_Waiter] = []
        self._arrivals = count()
        self._pump: asyncio.Task[None] | None = None

    @property
    def counts_tokens(self) -> bool:
        """Whether tokens are limited."""
        return self._tokens > 0

    async def turn(self, tokens: int) -> Sent:
        """Wait until a request of `tokens` may be sent; calls of the account go first, then those of earlier sessions.

        One that alone is more than a minute's tokens goes when nothing else was sent for a minute.
        """
        if not self._requests and not self._tokens:
            return Sent(0.0, tokens)
        waiter = _Waiter(CALL_RANK.get(), next(self._arrivals), tokens, asyncio.get_running_loop().create_future())
        heapq.heappush(self._waiting, waiter)
        if self._pump is None:
            self._pump = asyncio.create_task(self._let_through())
        return await waiter.turn

    async def _let_through(self) -> None:
        try:
            while self._waiting:
                if self._waiting[0].turn.done():  # gave up
                    heapq.heappop(self._waiting)
                    continue
                seconds = self._wait_seconds(self._waiting[0].tokens)
                if seconds > 0:
                    await self._sleep(seconds)  # who comes meanwhile may be ahead
                    continue
                waiter = heapq.heappop(self._waiting)
                sent = Sent(self._clock(), waiter.tokens)
                self._sent.append(sent)
                waiter.turn.set_result(sent)
        finally:
            self._pump = None

    def _wait_seconds(self, tokens: int) -> float:
        """Seconds until one request of `tokens` more fits into the minute that ends then; 0 where it does now."""
        now = until = self._clock()
        while self._sent and self._sent[0].at_seconds <= now - MINUTE_SECONDS:
            self._sent.popleft()
        requests_left = self._requests - len(self._sent) if self._requests else math.inf
        tokens_left = self._tokens - sum(each.tokens for each in self._sent) if self._tokens else math.inf
        for each in self._sent:
            if requests_left >= 1 and tokens_left >= tokens:
                break
            requests_left, tokens_left, until = requests_left + 1, tokens_left + each.tokens, each.at_seconds + MINUTE_SECONDS
        return until - now


def request_tokens(body: Mapping[str, Any]) -> int:
    """Tokens that a request may take, estimated from its prompt or texts and its longest answer."""
    texts = [str(message.get("content") or "") for message in body.get("messages", ())] + [str(text) for text in body.get("input", ())]
    longest = body.get("max_completion_tokens") or body.get("max_tokens") or 0
    return sum(estimated_tokens(text) + TOKENS_PER_MESSAGE for text in texts) + int(longest)


def used_tokens(reply: str) -> int | None:
    """Tokens that a reply says it took; None where it does not."""
    try:
        total = orjson.loads(reply)["usage"]["total_tokens"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return total if isinstance(total, int) else None


class RateLimits:
    """The limits of a run's endpoints: models at one endpoint share one."""

    def __init__(self) -> None:
        self._by_endpoint: dict[tuple[str, int, int], RateLimit] = {}

    def of(self, address: str, *, requests_per_minute: int, tokens_per_minute: int) -> RateLimit:
        """The limit of the endpoint at `address`."""
        key = (address, requests_per_minute, tokens_per_minute)
        if key not in self._by_endpoint:
            self._by_endpoint[key] = RateLimit(requests_per_minute=requests_per_minute, tokens_per_minute=tokens_per_minute)
        return self._by_endpoint[key]
