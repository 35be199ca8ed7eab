"""A loopback server that speaks chat completions and embeddings and, by a script, does everything that a good server never does."""

from __future__ import annotations

import base64
import json
import math
import socket
import sys
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """What one request gets. Without a step, the server answers by its `reply` function."""

    status: int = 200
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    sleep_seconds: float = 0.0
    drop: bool = False
    cut_body: bool = False


def completion(content: Any, *, finish_reason: str = "stop", **message: Any) -> Step:
    """A completion with `content` (None for null) and any further fields of the message."""
    return Step(body=json.dumps(completion_body(content, finish_reason=finish_reason, **message)).encode())


def completion_body(content: Any, *, finish_reason: str = "stop", **message: Any) -> Json:
    return {
        "id": "c", "object": "chat.completion", "created": 0, "model": "fault-model", "system_fingerprint": "fp1",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": content, **message}}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }  # fmt: skip


def tool_call(name: str, arguments: Any, *, finish_reason: str = "tool_calls", content: str | None = None) -> Step:
    """A completion that calls the tool `name`; `arguments` as text, as the protocol wants it, or anything else."""
    call = {"id": "call-1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return completion(content, finish_reason=finish_reason, tool_calls=[call])


def token_completion(token: str, alternatives: dict[str, float]) -> Step:
    """A completion cut off after one token, with the probabilities of its `alternatives`."""
    found = [{"token": word, "logprob": math.log(probability), "bytes": None} for word, probability in alternatives.items()]
    body = completion_body(token, finish_reason="length")
    body["choices"][0]["logprobs"] = {"content": [{"token": token, "logprob": 0.0, "bytes": None, "top_logprobs": found}]}
    return Step(body=json.dumps(body).encode())


def embeddings(vectors: Sequence[Sequence[float]], *, as_base64: bool = False, backwards: bool = False) -> Step:
    """A reply of `/embeddings`: lists of floats or their bytes, in the order of the texts or from the last to the first."""
    values = [base64.b64encode(array("f", vector).tobytes()).decode() if as_base64 else list(vector) for vector in vectors]
    entries = [{"object": "embedding", "index": index, "embedding": value} for index, value in enumerate(values)]
    body = {"object": "list", "model": "fault-embeddings", "data": entries[::-1] if backwards else entries, "usage": {"prompt_tokens": 3}}
    return Step(body=json.dumps(body).encode())


def letters(text: str) -> list[float]:
    """A vector that depends on the text alone: how often each of the first eight letters is in it, and its length."""
    return [float(text.lower().count(letter)) for letter in "abcdefgh"] + [1.0 + len(text) / 100]


def error(status: int, message: str = "scripted", **headers: str) -> Step:
    """An error object with a status; header names with `_` for `-`."""
    body = json.dumps({"error": {"message": message, "type": "scripted"}}).encode()
    return Step(status=status, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class FaultServer:
    """`script` is used up request by request; `requests` and `headers` keep what came in; `most_at_once` how many at a time.

    `choose` may give a step by what a request says, after the script is used up.
    """

    url: str
    reply: Callable[[Json], str]
    script: list[Step] = field(default_factory=list)
    choose: Callable[[Json], Step | None] = lambda body: None
    requests: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    embed: Callable[[list[str]], Step] = lambda texts: embeddings([letters(text) for text in texts])
    """What `/embeddings` answers after the script is used up."""
    delay_seconds: float = 0.0
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    connections: set[socket.socket] = field(default_factory=set)

    def take(self, path: str, body: Json, headers: dict[str, str]) -> Step:
        with self.lock:
            self.paths.append(path)
            self.requests.append(body)
            self.headers.append(headers)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            step = self.script.pop(0) if self.script else self.choose(body)
        if step is None and path.endswith("/embeddings"):
            return replace(self.embed(body["input"]), sleep_seconds=self.delay_seconds)
        return step or Step(body=json.dumps(completion_body(self.reply(body))).encode(), sleep_seconds=self.delay_seconds)

    def done(self) -> None:
        with self.lock:
            self.at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Without it the headers and the body go out as two packets with 40 ms between them.
    disable_nagle_algorithm = True
    faults: FaultServer

    def setup(self) -> None:
        super().setup()
        self.faults.connections.add(self.connection)

    def finish(self) -> None:
        self.faults.connections.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def do_POST(self) -> None:
        try:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        except (ValueError, TypeError):
            # The client was cancelled and went away in the middle of its request.
            self.close_connection = True
            return
        step = self.faults.take(self.path, body, {name.lower(): value for name, value in self.headers.items()})
        try:
            time.sleep(step.sleep_seconds)
            self._send(step)
        except OSError:
            self.close_connection = True
        finally:
            self.faults.done()

    def _send(self, step: Step) -> None:
        if step.drop:
            # Closing alone would leave the client waiting: the socket has another reference in this handler.
            self.connection.shutdown(2)
            self.close_connection = True
            return
        content = step.body or b""
        self.send_response(step.status)
        for name, value in {"content-type": "application/json", **step.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if step.cut_body:
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self.connection.shutdown(2)
            self.close_connection = True
            return
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients of a faulty server go away in the middle of things: that is no news."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@contextmanager
def fault_server(reply: Callable[[Json], str] = lambda body: "{}", *, port: int = 0) -> Iterator[FaultServer]:
    """The server on `port` (else a free one) of this machine, until the block ends."""
    faults = FaultServer(url="", reply=reply)
    server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"faults": faults}))
    faults.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield faults
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        # Gone means gone: connections that clients keep open would be served on by their threads.
        for connection in list(faults.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
