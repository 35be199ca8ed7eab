"""The connections to one endpoint, and how many of them may be busy at once."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tradinggroup.models.endpoint import Endpoint
from tradinggroup.settings import ModelSettings

if TYPE_CHECKING:
    import openai

_CONNECT_SECONDS = 10.0


class Connections:
    """A client of `endpoint`, opened when it is needed. For use from one event loop."""

    def __init__(self, endpoint: Endpoint, settings: ModelSettings, *, maximum: int | None = None) -> None:
        """Nothing is opened yet. `maximum` is the most that the server takes at once, where that is known."""
        self._endpoint = endpoint
        self._settings = settings
        self._maximum = min(settings.maximum_concurrent, maximum or settings.maximum_concurrent)
        self._room = asyncio.Semaphore(self._maximum)
        self._client: openai.AsyncOpenAI | None = None

    @asynccontextmanager
    async def client(self) -> AsyncIterator[openai.AsyncOpenAI]:
        """The client, for one request; waits where the most that are allowed are under way."""
        async with self._room:
            if self._client is None:
                self._client = self._open()
            yield self._client

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _open(self) -> openai.AsyncOpenAI:
        import httpx2
        import openai

        from tradinggroup.models.transport import AiohttpTransport

        endpoint, seconds = self._endpoint, self._settings.timeout_seconds
        timeout = httpx2.Timeout(seconds, connect=min(seconds, _CONNECT_SECONDS))
        # A server on this machine is never behind a proxy.
        trust_env = not endpoint.is_loopback
        if trust_env and urllib.request.getproxies():
            limits = httpx2.Limits(max_connections=self._maximum, max_keepalive_connections=self._maximum)
            # No redirects: a key goes to the named server only.
            http = httpx2.AsyncClient(limits=limits, timeout=timeout, follow_redirects=False)
        else:
            transport = AiohttpTransport(httpx2.create_ssl_context(trust_env=trust_env))
            http = httpx2.AsyncClient(transport=transport, timeout=timeout, trust_env=False, follow_redirects=False)
        return openai.AsyncOpenAI(
            base_url=endpoint.base_url, api_key=endpoint.key or "none", max_retries=0, timeout=timeout, http_client=http
        )  # fmt: skip
