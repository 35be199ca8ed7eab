"""Summaries of filings, each made once and kept until the next filing of its form (spec 3).

The key is what the summary is made from, so a summary is a function of the view alone: it does not matter which session
asks first, or whether two ask at once. That holds for a failed summary too, which is not asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tradinggroup.agents.outputs import FormReport

Key = tuple[str, ...]


class FilingSummaries:
    """One symbol's summaries. For use from one event loop at a time."""

    def __init__(self) -> None:
        self._made: dict[Key, FormReport] = {}
        self._locks: dict[Key, asyncio.Lock] = {}

    def get(self, key: Key) -> FormReport | None:
        """The summary if it was made already."""
        return self._made.get(key)

    async def get_or_make(self, key: Key, make: Callable[[], Awaitable[FormReport]]) -> FormReport:
        """The summary; whoever comes first makes it, and who comes meanwhile waits for it."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._made:
                self._made[key] = await make()
        return self._made[key]
