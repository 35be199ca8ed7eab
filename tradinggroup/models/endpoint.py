"""Where model servers are asked: address and key, how the environment names them, and how both stay out of every text."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import unquote, urlsplit

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.models.registry_entries import ServerEntry

BASE_URL_VARIABLE = "OPENAI_BASE_URL"
KEY_VARIABLE = "OPENAI_API_KEY"
OPENAI_SERVER = ServerEntry(name="openai", base_url="https://api.openai.com/v1", key_variable=KEY_VARIABLE)
"""Where models and embedders called `openai:<name>` are, unless the environment says where else."""

_SHORTEST_SECRET = 8
"""Shorter keys are placeholders such as `x` or `none`, and hiding them would tear holes into ordinary words."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One OpenAI-compatible server. Only `server` may be shown; neither `base_url` nor `key` is in its repr."""

    base_url: str = field(repr=False)
    key: str | None = field(repr=False)
    server: str
    """Scheme, host and port, without path, user or password."""

    @classmethod
    def from_environment(cls) -> Endpoint:
        """The endpoint that OPENAI_BASE_URL and OPENAI_API_KEY name; raises what `of` raises."""
        return cls.of(OPENAI_SERVER)

    @classmethod
    def of(cls, server: ServerEntry) -> Endpoint:
        """Where `server` is: at the address of its environment variable, else at that of its entry, which alone may need a key.

        Raises UsageError KEY_MISSING where the entry's own address would be asked without the key that it needs, SETTING_INVALID
        for an address that isn't one.
        """
        address = os.environ.get(server.base_url_variable, "").strip()
        key = (os.environ.get(server.key_variable, "").strip() or None) if server.key_variable else None
        if not address and key is None and server.key_variable:
            raise UsageError(
                ErrorCode.KEY_MISSING,
                f"{server.key_variable} is not set",
                remedy=f"Set it to your key, or set {server.base_url_variable} to a server of your own, or use --model rules.",
            )
        if key is not None and not (key.isascii() and key.isprintable()):
            raise UsageError(
                ErrorCode.KEY_MISSING,
                f"{server.key_variable} holds characters that no key has",
                remedy="Copy the key again, without quotes.",
            )
        base_url = address or server.base_url
        return cls(base_url, key, _server(base_url, server.base_url_variable))

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine; proxies are then not asked."""
        host = urlsplit(self.base_url).hostname or ""
        if host == "localhost":
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def clean(self, text: str) -> str:
        """`text` of a server as it may be kept: no key, no user or password of the address (however spelled), no half characters."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        for secret in self._secrets():
            if len(secret) >= _SHORTEST_SECRET:
                text = _spellings(secret).sub("[key]", text)
        return text

    def _secrets(self) -> Iterator[str]:
        """The key, and what an address with `user:password@` sends in its place: both, and their form in the Basic header.

        Of the key also the stretch that base64 makes of it, alone or behind `Bearer `, at each of the three places where it may begin.
        """
        if self.key is not None:
            yield self.key
            yield from (_in_base64(self.key, place) for place in range(3))
        parts = urlsplit(self.base_url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if user or password:
            yield base64.b64encode(f"{user}:{password}".encode()).decode()
        yield from (password, user)


def _in_base64(secret: str, place: int) -> str:
    """The characters of base64 that depend on `secret` alone, where it begins `place` bytes behind a group of three."""
    encoded = base64.b64encode(b"\0" * place + secret.encode()).decode().rstrip("=")
    end = len(encoded) - ((place + len(secret.encode())) % 3 != 0)
    return encoded[-(-place * 4 // 3) : end]


@cache
def _spellings(secret: str) -> re.Pattern[str]:
    """Every way in which JSON, a URL or plain text may spell `secret`, in either case.

    Each character as it is, escaped, by number or percent-encoded.
    """
    characters = (rf"(?:\\?{re.escape(one)}|\\u{ord(one):04x}|%{ord(one):02x})" for one in secret)
    return re.compile("".join(characters), re.IGNORECASE)


def _server(base_url: str, variable: str) -> str:
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError(
            ErrorCode.SETTING_INVALID,
            f"{variable} is not an address that starts with http:// or https://",
            remedy="Set it like http://127.0.0.1:8080/v1.",
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")
