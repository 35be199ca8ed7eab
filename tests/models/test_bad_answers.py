"""A file of bad answers, each through a real HTTP server: its failure has the kind that the file names, or its reading is the one named.

A line of `bad_answers.jsonl` holds a name, the rung that it was asked on, what the server sends (`content`, `message`, `tool` or the
whole `body`; `…_parts` are texts with how often each is repeated), and what must come of it (`kind` or `answer`).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.fault_server import FaultServer, Step, completion, completion_body, tool_call
from tests.models.support import request, settings
from tradinggroup.models.answers import Decision, Schemas
from tradinggroup.models.completion import Completion, read_completion
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.port import Failure, FailureKind, ModelReply
from tradinggroup.models.rungs import Rung
from tradinggroup.models.structured import parse_answer

LINES = [json.loads(line) for line in Path(__file__).with_name("bad_answers.jsonl").read_text(encoding="utf-8").splitlines()]
UNREADABLE = {kind for kind in FailureKind if not kind.is_provider} - {FailureKind.WEB_SEARCH}


def joined(parts: list[list[Any]]) -> str:
    return "".join(text * times for text, times in parts)


def step_of(line: dict[str, Any]) -> Step:
    """What the server sends for a line."""
    if "body" in line or "body_parts" in line:
        return Step(body=(line["body"] if "body" in line else joined(line["body_parts"])).encode())
    if "tool" in line:
        return tool_call(line["tool"]["name"], line["tool"]["arguments"])
    if "message" in line:
        body = completion_body(None)
        body["choices"][0]["message"] = line["message"]
        return Step(body=json.dumps(body).encode())
    content = line["content"] if "content" in line else joined(line["content_parts"])
    return completion(content, finish_reason=line.get("finish_reason", "stop"))


def ask_each(server: FaultServer, loop: LoopThread, rung: Rung, lines: list[dict[str, Any]]) -> list[ModelReply]:
    """One client asks every line in turn; a repair turn gets the same again."""

    async def calls() -> list[ModelReply]:
        chat, replies = OpenAIChat("m", settings(structured_output=str(rung))), []
        for line in lines:
            step = step_of(line)
            server.choose = lambda _, step=step: step
            replies.append(await chat.answer(request(line["name"], schema=Schemas.BY_NAME[line.get("schema", "Decision")])))
        await chat.aclose()
        return replies

    return loop.run(calls())


@pytest.mark.parametrize("rung", Rung)
def test_every_bad_answer_comes_to_what_the_file_says(server: FaultServer, loop: LoopThread, rung: Rung) -> None:
    lines = [line for line in LINES if line["rung"] == rung]
    expected, found = {}, {}
    for line, reply in zip(lines, ask_each(server, loop, rung, lines), strict=True):
        expected[line["name"]] = line.get("kind") or line["answer"]
        found[line["name"]] = str(reply.failure.kind) if reply.failure else reply.answer and reply.answer.model_dump()
        kind = reply.failure.kind if reply.failure else None
        assert (reply.answer is None) is (kind is not None)
        assert reply.attempts == (2 if kind is not None and kind.is_repairable else 1), line["name"]
        assert all(attempt.rung == rung for attempt in reply.tries)
        assert reply.rung == rung
        assert reply.failure is None or (reply.failure.detail and reply.failure.detail.isprintable())
        assert len(reply.text) <= 100_000
    assert found == expected


def test_the_file_is_large_and_meets_every_kind_that_an_answer_can_have() -> None:
    assert len(LINES) >= 100
    assert len({line["name"] for line in LINES}) == len(LINES)
    kinds = Counter(line.get("kind") for line in LINES)
    assert {str(kind) for kind in UNREADABLE | {FailureKind.HTML, FailureKind.BAD_RESPONSE}} == set(kinds) - {None}
    assert {line["rung"] for line in LINES} == {str(rung) for rung in Rung}


FIELDS = st.sampled_from(["action", "confidence", "reasoning", "properties", "type"]) | st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=10,
)
PARTS = st.sampled_from(["choices", "message", "content", "tool_calls", "function", "name", "arguments", "error", "usage", "refusal"])
BODIES = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PARTS, inner, max_size=4),
    max_leaves=10,
)


@given(text=st.text() | JSON.map(json.dumps), before=st.text(max_size=5), rung=st.sampled_from(Rung))
def test_any_text_is_an_answer_or_a_failure(text: str, before: str, rung: Rung) -> None:
    assert isinstance(parse_answer(before + text, Decision, rung), Decision | Failure)


@given(message=BODIES, tool=st.none() | st.just("Decision"))
def test_any_body_is_a_completion_or_a_failure(message: Any, tool: str | None) -> None:
    for body in (message, {"choices": [message]}, {"choices": [{"message": message}]}):
        assert isinstance(read_completion(json.dumps(body), tool=tool), Completion)


@pytest.mark.parametrize("piece", ['{"a":', "{", "[", '"', '{"', "<think>", "```a\n"])
def test_a_long_text_is_read_in_no_time(piece: str) -> None:
    started = time.perf_counter()
    assert isinstance(parse_answer(piece * (99_000 // len(piece)), Decision, Rung.TEXT), Failure)
    assert time.perf_counter() - started < 2.0
