"""Embeddings over `/embeddings`: batches, both forms of an answer, and what is no answer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.models.fault_server import FaultServer, Step, embeddings, error, letters
from tests.models.support import settings
from tradinggroup.errors import ErrorCode, ProviderError, UsageError
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_embeddings import BATCH_TEXTS, LONGEST_WORDS, OpenAIEmbeddings, Rows


def embed(loop: LoopThread, *texts: str) -> Rows:
    async def call() -> Rows:
        model = OpenAIEmbeddings("m", settings())
        try:
            return await model.embed(texts)
        finally:
            await model.aclose()

    return loop.run(call())


@pytest.mark.parametrize("as_base64", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_both_forms_in_any_order(server: FaultServer, loop: LoopThread, *, as_base64: bool, backwards: bool) -> None:
    vectors = [[0.1, 0.2, 0.3], [1.0, -2.0, 0.5]]
    server.script = [embeddings(vectors, as_base64=as_base64, backwards=backwards)]
    rows = embed(loop, "one", "two")
    assert rows.dtype == np.float32
    assert np.array_equal(rows, np.array(vectors, dtype=np.float32))
    assert server.requests[0] == {"model": "m", "input": ["one", "two"], "encoding_format": "float"}
    assert server.paths == ["/v1/embeddings"]


def test_batches_keep_the_order_of_the_texts(server: FaultServer, loop: LoopThread) -> None:
    texts = [f"text{'abcdefgh'[number % 8] * number}" for number in range(2 * BATCH_TEXTS + 5)]
    rows = embed(loop, *texts)
    assert sorted(len(body["input"]) for body in server.requests) == [5, BATCH_TEXTS, BATCH_TEXTS]
    assert np.array_equal(rows, np.array([letters(text) for text in texts], dtype=np.float32))


def test_long_and_empty_texts_are_sent_as_servers_take_them(server: FaultServer, loop: LoopThread) -> None:
    embed(loop, "word " * 5000, "")
    assert [len(text.split()) for text in server.requests[0]["input"]] == [LONGEST_WORDS, 0]
    assert server.requests[0]["input"][1] == " "


def test_server_faults_are_retried(server: FaultServer, loop: LoopThread) -> None:
    server.script = [error(503), error(429, retry_after="0")]
    assert len(embed(loop, "one")) == 1
    assert len(server.requests) == 3


REFUSALS = {
    "no such parameter": error(400, "this model does not support embeddings"),
    "not offered": error(501, "start the server with --embeddings"),
    "HTML": Step(body=b"<html></html>"),
    "no vectors": Step(body=b'{"data": []}'),
    "one vector for two texts": embeddings([[1.0, 2.0]]),
    "vectors of two lengths": embeddings([[1.0], [1.0, 2.0]]),
    "not a number": embeddings([[1.0], [math.nan]]),
    "text": Step(body=b'{"data": [{"embedding": "???"}, {"embedding": "???"}]}'),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_no_vectors_end_the_run_with_one_line(server: FaultServer, loop: LoopThread, name: str) -> None:
    server.embed = lambda texts: REFUSALS[name]
    with pytest.raises(ProviderError, match="the server gave no embeddings") as raised:
        embed(loop, "one", "two")
    assert raised.value.code is ErrorCode.PROVIDER_FAILED
    assert "hashing" in raised.value.remedy


def test_an_unknown_model_and_a_missing_key(server: FaultServer, loop: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    server.script = [error(404, "no such model")]
    with pytest.raises(ProviderError, match="knows no model m"):
        embed(loop, "one")
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(UsageError, match="KEY_MISSING"):
        embed(loop, "one")
