"""The connections to one endpoint, in pools of a few each.

The HTTP client looks at every idle connection of its pool for each request, which costs more than the request itself where there
are hundreds. So there are several small pools, and a request takes the first that is not full: under little load most are unused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tradinggroup.models.endpoint import Endpoint
from tradinggroup.settings import ModelSettings

if TYPE_CHECKING:
    import ssl

    import openai

POOL_CONNECTIONS = 8
_CONNECT_SECONDS = 10.0


class Connections:
    """Clients of `endpoint`, opened when they are needed. For use from one event loop."""

    def __init__(self, endpoint: Endpoint, settings: ModelSettings, *, maximum: int | None = None) -> None:
        """Nothing is opened yet. `maximum` is the most that the server takes at once, where that is known."""
        self._endpoint = endpoint
        self._settings = settings
        self._room = asyncio.Semaphore(min(settings.maximum_concurrent, maximum or settings.maximum_concurrent))
        self._certificates: ssl.SSLContext | None = None
        self._clients: list[openai.AsyncOpenAI] = []
        self._busy: list[int] = []

    @asynccontextmanager
    async def client(self) -> AsyncIterator[openai.AsyncOpenAI]:
        """A client with a free connection, for one request; waits where the most that are allowed are busy."""
        async with self._room:
            place = self._place()
            self._busy[place] += 1
            try:
                yield self._clients[place]
            finally:
                self._busy[place] -= 1

    def _place(self) -> int:
        """Place of the first client that is not full, opened where there is none."""
        place = next((place for place, busy in enumerate(self._busy) if busy < POOL_CONNECTIONS), len(self._busy))
        if place == len(self._busy):
            self._clients.append(self._open())
            self._busy.append(0)
        return place

    async def aclose(self) -> None:
        """Close all of them."""
        for client in self._clients:
            await client.close()
        self._clients.clear()
        self._busy.clear()

    def _open(self) -> openai.AsyncOpenAI:
        import httpx2
        import openai

        endpoint, seconds = self._endpoint, self._settings.timeout_seconds
        # A server on this machine is never behind a proxy.
        trust_env = not endpoint.is_loopback
        if self._certificates is None:
            self._certificates = httpx2.create_ssl_context(trust_env=trust_env)
        limits = httpx2.Limits(max_connections=POOL_CONNECTIONS, max_keepalive_connections=POOL_CONNECTIONS)
        timeout = httpx2.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
        # No redirects: a key goes to the named server only.
        transport = httpx2.AsyncClient(
            limits=limits, timeout=timeout, verify=self._certificates, trust_env=trust_env, follow_redirects=False
        )  # fmt: skip
        return openai.AsyncOpenAI(
            base_url=endpoint.base_url, api_key=endpoint.key or "none", max_retries=0, timeout=timeout, http_client=transport
        )  # fmt: skip
