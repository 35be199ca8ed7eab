"""HTTP over aiohttp for the openai client: half of the processor time of its own transport, and no more of it with many connections.

It does what a call needs and nothing else: no redirects, no cookies, the whole body at once. Its errors are those that the client
knows, told apart by whether the server could be reached at all.
"""

from __future__ import annotations

import contextlib
import ssl

import aiohttp
import httpx2
from yarl import URL

with contextlib.suppress(ImportError):
    # The client looks into this module wherever it finds it. Chroma loads it, perhaps in another thread and in the middle of a call.
    import httpx  # noqa: F401

_KEEP_SECONDS = 30.0
"""How long an idle connection is kept; servers keep them for 60 to 75."""


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Connections to one endpoint, as many as are needed at once. For use from one event loop."""

    def __init__(self, certificates: ssl.SSLContext) -> None:
        """Nothing is opened before the first request."""
        self._certificates = certificates
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send, and read the reply to its end. Raises the client's own errors."""
        limits = request.extensions.get("timeout", {})
        timeout = aiohttp.ClientTimeout(sock_connect=limits.get("connect"), sock_read=limits.get("read"))
        content = await request.aread()
        try:
            async with self._opened().request(
                request.method,
                URL(str(request.url), encoded=True).with_user(None),  # who asks stands in the headers
                headers=request.headers.multi_items(),
                data=content or None,
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _known(error) from error
        return httpx2.Response(response.status, headers=response.raw_headers, content=body)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            # Whoever asks limits how many are open; the client decodes bodies itself.
            connector = aiohttp.TCPConnector(limit=0, ssl=self._certificates, keepalive_timeout=_KEEP_SECONDS)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False)
        return self._session


def _known(error: aiohttp.ClientError | TimeoutError) -> httpx2.TransportError:
    text = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx2.ConnectTimeout(text)
    if isinstance(error, TimeoutError):
        return httpx2.ReadTimeout(text)
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx2.ConnectError(text)
    if isinstance(error, aiohttp.InvalidURL):
        return httpx2.UnsupportedProtocol(text)
    return httpx2.ReadError(text)
