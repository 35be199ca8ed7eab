"""A model server on one event loop that answers every call after the same time, for `latency.py`.

It speaks just enough of chat completions over kept-alive connections, writes each reply at once, and answers by the schema with
numbers that depend on the prompt. `GET /seen` says what it saw.

    python benchmarks/latency_server.py --delay 0.2        prints its address
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import time
from typing import Any

STYLES = ("aggressive", "balanced", "conservative")
ACTIONS = ("buy", "buy", "sell", "hold")


def answer_of(body: dict[str, Any]) -> str:
    """A valid answer to the schema that the request names; another prompt, another answer."""
    number = int.from_bytes(hashlib.sha256(body["messages"][-1]["content"].encode()).digest()[:6])
    share = number % 1000 / 1000
    answers: dict[str, dict[str, Any]] = {
        "NewsScore": {"score": round(2 * share - 1, 3), "analysis": f"news {number % 97}"},
        "ReportSummary": {"indicators": ["sales"], "guidance": "", "risks": [], "opportunities": [], "summary": f"report {number % 97}"},
        "Forecast": {"p_up": share, "p_down": 1 - share, "p_sideways": 0.0, "reasoning": f"view {number % 97}"},
        "StyleChoice": {"style": STYLES[number % 3], "confidence": share, "reasoning": "fits"},
        "Decision": {"action": ACTIONS[number % 4], "confidence": share, "reasoning": "so be it"},
        "ProbeAnswer": {"shade": "cobalt"},
        "ExperienceSummary": {"summary": f"lesson {number % 97}"},
    }
    return json.dumps(answers[body["response_format"]["json_schema"]["name"]])


def completion(body: dict[str, Any]) -> bytes:
    """The completion that answers `body`."""
    message = {"role": "assistant", "content": answer_of(body)}
    prompt_tokens = sum(len(each["content"]) for each in body["messages"]) // 4
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": 40, "total_tokens": prompt_tokens + 40}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return json.dumps(
        {"id": "c", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice], "usage": usage}
    ).encode()


class Seen:
    """What came in: moments are of the clock that all processes of a machine share."""

    def __init__(self) -> None:
        self.calls = self.at_once = self.most_at_once = 0
        self.first_at: float | None = None
        self.last_at: float | None = None

    def came(self) -> None:
        self.first_at = self.first_at or time.monotonic()
        self.calls += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)

    def went(self) -> None:
        self.at_once -= 1
        self.last_at = time.monotonic()


class Connection(asyncio.Protocol):
    """One kept-alive connection: whole requests in, whole replies out, in their order."""

    def __init__(self, seen: Seen, delay_seconds: float) -> None:
        self._seen = seen
        self._delay_seconds = delay_seconds
        self._buffer = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            self._take(head, rest[:length])

    def _take(self, head: bytes, content: bytes) -> None:
        if head.startswith(b"GET"):
            self._send(json.dumps(vars(self._seen)).encode())
            return
        self._seen.came()
        loop = asyncio.get_running_loop()
        due = loop.time() + self._delay_seconds
        reply = completion(json.loads(content))
        loop.call_at(due, self._answer, reply)

    def _answer(self, reply: bytes) -> None:
        self._seen.went()
        if not self._transport.is_closing():
            self._send(reply)

    def _send(self, content: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        self._transport.write(head.encode() + content)


async def serve(delay_seconds: float) -> None:
    """Serve until the process ends."""
    seen = Seen()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(seen, delay_seconds), "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0.2)
    asyncio.run(serve(parser.parse_args().delay))


if __name__ == "__main__":
    main()
