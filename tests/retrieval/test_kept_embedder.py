"""A costly embedder is asked once for a text: within a run, across runs, and never where only recordings may answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.fault_server import letters
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.retrieval.chunk_store import ChunkStore, text_key
from tradinggroup.retrieval.kept_embedder import KeptEmbedder, VectorSources

NAME = "openai:a"


class Costly:
    """Counts letters, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str]) -> Any:
        self.asked += texts
        await asyncio.sleep(0.01)
        return np.array([letters(text) for text in texts], dtype=np.float32)


def vectors(sources: VectorSources, *batches: Sequence[str], is_remote: bool = True, name: str = NAME) -> tuple[list[Any], list[str]]:
    """The vectors of batches asked at once, and what the embedder was asked."""
    costly = Costly()
    embedder = KeptEmbedder(name, costly.embed, sources, is_remote=is_remote)

    async def all_at_once() -> list[Any]:
        return list(await asyncio.gather(*(embedder.vectors(batch) for batch in batches)))

    found = asyncio.run(all_at_once())
    if sources.chunk_store is not None:
        sources.chunk_store.close()
    return found, costly.asked


def test_rows_are_of_unit_length_in_the_order_of_the_texts() -> None:
    (found,), _ = vectors(VectorSources(), ["abc", "bb", "abc"])
    assert np.allclose(np.linalg.norm(found, axis=1), 1)
    assert np.array_equal(found[0], found[2])
    assert not np.array_equal(found[0], found[1])


def test_a_text_is_asked_once_even_at_the_same_time() -> None:
    (first, second), asked = vectors(VectorSources(), ["a", "b", "a"], ["b", "c"])
    assert sorted(asked) == ["a", "b", "c"]
    assert np.array_equal(first[1], second[0])


def test_recordings_and_chunks_give_the_same_bits_and_ask_nobody(tmp_path: Path) -> None:
    texts = ["Revenue rose 12%.", "Debt fell.", "Ahead of us"]
    with RecordingStore.open(tmp_path / "one.sqlite") as store:
        (fresh,), asked = vectors(VectorSources(store, ChunkStore(tmp_path / "chunks", embedder=NAME)), texts)
    assert asked == texts
    with RecordingStore.open(tmp_path / "one.sqlite", readonly=True) as store:
        (recorded,), asked = vectors(VectorSources(store, None, "replay"), texts)
    assert (recorded.tobytes(), asked) == (fresh.tobytes(), [])
    with RecordingStore.open(tmp_path / "two.sqlite") as store:
        (kept,), asked = vectors(VectorSources(store, ChunkStore(tmp_path / "chunks", embedder=NAME)), [*texts, "New"])
        assert asked == ["New"]
        assert kept[:3].tobytes() == fresh.tobytes()
        assert all(store.get_vector(NAME, text_key(text)) for text in texts), (
            "what came from other runs stands in this run's own recordings"
        )
        assert store.get_vector("openai:b", text_key(texts[0])) is None
    (_,), asked = vectors(VectorSources(None, ChunkStore(tmp_path / "chunks", embedder=NAME), "refresh"), texts)
    assert asked == texts


def test_what_is_not_recorded_is_said(tmp_path: Path) -> None:
    with (
        RecordingStore.open(tmp_path / "one.sqlite") as store,
        pytest.raises(DataError, match='the first starts with "Revenue rose"') as raised,
    ):
        vectors(VectorSources(store, None, "replay"), ["Revenue rose"])
    assert raised.value.code is ErrorCode.RECORDING_MISSING
    with RecordingStore.open(tmp_path / "one.sqlite") as store:
        _, asked = vectors(VectorSources(store, None, "replay"), ["Revenue rose"], is_remote=False, name="onnx-minilm")
        assert asked == ["Revenue rose"], "a local embedder computes what is missing, as the rule-based analyst does"
    with RecordingStore.open(tmp_path / "one.sqlite", readonly=True) as store, pytest.raises(DataError):
        vectors(VectorSources(store, None, "replay"), ["Something else"], is_remote=False, name="onnx-minilm")


def test_recordings_of_the_first_version_hold_no_vectors(tmp_path: Path) -> None:
    with RecordingStore.open(tmp_path / "old.sqlite") as store:
        store._connection.execute("DROP TABLE vectors")
    with RecordingStore.open(tmp_path / "old.sqlite", readonly=True) as store:
        assert store.get_vector(NAME, "key") is None


def test_an_error_reaches_everybody_who_waits_and_the_text_can_be_asked_again() -> None:
    calls = []

    async def broken(texts: Sequence[str]) -> Any:
        calls.append(list(texts))
        await asyncio.sleep(0)
        if len(calls) == 1:
            raise DataError(ErrorCode.RECORDING_MISSING)
        return np.ones((len(texts), 2), dtype=np.float32)

    async def ask() -> None:
        embedder = KeptEmbedder(NAME, broken, VectorSources(), is_remote=True)
        errors = await asyncio.gather(embedder.vectors(["a"]), embedder.vectors(["a"]), return_exceptions=True)
        assert [type(error) for error in errors] == [DataError, DataError]
        assert (await embedder.vectors(["a"])).shape == (1, 2)

    asyncio.run(ask())
    assert calls == [["a"], ["a"]]


def test_another_model_under_the_same_name_is_said(tmp_path: Path) -> None:
    store = ChunkStore(tmp_path, embedder=NAME)
    store.note(["old"], np.ones((1, 3), dtype=np.float32))
    store.close()
    with pytest.raises(DataError, match="vectors of 9 numbers and of 3: another model goes by its name now"):
        vectors(VectorSources(None, ChunkStore(tmp_path, embedder=NAME)), ["old", "new"])
