"""Where model servers are asked: address and key, from the environment only, and how both stay out of every text."""

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

BASE_URL_VARIABLE = "OPENAI_BASE_URL"
KEY_VARIABLE = "OPENAI_API_KEY"
DEFAULT_BASE_URL = "https://api.openai.com/v1"

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
        """The endpoint that OPENAI_BASE_URL and OPENAI_API_KEY name; a server of one's own needs no key.

        Raises UsageError KEY_MISSING where api.openai.com would be asked without a key, SETTING_INVALID for an address
        that isn't one.
        """
        base_url = os.environ.get(BASE_URL_VARIABLE, "").strip()
        key = os.environ.get(KEY_VARIABLE, "").strip() or None
        if not base_url and key is None:
            raise UsageError(
                ErrorCode.KEY_MISSING,
                f"{KEY_VARIABLE} is not set",
                remedy=f"Set it to your key, or set {BASE_URL_VARIABLE} to a server of your own, or use --model rules.",
            )
        if key is not None and not (key.isascii() and key.isprintable()):
            raise UsageError(
                ErrorCode.KEY_MISSING, f"{KEY_VARIABLE} holds characters that no key has", remedy="Copy the key again, without quotes."
            )
        base_url = base_url or DEFAULT_BASE_URL
        return cls(base_url, key, _server(base_url))

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
        """The key, and what an address with `user:password@` sends in its place: both, and their form in the Basic header."""
        if self.key is not None:
            yield self.key
        parts = urlsplit(self.base_url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if user or password:
            yield base64.b64encode(f"{user}:{password}".encode()).decode()
        yield from (password, user)


@cache
def _spellings(secret: str) -> re.Pattern[str]:
    """Every way in which JSON, a URL or plain text may spell `secret`: each character as it is, escaped, by number or percent-encoded."""
    characters = (rf"(?:\\?{re.escape(one)}|(?i:\\u{ord(one):04x}|%{ord(one):02x}))" for one in secret)
    return re.compile("".join(characters))


def _server(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError(
            ErrorCode.SETTING_INVALID,
            f"{BASE_URL_VARIABLE} is not an address that starts with http:// or https://",
            remedy="Set it like http://127.0.0.1:8080/v1.",
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")
