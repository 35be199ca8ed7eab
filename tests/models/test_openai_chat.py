"""The client against a server that misbehaves: fault by fault, the failure and the number of attempts."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from tests.models.conftest import GOOD
from tests.models.fault_server import FaultServer, Step, completion, completion_body, error, fault_server
from tests.models.support import ask, request, settings
from tradinggroup.errors import ErrorCode, ProviderError, UsageError
from tradinggroup.models.answers import Answer, Decision, Forecast, Schemas
from tradinggroup.models.gateway import Gateway
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.port import Failure, FailureKind, Usage
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.server import Fault, ModelServer
from tradinggroup.models.turn import DEFAULT_MAX_TOKENS

HTML = Step(body=b"<html><body>502 Bad Gateway</body></html>", headers={"content-type": "text/html"})
GOOD_DECISION = Decision(action="buy", confidence=0.75, reasoning="momentum")

RECOVERED = {
    "status 500, then well": ([error(500)], 2),
    "status 503 twice, then well": ([error(503), error(503)], 3),
    "429, then well": ([error(429, retry_after="0")], 2),
    "408 and 409, then well": ([error(408), error(409)], 3),
    "dropped connection": ([Step(drop=True)], 2),
    "body cut off by a lost connection": ([Step(body=b"x" * 100, cut_body=True)], 2),
    "fenced": ([completion(f"```json\n{GOOD}\n```")], 1),
    "think block": ([completion(f"<think>is {{}} enough?</think>\n{GOOD}")], 1),
    "think block, opening tag missing, fenced": ([completion(f"hm</think>```\n{GOOD}\n```")], 1),
    "an unknown field more": ([completion(GOOD[:-1] + ', "extra": 1}')], 1),
    "repaired after bad JSON": ([completion("I would buy.")], 2),
    "repaired after a wrong enum": ([completion(GOOD.replace("buy", "short"))], 2),
    "repaired after an empty answer": ([completion("  ")], 2),
    "repaired although the server faltered between": ([completion("no"), error(500)], 3),
}


@pytest.mark.parametrize(("script", "attempts"), RECOVERED.values(), ids=RECOVERED)
def test_what_can_get_better_does(server: FaultServer, loop: LoopThread, script: list[Step], attempts: int) -> None:
    server.script = list(script)
    reply = ask(loop)
    assert (reply.failure, reply.answer, reply.attempts) == (None, GOOD_DECISION, attempts)
    assert len(server.requests) == attempts
    assert len(reply.tries) == (attempts if attempts > 1 else 0)
    assert reply.model_returned == "fault-model (fp1)"


def named(content: str, fingerprint: str) -> Step:
    return Step(body=json.dumps({**completion_body(content), "system_fingerprint": fingerprint}).encode())


def test_every_turn_of_a_call_says_what_answered(server: FaultServer, loop: LoopThread, tmp_path: Path) -> None:
    """Another fingerprint on the turn that was repaired is another model that answered."""
    server.script = [named("no JSON", "fp0"), named(GOOD, "fp1"), named("no JSON", "fp2"), named("no JSON", "fp2")]

    async def calls() -> Gateway:
        gateway = Gateway({"openai:m": OpenAIChat("m", settings())}, store, settings=settings())
        replies = [await gateway.answer(request(text)) for text in ("1", "2", "1")]
        assert [reply.model_returned for reply in replies] == [
            "fault-model (fp0) then fault-model (fp1)", "fault-model (fp2)", "fault-model (fp0) then fault-model (fp1)",
        ]  # fmt: skip
        await gateway.aclose()
        return gateway

    with RecordingStore.open(tmp_path / "run.sqlite") as store:
        found = loop.run(calls()).statistics.models_returned
    assert found == {"openai:m": ("fault-model (fp0)", "fault-model (fp1)", "fault-model (fp2)")}


FAILED = {
    "always 500": ([error(500)] * 9, FailureKind.HTTP_STATUS, 3, "HTTP 500: scripted"),
    "400": ([error(400, "bad schema")], FailureKind.HTTP_STATUS, 1, "HTTP 400: bad schema"),
    "422": ([error(422)], FailureKind.HTTP_STATUS, 1, "HTTP 422"),
    "redirect": ([Step(status=307, headers={"location": "http://127.0.0.1:1/v1"})], FailureKind.HTTP_STATUS, 1, "HTTP 307"),
    "a pause too long to obey": ([error(429, retry_after="3600")], FailureKind.HTTP_STATUS, 1, "HTTP 429"),
    "always dropped": ([Step(drop=True)] * 9, FailureKind.CONNECTION, 3, "the connection broke"),
    "HTML with 200": ([HTML], FailureKind.HTML, 1, "<html>"),
    "JSON of the reply cut off": ([Step(body=b'{"choices": [')], FailureKind.BAD_RESPONSE, 1, "no chat completion"),
    "an error object with 200": ([Step(body=b'{"error": {"message": "no credits"}}')], FailureKind.BAD_RESPONSE, 1, "no credits"),
    "no choices": ([Step(body=b'{"choices": []}')], FailureKind.BAD_RESPONSE, 1, "no chat completion"),
    "choices of the wrong type": ([Step(body=b'{"choices": [7]}')], FailureKind.BAD_RESPONSE, 1, "no chat completion"),
    "an empty body": ([Step(body=b"")], FailureKind.BAD_RESPONSE, 1, "no chat completion"),
    "bytes that are no text": ([Step(body=b"\xff\xfe\x00")], FailureKind.BAD_RESPONSE, 1, "no chat completion"),
    "content of the wrong type": ([completion([{"text": "x"}])], FailureKind.BAD_RESPONSE, 1, "not text"),
    "deeply nested": ([Step(body=b"[" * 200_000)], FailureKind.BAD_RESPONSE, 1, "no chat completion"),
    "None content twice": ([completion(None)] * 2, FailureKind.NO_CONTENT, 2, "null"),
    "empty content twice": ([completion("")] * 2, FailureKind.EMPTY, 2, "empty"),
    "a tool call instead": ([completion(None, tool_calls=[{}])] * 2, FailureKind.TOOL_CALL, 2, "tool call"),
    "only thoughts": ([completion("<think>hm</think>")] * 2, FailureKind.EMPTY, 2, "nothing follows"),
    "thoughts without an end": ([completion("<think>hm")] * 2, FailureKind.EMPTY, 2, "nothing follows"),
    "refusal": ([completion(None, refusal="I can't trade.")], FailureKind.REFUSAL, 1, "I can't trade."),
    "cut off": ([completion(GOOD[:20], finish_reason="length")], FailureKind.CUT_OFF, 1, "max_tokens"),
    "content filter": ([completion("", finish_reason="content_filter")], FailureKind.CONTENT_FILTER, 1, "filter"),
    "no JSON twice": ([completion("buy!")] * 2, FailureKind.NOT_JSON, 2, "not valid JSON"),
    "truncated JSON twice": ([completion(GOOD[:-5])] * 2, FailureKind.NOT_JSON, 2, "not valid JSON"),
    "NaN": ([completion(GOOD.replace("0.75", "NaN"))] * 2, FailureKind.NOT_A_NUMBER, 2, "not valid JSON"),
    "Infinity": ([completion(GOOD.replace("0.75", "Infinity"))] * 2, FailureKind.INFINITE, 2, "not valid JSON"),
    "a number too large": ([completion(GOOD.replace("0.75", "1e999"))] * 2, FailureKind.INFINITE, 2, "not valid JSON"),
    "half a character": ([completion(GOOD.replace("momentum", "\\ud800"))] * 2, FailureKind.NOT_JSON, 2, "not valid JSON"),
    "a list": ([completion("[1]")] * 2, FailureKind.SCHEMA, 2, "Input should be"),
    "wrong enum": ([completion(GOOD.replace("buy", "short"))] * 2, FailureKind.WRONG_ENUM, 2, "action: Input should be 'buy'"),
    "out of range": ([completion(GOOD.replace("0.75", "7.5"))] * 2, FailureKind.SCHEMA, 2, "confidence: Input should be less"),
    "text for a number": ([completion(GOOD.replace("0.75", '"0.75"'))] * 2, FailureKind.SCHEMA, 2, "confidence"),
    "true for a number": ([completion(GOOD.replace("0.75", "true"))] * 2, FailureKind.SCHEMA, 2, "confidence"),
    "an offered word in another script": ([completion(GOOD.replace("buy", "买入"))] * 2, FailureKind.WRONG_LANGUAGE, 2, "not '买入'"),
    "the schema itself": (
        [completion(Decision.model_json_schema().__repr__().replace("'", '"'))] * 2,
        FailureKind.SCHEMA_ECHO,
        2,
        "schema",
    ),
    "too long": ([completion(GOOD[:-2] + "x" * 100_000 + GOOD[-2:])], FailureKind.TOO_LONG, 1, "characters"),
    "a field missing": ([completion('{"action": "buy"}')] * 2, FailureKind.SCHEMA, 2, "confidence: Field required"),
    "the schema ignored": ([completion("Sure! Here it is: buy.")] * 2, FailureKind.NOT_JSON, 2, "not valid JSON"),
    "repair meets a dead server": ([completion("no"), *[error(502)] * 9], FailureKind.HTTP_STATUS, 4, "HTTP 502"),
}


@pytest.mark.parametrize(("script", "kind", "attempts", "detail"), FAILED.values(), ids=FAILED)
def test_each_fault_has_its_failure(
    server: FaultServer, loop: LoopThread, script: list[Step], kind: FailureKind, attempts: int, detail: str
) -> None:
    server.script = list(script)
    reply = ask(loop)
    assert reply.answer is None
    assert reply.failure is not None
    assert (reply.failure.kind, reply.attempts) == (kind, attempts)
    assert detail in reply.failure.detail
    assert "\n" not in reply.failure.detail
    assert len(server.requests) == attempts
    assert [attempt.failure is not None for attempt in reply.tries] == [True] * attempts
    assert reply.tries[-1].failure == reply.failure


def test_every_kind_of_failure_is_met() -> None:
    elsewhere = {FailureKind.TIMEOUT, FailureKind.WEB_SEARCH}
    assert {kind for _, kind, _, _ in FAILED.values()} | elsewhere == set(FailureKind)


def test_a_slow_answer_is_a_timeout(server: FaultServer, loop: LoopThread) -> None:
    server.script = [Step(sleep_seconds=1.0)] * 2
    started = time.monotonic()
    reply = ask(loop, timeout_seconds=0.15, maximum_retries=1)
    assert time.monotonic() - started < 0.9
    assert reply.failure is not None
    assert (reply.failure.kind, reply.attempts, reply.failure.detail) == (FailureKind.TIMEOUT, 2, "no answer within 0.15 s")


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_obeyed(server: FaultServer, loop: LoopThread, form: str) -> None:
    asked = "0.3" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    server.script = [error(429, retry_after=asked)]
    started = time.monotonic()
    assert ask(loop).attempts == 2
    # A date has whole seconds only: 2 s ahead is at least 1 s, less what the request took.
    assert time.monotonic() - started >= (0.3 if form == "seconds" else 0.8)


def test_waits_double_are_bounded_and_follow_from_the_request(loop: LoopThread) -> None:
    chat = ModelServer("m", settings(retry_wait_seconds=0.5))
    fault = Fault(Failure(FailureKind.HTTP_STATUS, ""))
    waits = [chat._wait_seconds(fault, "key", retry) for retry in range(12)]
    assert waits == [chat._wait_seconds(fault, "key", retry) for retry in range(12)]
    assert all(0.75 * min(0.5 * 2**retry, 30) <= wait <= 1.25 * min(0.5 * 2**retry, 30) for retry, wait in enumerate(waits))
    assert chat._wait_seconds(fault, "other", 0) != waits[0]


def test_the_repair_turn_shows_the_error(server: FaultServer, loop: LoopThread) -> None:
    server.script = [completion(GOOD.replace("buy", "short"))]
    reply = ask(loop)
    first, second = (body["messages"] for body in server.requests)
    assert [message["role"] for message in second] == ["system", "user", "assistant", "user"]
    assert second[:2] == first
    assert "short" in second[2]["content"]
    assert "action: Input should be 'buy', 'hold' or 'sell'" in second[3]["content"]
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (22, 14)


def test_what_is_sent(server: FaultServer, loop: LoopThread) -> None:
    ask(loop, request(seed_index=3, parameters={"temperature": 0.3, "max_tokens": 64, "top_p": 0.9}))
    ask(loop, request(parameters={}))
    ask(loop, request(parameters={"temperature": None, "max_completion_tokens": 64}))
    full, bare, other = server.requests
    assert {name: full[name] for name in ("model", "temperature", "max_tokens", "top_p", "seed")} == {
        "model": "m", "temperature": 0.3, "max_tokens": 64, "top_p": 0.9, "seed": 3,
    }  # fmt: skip
    assert full["messages"] == [{"role": "system", "content": "You trade."}, {"role": "user", "content": "What now?"}]
    assert (bare["temperature"], bare["max_tokens"], bare["seed"]) == (0.0, DEFAULT_MAX_TOKENS, 0)
    assert "temperature" not in other
    assert "max_tokens" not in other
    assert other["max_completion_tokens"] == 64


@pytest.mark.parametrize("schema", Schemas.BY_NAME.values(), ids=Schemas.BY_NAME)
def test_schemas_are_strict(server: FaultServer, loop: LoopThread, schema: type[Answer]) -> None:
    ask(loop, request(schema=schema))
    sent = server.requests[0]["response_format"]
    assert (sent["type"], sent["json_schema"]["strict"], sent["json_schema"]["name"]) == ("json_schema", True, schema.__name__)
    body = sent["json_schema"]["schema"]
    assert body["additionalProperties"] is False
    assert body["required"] == list(schema.model_fields)
    assert all("description" in field for field in body["properties"].values())


def test_the_sum_of_probabilities_is_the_schemas_not_ours(server: FaultServer, loop: LoopThread) -> None:
    near = '{"p_up": 0.5, "p_down": 0.3, "p_sideways": 0.24, "reasoning": ""}'
    server.script = [completion(near)]
    reply = ask(loop, request(schema=Forecast))
    assert isinstance(reply.answer, Forecast)
    assert reply.answer.p_sideways == 0.24
    server.script = [completion(near.replace("0.24", "0.6"))] * 2
    reply = ask(loop, request(schema=Forecast))
    assert reply.failure is not None
    assert "sum to 1.400" in reply.failure.detail


@pytest.mark.parametrize(
    "step",
    [
        completion(GOOD, reasoning_content="first I look"),
        completion(GOOD, reasoning="first I look"),
        completion(f"<think>\nfirst I look\n</think>\n{GOOD}"),
        completion(f"first I look</think>{GOOD}"),
    ],
    ids=["reasoning_content", "reasoning", "a block", "a block without its start"],
)
def test_what_the_model_thought_is_kept(server: FaultServer, loop: LoopThread, step: Step) -> None:
    server.script = [step]
    reply = ask(loop)
    assert (reply.reasoning, reply.answer) == ("first I look", GOOD_DECISION)


@pytest.mark.parametrize(("status", "word"), [(401, "refused the key"), (403, "refused the key"), (404, "no model m")])
def test_what_cannot_get_better_ends_the_run(server: FaultServer, loop: LoopThread, status: int, word: str) -> None:
    server.script = [error(status, "who are you?")]
    with pytest.raises(ProviderError, match=word) as caught:
        ask(loop)
    assert caught.value.code == ErrorCode.PROVIDER_FAILED
    assert caught.value.exit_code == 5
    assert f"status={status}" in str(caught.value)
    assert server.url.removesuffix("/v1") in str(caught.value)
    assert len(server.requests) == 1


def test_nobody_at_the_address_ends_the_run(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{port}/v1")
    with pytest.raises(ProviderError, match="no model server answers") as caught:
        ask(loop)
    assert f"server=http://127.0.0.1:{port}" in str(caught.value)
    assert "OPENAI_BASE_URL" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_goes_away_later_is_a_failure(loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    async def call(chat: OpenAIChat) -> FailureKind | None:
        failure = (await chat.answer(request())).failure
        return failure and failure.kind

    chat = OpenAIChat("m", settings())
    with fault_server(lambda body: GOOD) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert loop.run(call(chat)) is None
    kinds = {loop.run(call(chat)) for _ in range(2)}
    loop.run(chat.aclose())
    assert kinds == {FailureKind.CONNECTION}


def test_no_key_for_openai_itself(loop: LoopThread) -> None:
    with pytest.raises(UsageError, match="OPENAI_API_KEY is not set") as caught:
        ask(loop)
    assert (caught.value.code, caught.value.exit_code) == (ErrorCode.KEY_MISSING, 2)


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://host/v1", "http://", "http://[::1", "http://host:port/v1"])
def test_an_address_that_is_none(loop: LoopThread, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(UsageError, match="OPENAI_BASE_URL is not an address"):
        ask(loop)


def test_one_client_and_its_connections_serve_many_calls(server: FaultServer, loop: LoopThread) -> None:
    async def calls() -> None:
        chat = OpenAIChat("m", settings(maximum_concurrent=4))
        await asyncio.gather(*(chat.answer(request(str(number))) for number in range(20)))
        connections = chat._server._connections
        await chat.answer(request())
        assert chat._server._connections is connections
        await chat.aclose()

    server.delay_seconds = 0.01
    loop.run(calls())
    assert len(server.requests) == 21
    assert server.most_at_once <= 4


def test_no_proxy_is_asked_for_a_server_on_this_machine(server: FaultServer, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY")
    assert ask(loop).answer == GOOD_DECISION


def test_bodies_are_plain_json(server: FaultServer, loop: LoopThread) -> None:
    ask(loop, request('Umlaut ä, emoji 🙂, quote ", newline\n'))
    assert server.requests[0]["messages"][1]["content"] == 'Umlaut ä, emoji 🙂, quote ", newline\n'
    assert json.dumps(server.requests[0])


def test_a_call_with_a_turn_that_was_not_counted_has_no_count(server: FaultServer, loop: LoopThread) -> None:
    """Half a count would pass for the whole one."""
    uncounted = json.loads(completion("no").body or b"")
    del uncounted["usage"]
    for script in ([completion("no"), Step(body=json.dumps(uncounted).encode())], [Step(body=json.dumps(uncounted).encode())]):
        server.script = [*script]
        assert ask(loop).usage == Usage()
    server.script = [completion("no"), error(400)]
    assert ask(loop).usage == Usage(11, 7), "a fault is not billed"
