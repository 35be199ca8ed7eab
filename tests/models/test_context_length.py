"""Prompts against the context of their model: counted before the call, and understood where the server says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.models.fault_server import FaultServer, Step, completion
from tests.models.real_server import running_server
from tests.models.support import ask, request, settings
from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.models.answers import Answer, Decision
from tradinggroup.models.context_length import check_fits, prompt_tokens
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.port import FailureKind, Message, ModelRequest
from tradinggroup.models.registry_entries import ModelEntry
from tradinggroup.models.text_length import estimated_tokens
from tradinggroup.models.yes_no import YesNo

PARTS = {"experience": "e" * 90, "symbol": "ACME"}
SHORTER = {"passages": "lower agents.report_retrieval.top_reranked"}


def long_request(characters: int = 900, *, schema: type[Answer] | None = None) -> ModelRequest:
    text = "p" * characters
    return request(text, parts={"passages": text, **PARTS}, shorter=SHORTER, schema=schema or Decision)


def test_tokens_are_counted_rather_too_high() -> None:
    assert [estimated_tokens(text) for text in ("", "a", "abc", "abcd", "ü" * 3, "中文")] == [0, 1, 1, 2, 2, 2]
    assert prompt_tokens((Message("system", "abc"), Message("user", "abcd"))) == 1 + 8 + 2 + 8


@pytest.mark.parametrize(("context", "fits"), [(None, True), (419, True), (418, False), (10, False)])
def test_prompt_and_answer_together_must_fit(context: int | None, fits: bool) -> None:
    """299 tokens of the text, 4 of "You trade.", two messages of 8 and an answer of up to 100 make 419."""
    wanted = long_request(897)
    if fits:
        check_fits(wanted, ModelEntry(name="m", context_tokens=context))
        return
    with pytest.raises(UsageError) as caught:
        check_fits(wanted, ModelEntry(name="m", context_tokens=context))
    assert (caught.value.code, caught.value.exit_code) == (ErrorCode.PROMPT_TOO_LONG, 2)
    text = str(caught.value)
    assert f"about 419 tokens with its answer, and the context of openai:m holds {context}" in text
    assert "the prompt of decision (decision) for ACME on 2024-03-01 does not fit" in text
    assert "its longest part is {passages}, about 299 tokens" in text
    assert "Lower agents.report_retrieval.top_reranked, or raise context_tokens" in text


@pytest.mark.parametrize(
    ("own", "parts", "named"),
    [
        ("c" * 600, {"items": "i" * 90, "schema": "s" * 300}, "the card's own text, about 204 tokens"),
        ("c" * 60, {"items": "i" * 90, "schema": "s" * 300}, "{schema}, about 100 tokens"),
        ("c" * 60, {"items": "中" * 200, "schema": "s" * 300}, "{items}, about 200 tokens"),
        ("c" * 60, {}, "the card's own text, about 24 tokens"),
    ],
)
def test_the_longest_part_is_named_truly(own: str, parts: dict[str, str], named: str) -> None:
    wanted = request(own + "".join(parts.values()), parts=parts)
    with pytest.raises(UsageError, match="PROMPT_TOO_LONG") as caught:
        check_fits(wanted, ModelEntry(name="m", context_tokens=100))
    assert f"its longest part is {named}" in str(caught.value)


@pytest.mark.parametrize("schema", [None, YesNo])
def test_a_prompt_that_does_not_fit_is_never_sent(server: FaultServer, loop: LoopThread, schema: type[Answer] | None) -> None:
    async def call() -> None:
        chat = OpenAIChat("m", settings(), entry=ModelEntry(name="openai:m", context_tokens=256))
        try:
            await chat.answer(long_request(schema=schema))
        finally:
            await chat.aclose()

    with pytest.raises(UsageError, match="PROMPT_TOO_LONG"):
        loop.run(call())
    assert server.requests == []


SAID = [
    (
        400,
        "the request exceeds the available context size. try increasing the context size or enable context shift",
        "exceed_context_size_error",
    ),
    (400, "request (40012 tokens) exceeds the available context size (16384 tokens), try increasing it", "exceed_context_size_error"),
    (400, "This model's maximum context length is 8192 tokens. However, your messages resulted in 9041 tokens.", "context_length_exceeded"),
    (400, "Input tokens exceed the configured limit: the context length is only 4096 tokens", "BadRequestError"),
    (400, "prompt is too long: 210000 tokens > 200000 maximum", "invalid_request_error"),
    (413, "too many tokens in the request", "invalid_request_error"),
    (413, "Payload Too Large", "error"),
    (400, "input is too long for the model: 9000 tokens > 4096", "BadRequestError"),
    (422, "Input is too long for requested model.", "ValidationException"),
    (400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", "INVALID_ARGUMENT"),
    (400, "Please reduce the length of the messages or completion.", "invalid_request_error"),
    (400, "maximum input length is 4096", "error"),
]
OTHER = [
    (400, "Unsupported parameter: 'max_tokens' is not supported with this model.", "invalid_request_error"),
    (400, "This response_format type is unavailable now", "invalid_request_error"),
    (400, "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.", "invalid_request_error"),
    (400, "the request took too long to be read", "invalid_request_error"),
    (400, "failed to parse the schema in the context of tools", "invalid_request_error"),
]


def refusal(status: int, message: str, kind: str) -> Step:
    return Step(status=status, body=json.dumps({"error": {"code": status, "message": message, "type": kind}}).encode())


@pytest.mark.parametrize(("status", "message", "kind"), SAID)
def test_a_server_that_says_so_ends_the_run_likewise(server: FaultServer, loop: LoopThread, status: int, message: str, kind: str) -> None:
    server.script = [refusal(status, message, kind)]
    with pytest.raises(UsageError, match="PROMPT_TOO_LONG") as caught:
        ask(loop, long_request())
    assert message[:60] in str(caught.value)
    assert "{passages}" in str(caught.value)


@pytest.mark.parametrize(("status", "message", "kind"), OTHER)
def test_another_refusal_is_a_failure_of_its_call(server: FaultServer, loop: LoopThread, status: int, message: str, kind: str) -> None:
    server.script = [refusal(status, message, kind)]
    reply = ask(loop, long_request())
    assert reply.failure is not None
    assert reply.failure.kind is FailureKind.HTTP_STATUS


def test_a_repair_turn_that_grew_too_long_is_a_failure_of_its_call(server: FaultServer, loop: LoopThread) -> None:
    server.script = [completion("not JSON"), refusal(*SAID[0])]
    reply = ask(loop, long_request())
    assert reply.failure is not None
    assert reply.failure.kind is FailureKind.HTTP_STATUS


def test_a_real_server_with_a_short_context(tmp_path: Path, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server(tmp_path, context_tokens=512, slots=1) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        with pytest.raises(UsageError, match=r"PROMPT_TOO_LONG: .*the server of openai:m says: HTTP 400"):
            ask(loop, long_request(20_000), timeout_seconds=60.0)
