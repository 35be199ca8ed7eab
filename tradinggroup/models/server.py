"""One model at an OpenAI-compatible server: sending a request, retrying what may get better, ending the run where nothing can.

Server faults are retried here and nowhere else. What cannot get better (a wrong key, an unknown model, nobody at the address)
ends the run at once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tradinggroup.clock import utc_now
from tradinggroup.errors import ErrorCode, ProviderError
from tradinggroup.models.completion import error_message
from tradinggroup.models.connections import Connections
from tradinggroup.models.endpoint import OPENAI_SERVER, Endpoint
from tradinggroup.models.port import Attempt, Failure, FailureKind
from tradinggroup.models.rate_limit import RateLimit, RateLimits, request_tokens, used_tokens
from tradinggroup.models.registry_entries import ModelEntry, ServerEntry
from tradinggroup.settings import ModelSettings

if TYPE_CHECKING:
    import httpx2

_RETRIED_STATUSES = {408, 409, 429}
_FATAL_STATUSES = {401, 403, 404}
_LONGEST_WAIT_SECONDS = 30.0
_LONGEST_RETRY_AFTER_SECONDS = 300.0
"""A server that asks for a longer pause is down for this run: its fault counts at once."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One request that got no reply with status 200."""

    failure: Failure
    text: str = ""
    is_retried: bool = True
    retry_after_seconds: float | None = None
    is_unreachable: bool = False
    status: int | None = None


class ModelServer:
    """The model `name` at a server. All calls must come from one event loop."""

    def __init__(
        self,
        name: str,
        settings: ModelSettings,
        server: ServerEntry = OPENAI_SERVER,
        model: ModelEntry | None = None,
        *,
        limits: RateLimits | None = None,
    ) -> None:
        """`name` is what the server knows the model by. Nothing is opened, and no key is needed, before the first call.

        `model` says which parameters are left out, renamed or added on the way, and what the server allows where the settings do not.
        `limits` are shared by all models of a run; without them, this one has its own.
        """
        self.name = name
        self._entry = server
        self._model = model
        self._settings = settings
        self._endpoint: Endpoint | None = None
        self._limits = limits or RateLimits()
        self._rate = RateLimit()
        self._connections: Connections | None = None
        self._was_reached = False

    async def aclose(self) -> None:
        """Close the connections."""
        if self._connections is not None:
            await self._connections.aclose()
            self._connections = None

    async def post(self, path: str, body: Mapping[str, Any], *, key: str, tries: list[Attempt]) -> str | Fault:
        """The body of the server's reply, cleaned of secrets, or the last fault once the retries are spent.

        Every fault is added to `tries`. `key` spreads the waits of different requests.

        Raises UsageError KEY_MISSING, and ProviderError where the server refuses the key (401, 403), does not know the
        model or the path (404), or cannot be reached at all.
        """
        retry = 0
        if self._model is not None:
            body = self._model.fitted(body)
        while True:
            result = await self._send(path, body)
            if isinstance(result, str):
                return result
            tries.append(Attempt(result.text, result.failure))
            self._end_if_hopeless(result)
            if not result.is_retried or retry >= self._settings.maximum_retries:
                self._end_if_never_reached(result)
                return result
            await asyncio.sleep(self._wait_seconds(result, key, retry))
            retry += 1

    def clean(self, text: str) -> str:
        """`text` of this server as it may be kept."""
        return self._connected()[1].clean(text)

    @property
    def address(self) -> str:
        """Scheme, host and port, for messages."""
        return self._connected()[1].server

    @property
    def base_address(self) -> str:
        """Scheme, host, port and path, without user, password or query: what tells one endpoint from another."""
        endpoint = self._connected()[1]
        return endpoint.clean(endpoint.server + urlsplit(endpoint.base_url).path.rstrip("/"))

    async def _send(self, path: str, body: Mapping[str, Any]) -> str | Fault:
        """One request, limited in time as a whole: a server that trickles would never hit a limit on each read."""
        import httpx2
        import openai

        connections, endpoint = self._connected()
        sent = await self._rate.turn(request_tokens(body) if self._rate.counts_tokens else 0)
        try:
            async with connections.client() as client, asyncio.timeout(self._settings.timeout_seconds):
                response = await client.post(path, cast_to=httpx2.Response, body=body)
        except openai.APIStatusError as error:
            self._was_reached = True
            return _status_fault(error.response, endpoint)
        except (openai.APITimeoutError, TimeoutError) as error:
            detail = f"no answer within {self._settings.timeout_seconds:g} s"
            return Fault(Failure(FailureKind.TIMEOUT, detail), is_unreachable=isinstance(error.__cause__, httpx2.ConnectTimeout))
        except openai.OpenAIError as error:
            unreachable = isinstance(error.__cause__, httpx2.ConnectError)
            detail = endpoint.clean(f"{'cannot connect' if unreachable else 'the connection broke'} ({error.__cause__ or error})")
            return Fault(Failure(FailureKind.CONNECTION, detail), is_unreachable=unreachable)
        self._was_reached = True
        if self._rate.counts_tokens:
            sent.tokens = used_tokens(response.text) or sent.tokens
        return endpoint.clean(response.text)

    def _connected(self) -> tuple[Connections, Endpoint]:
        if self._connections is None or self._endpoint is None:
            self._endpoint = Endpoint.of(self._entry)
            self._rate = self._rate_limit(self._endpoint)
            self._connections = Connections(self._endpoint, self._settings, maximum=self._facts.maximum_concurrent)
        return self._connections, self._endpoint

    @property
    def _facts(self) -> ModelEntry | ServerEntry:
        """What is known of the model, else of its server."""
        return self._model or self._entry

    def _rate_limit(self, endpoint: Endpoint) -> RateLimit:
        return self._limits.of(
            endpoint.base_url,
            requests_per_minute=self._settings.requests_per_minute or self._facts.requests_per_minute or 0,
            tokens_per_minute=self._settings.tokens_per_minute or self._facts.tokens_per_minute or 0,
        )

    def _end_if_hopeless(self, fault: Fault) -> None:
        if fault.status not in _FATAL_STATUSES or self._endpoint is None:
            return
        if fault.status == 404:
            text = f"the model server knows no model {self.name}, or nothing is at that address ({fault.failure.detail})"
            remedy = f"Check the model's name and the path of {self._entry.base_url_variable} (it mostly ends in /v1)."
        else:
            # What the server says about a key may hold parts of it, so it is not shown.
            text, remedy = (
                "the model server refused the key",
                f"Check {self._entry.key_variable or 'what it asks for'} and what it is allowed to use.",
            )
        raise ProviderError(ErrorCode.PROVIDER_FAILED, text, remedy=remedy, status=fault.status, server=self._endpoint.server)

    def _end_if_never_reached(self, fault: Fault) -> None:
        if self._was_reached or not fault.is_unreachable or self._endpoint is None:
            return
        raise ProviderError(
            ErrorCode.PROVIDER_FAILED,
            f"no model server answers ({fault.failure.detail})",
            remedy=f"Start the server, or set {self._entry.base_url_variable} to where it is.",
            server=self._endpoint.server,
        )

    def _wait_seconds(self, fault: Fault, key: str, retry: int) -> float:
        """The server's `Retry-After`, else a doubling wait of 75 to 125 %, spread by the request so that calls don't march in step."""
        if fault.retry_after_seconds is not None:
            return fault.retry_after_seconds
        spread = int.from_bytes(hashlib.sha256(f"{key} {retry}".encode()).digest()[:4]) / 2**32
        return min(self._settings.retry_wait_seconds * 2.0**retry, _LONGEST_WAIT_SECONDS) * (0.75 + 0.5 * spread)


def _status_fault(response: httpx2.Response, endpoint: Endpoint) -> Fault:
    status, text = response.status_code, endpoint.clean(response.text)
    retry_after_seconds = _retry_after_seconds(response.headers)
    too_long = retry_after_seconds is not None and retry_after_seconds > _LONGEST_RETRY_AFTER_SECONDS
    return Fault(
        Failure(FailureKind.HTTP_STATUS, endpoint.clean(f"HTTP {status}: {error_message(text)}")),
        text=text,
        is_retried=(status in _RETRIED_STATUSES or status >= 500) and not too_long,
        retry_after_seconds=retry_after_seconds,
        status=status,
    )


def _retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds that `Retry-After` (seconds or an HTTP date) asks to wait; None where it is missing or senseless."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - utc_now()).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(seconds, 0.0) if seconds == seconds else None
