"""A limit on how many calls are under way at once, with an order among those that wait."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from itertools import count

Rank = tuple[int, str]
"""Who goes first: the lower. (priority, session) of a call."""

CALL_RANK: ContextVar[Rank] = ContextVar("call_rank", default=(0, ""))
"""The rank of the call that a task makes, for whoever else lets calls wait."""


class Slots:
    """At most so many holders at once. For use from one event loop."""

    def __init__(self, maximum: int) -> None:
        self._free = maximum
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._arrivals = count()

    @asynccontextmanager
    async def held(self, rank: Rank) -> AsyncIterator[None]:
        """Hold one inside the block. Of those that wait the lowest rank goes first, and of equal ones who came first."""
        await self._take(rank)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, rank: Rank) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was handed over in the same moment
                self._give_back()
            raise

    def _give_back(self) -> None:
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
