"""The model layer against a server that nobody here wrote."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.models.real_server import running_server
from tests.models.support import ask, request, settings
from tradinggroup.errors import DataError, ProviderError
from tradinggroup.models.answers import Decision, Schemas
from tradinggroup.models.gateway import CallsMode, Gateway
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.network import refuse_network
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.openai_embeddings import OpenAIEmbeddings, Rows
from tradinggroup.models.port import FailureKind, ModelReply, ModelRequest
from tradinggroup.models.probe import Probe
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.rungs import Rung
from tradinggroup.models.yes_no import YesNo

SLOW = {"timeout_seconds": 60.0}
"""A busy machine may take seconds for what takes milliseconds alone."""


@pytest.mark.parametrize("name", Schemas.BY_NAME)
def test_every_schema_gives_an_answer_or_a_typed_failure(
    real_server: str, loop: LoopThread, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", real_server)
    schema = Schemas.BY_NAME[name]
    for number in range(3):
        reply = ask(loop, request(f"{name} {number}", schema=schema, parameters={"temperature": 0.0, "max_tokens": 512}), **SLOW)
        assert (reply.answer is None) is (reply.failure is not None)
        assert reply.answer is None or type(reply.answer) is schema
        assert reply.failure is None or reply.failure.kind in {FailureKind.SCHEMA, FailureKind.CUT_OFF}
        assert reply.usage.prompt_tokens > 0
        assert reply.usage.completion_tokens > 0
        assert "tiny" in reply.model_returned


def test_the_schema_is_decoded_by(real_server: str, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """Left alone, a random model writes no JSON at all: the server holds it to the schema that we send."""
    monkeypatch.setenv("OPENAI_BASE_URL", real_server)
    replies = [ask(loop, request(str(number), parameters={"temperature": 1.0, "max_tokens": 512}), **SLOW) for number in range(8)]
    answers = [reply.answer for reply in replies if isinstance(reply.answer, Decision)]
    assert answers
    assert {answer.action for answer in answers} <= {"buy", "hold", "sell"}


def test_a_short_limit_cuts_off(real_server: str, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", real_server)
    reply = ask(loop, request(parameters={"max_tokens": 5}), **SLOW)
    assert reply.failure is not None
    assert (reply.failure.kind, reply.attempts, reply.usage.completion_tokens) == (FailureKind.CUT_OFF, 1, 5)
    assert reply.text


def test_a_wrong_key_ends_the_run(tmp_path: Path, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server(tmp_path, api_key="right-key-0123456789") as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.setenv("OPENAI_API_KEY", "wrong-key-0123456789")
        with pytest.raises(ProviderError, match=r"refused the key, status=401, server=http://127\.0\.0\.1:\d+\.") as caught:
            ask(loop, **SLOW)
        assert "wrong-key" not in str(caught.value)
        monkeypatch.setenv("OPENAI_API_KEY", "right-key-0123456789")
        assert ask(loop, **SLOW).usage.completion_tokens > 0


def test_recorded_then_replayed_with_the_server_gone(tmp_path: Path, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [
        request(f"{name} {number}", schema=schema, model="openai:tiny", position=number, parameters={"temperature": 0.0, "max_tokens": 256})
        for name, schema in Schemas.BY_NAME.items()
        for number in range(4)
    ]

    def run(store: RecordingStore, mode: CallsMode, requests: list[ModelRequest]) -> list[ModelReply]:
        async def calls() -> list[ModelReply]:
            gateway = Gateway({"openai:tiny": OpenAIChat("tiny", settings(**SLOW))}, store, None, mode=mode, settings=settings(**SLOW))
            try:
                return await asyncio.gather(*(gateway.answer(item) for item in requests))
            finally:
                await gateway.aclose()

        return loop.run(calls())

    with running_server(tmp_path) as url, RecordingStore.open(tmp_path / "r.sqlite") as store:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        live = run(store, "record", wanted)
    monkeypatch.delenv("OPENAI_BASE_URL")
    with RecordingStore.open(tmp_path / "r.sqlite", readonly=True) as store, refuse_network():
        replayed = run(store, "replay", wanted)
        with pytest.raises(DataError, match="RECORDING_MISSING"):
            run(store, "replay", [request("new", model="openai:tiny")])
    assert {reply.failure is None for reply in live} == {True, False}
    for first, second in zip(live, replayed, strict=True):
        assert (first.recorded, second.recorded) == (False, True)
        assert {name: repr(getattr(first, name)) for name in ModelReply.__slots__ if name != "recorded"} == {
            name: repr(getattr(second, name)) for name in ModelReply.__slots__ if name != "recorded"
        }


def test_a_yes_no_question_is_answered_by_log_probabilities_or_fails_typed(
    real_server: str, loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", real_server)
    for number in range(3):
        reply = ask(loop, request(f"Yes or no? {number}", schema=YesNo, parameters={"temperature": 0.0}), **SLOW)
        assert (reply.answer is None) is (reply.failure is not None)
        # A random model of letters may have neither word among its twenty likeliest tokens: then it is asked for the answer.
        first = reply.tries[0].failure if reply.tries else None
        assert first is None or first.kind in {FailureKind.CUT_OFF, FailureKind.SCHEMA}, "the server takes the parameters as they are sent"
        assert reply.attempts <= 2
        assert (reply.usage.completion_tokens == 1) is (reply.attempts == 1)
        assert reply.failure is None or reply.failure.kind is FailureKind.SCHEMA


def test_a_server_started_without_embeddings_says_so(real_server: str, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", real_server)

    async def embed() -> None:
        model = OpenAIEmbeddings("tiny", settings(**SLOW))
        try:
            await model.embed(["Revenue rose."])
        finally:
            await model.aclose()

    with pytest.raises(ProviderError, match="the server gave no embeddings"):
        loop.run(embed())


def test_a_server_started_with_embeddings_gives_vectors(tmp_path: Path, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    async def embed(*texts: str) -> Rows:
        model = OpenAIEmbeddings("tiny", settings(**SLOW))
        try:
            return await model.embed(texts)
        finally:
            await model.aclose()

    with running_server(tmp_path, embeddings=True) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        rows = loop.run(embed("revenue rose", "debt fell", "revenue rose", ""))
    assert rows.shape[0] == 4
    assert rows.shape[1] > 1
    assert np.allclose(rows[0], rows[2], atol=1e-4)
    assert not np.allclose(rows[0], rows[1], atol=1e-4)


def test_sixteen_calls_at_once_are_answered_as_one_after_the_other(
    real_server: str, loop: LoopThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", real_server)
    wanted = [request(f"What now, {number}?", parameters={"temperature": 0.0, "max_tokens": 256}) for number in range(16)]

    async def calls(at_once: int) -> list[ModelReply]:
        chat, replies = OpenAIChat("tiny", settings(**SLOW)), []
        for start in range(0, len(wanted), at_once):
            replies += await asyncio.gather(*(chat.answer(each) for each in wanted[start : start + at_once]))
        await chat.aclose()
        return replies

    together, singly = loop.run(calls(16)), loop.run(calls(1))
    assert [(reply.text, reply.failure) for reply in together] == [(reply.text, reply.failure) for reply in singly]
    assert any(reply.answer is not None for reply in together)


@pytest.fixture(scope="module")
def tool_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server whose chat template knows tools."""
    with running_server(tmp_path_factory.mktemp("tool-server"), tools=True) as url:
        yield url


def test_tools_are_called_with_arguments_by_their_schemas(tool_server: str, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", tool_server)
    replies = [
        ask(loop, request(f"Call {name}", schema=schema, parameters={"max_tokens": 512}), structured_output="tool_call", **SLOW)
        for name, schema in Schemas.BY_NAME.items()
    ]
    assert all((reply.answer is None) is (reply.failure is not None) and reply.rung == "tool_call" for reply in replies)
    # Bounds of numbers are not enforced, and a random model may call twice.
    assert {reply.failure.kind for reply in replies if reply.failure} <= {FailureKind.SCHEMA, FailureKind.CUT_OFF, FailureKind.TOOL_CALL}
    assert sum(reply.answer is not None for reply in replies) >= 3


@pytest.mark.parametrize(("tools", "works"), [(False, [True, False, False, False]), (True, [True, True, False, False])])
def test_the_probe_of_a_real_server(
    real_server: str, tool_server: str, loop: LoopThread, monkeypatch: pytest.MonkeyPatch, tools: bool, works: list[bool]
) -> None:
    """A random model writes an answer only where the server makes it: by the schema, or through a tool that its template knows."""
    monkeypatch.setenv("OPENAI_BASE_URL", tool_server if tools else real_server)

    async def probed() -> Probe:
        chat = OpenAIChat("tiny", settings(**SLOW))
        try:
            return (await chat.probe())[0]
        finally:
            await chat.aclose()

    found = loop.run(probed())
    assert [result.works for result in found.results] == works, found.told()
    assert found.rung is Rung.JSON_SCHEMA
    assert found.usage.completion_tokens > 0


def test_a_model_that_never_ends_is_cut_off_on_every_rung(tmp_path: Path, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_server(tmp_path, ending_share=0.0) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        for rung in Rung:
            reply = ask(loop, request(parameters={"temperature": 0.0, "max_tokens": 40}), structured_output=str(rung), **SLOW)
            assert reply.failure is not None
            assert (reply.failure.kind, reply.attempts, reply.usage.completion_tokens) == (FailureKind.CUT_OFF, 1, 40), rung
