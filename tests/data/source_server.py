"""A loopback server of documents that, by a script, does everything that a good server never does."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Fault:
    """What one request gets in place of its document."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    cut_gzip: bool = False


@dataclass
class SourceServer:
    """`pages` by path with query; `faults` are used up request by request; `requests` keeps what came in."""

    url: str = ""
    pages: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    fail_on: str = ""
    """Requests whose path contains it are dropped."""

    def page(self, path: str, value: Any) -> None:
        self.pages[path] = value if isinstance(value, bytes) else json.dumps(value).encode()

    @property
    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    source: SourceServer

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.source.requests.append((self.path, headers))
        fault = self.source.faults.pop(0) if self.source.faults else None
        if (fault and fault.drop) or (self.source.fail_on and self.source.fail_on in self.path):
            self.connection.shutdown(2)
            self.close_connection = True
            return
        body = self.source.pages.get(self.path)
        if fault and not fault.cut_gzip:
            self._send(fault.status, fault.body, fault.headers)
        elif body is None:
            self._send(404, b"not here", {})
        elif headers.get("if-none-match") == _tag(body):
            self._send(304, b"", {"etag": _tag(body)})
        else:
            packed = gzip.compress(body)
            packed = packed[: len(packed) // 2] if fault else packed
            self._send(200, packed, {"etag": _tag(body), "content-encoding": "gzip"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


def _tag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:12]}"'


@contextmanager
def source_server() -> Iterator[SourceServer]:
    """The server on a free port of this machine, until the block ends."""
    source = SourceServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"source": source}))
    server.daemon_threads = True
    source.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield source
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
