"""Chunks in Chroma: bits that come back, stores that fail, processes side by side."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tradinggroup.retrieval import chroma, chunk_store
from tradinggroup.retrieval.chunk_store import ChunkStore, Row, collection_name, text_key

TEXTS = ["Revenue rose.", "Debt fell.", "The CEO left.", ""]
ROWS = np.random.default_rng(3).normal(size=(4, 8)).astype(np.float32) * np.float32(1e-3)


WRITER = """
import sys, numpy as np
from pathlib import Path
from tradinggroup.retrieval.chunk_store import ChunkStore
for turn in range(3):
    store = ChunkStore(Path(sys.argv[1]), embedder="openai:a")
    texts = [f"{sys.argv[2]} {turn} {number}" for number in range(200)]
    store.note(texts, np.full((200, 8), float(sys.argv[2]) + turn, dtype=np.float32))
    store.close()
"""


def fill(path: Path, *, embedder: str = "openai:a", texts: list[str] = TEXTS, rows: Row = ROWS) -> None:
    store = ChunkStore(path, embedder=embedder)
    store.note(texts, rows)
    store.close()
    store.close()


def read(path: Path, *, embedder: str = "openai:a") -> dict[str, Row]:
    store = ChunkStore(path, embedder=embedder)
    try:
        return store.get([text_key(text) for text in [*TEXTS, "unknown"]])
    finally:
        store.close()


def test_vectors_come_back_to_the_bit(tmp_path: Path) -> None:
    rows = ROWS.copy()
    rows[1] = 0
    rows[2] *= 1e6
    fill(tmp_path, rows=rows)
    fill(tmp_path, texts=["Another."], rows=ROWS[:1])
    found = read(tmp_path)
    assert [found[text_key(text)].tobytes() for text in TEXTS] == [row.tobytes() for row in rows]
    assert len(found) == len(TEXTS)


def test_each_embedder_has_its_own(tmp_path: Path) -> None:
    fill(tmp_path)
    fill(tmp_path, embedder="onnx-minilm", rows=ROWS[:, :3])
    assert {row.shape for row in read(tmp_path).values()} == {(8,)}
    assert {row.shape for row in read(tmp_path, embedder="onnx-minilm").values()} == {(3,)}
    assert read(tmp_path, embedder="openai:b") == {}
    assert collection_name("openai:nomic/embed text") != collection_name("openai:nomic-embed-text")


def test_chroma_holds_text_and_vector_for_whoever_looks(tmp_path: Path) -> None:
    import chromadb

    fill(tmp_path)
    client = chromadb.PersistentClient(str(tmp_path))
    found = client.get_collection(collection_name("openai:a"), embedding_function=None).get(include=["documents", "embeddings"])
    client.close()
    assert dict(zip(found["ids"], found["documents"], strict=True)) == {text_key(text): text for text in TEXTS}
    position = found["ids"].index(text_key(TEXTS[0]))
    assert np.array_equal(np.asarray(found["embeddings"][position], dtype=np.float32), ROWS[0])


def test_looking_makes_nothing_and_what_is_there_is_not_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(tmp_path / "none") == {}
    assert not (tmp_path / "none").exists()
    fill(tmp_path)
    opened: list[str] = []
    original = ChunkStore._opened
    monkeypatch.setattr(ChunkStore, "_opened", lambda self: opened.append("opened") or original(self))
    fill(tmp_path)
    assert opened == []


def test_no_piece_of_memory_is_left_in_the_index_files(tmp_path: Path) -> None:
    def are_blank() -> bool:
        files = [file for name in chroma._INDEX_FILES for file in tmp_path.glob(f"*/{name}")]
        return bool(files) and not any(any(file.read_bytes()) for file in files)

    fill(tmp_path)
    assert are_blank()
    store = ChunkStore(tmp_path, embedder="openai:a")
    assert len(store.get([text_key(text) for text in TEXTS])) == len(TEXTS)
    assert are_blank(), "also while it is open: a killed run closes nothing"
    store.close()
    assert are_blank()


def test_a_store_that_was_open_before_another_wrote(tmp_path: Path) -> None:
    import chromadb

    fill(tmp_path)
    reader = ChunkStore(tmp_path, embedder="openai:a")
    assert len(reader.get([text_key(TEXTS[0])])) == 1
    command = [sys.executable, "-c", WRITER, str(tmp_path), "10"]
    subprocess.run(command, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, check=True, timeout=120)
    assert len(reader.get([text_key(text) for text in TEXTS])) == len(TEXTS)
    reader.note(["mine", f"{10} {0} {5}"], ROWS[:2, :8])
    reader.close()
    client = chromadb.PersistentClient(str(tmp_path))
    found = client.get_collection(collection_name("openai:a"), embedding_function=None).get(include=["embeddings"])
    client.close()
    assert len(found["ids"]) == len(set(found["ids"])) == len(TEXTS) + 600 + 1
    assert len(found["embeddings"]) == len(found["ids"])


def test_a_store_that_is_in_the_way_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "chunks").write_text("a file, not a folder", encoding="utf-8")
    fill(tmp_path / "chunks")
    assert read(tmp_path / "chunks") == {}
    fill(tmp_path / "damaged")
    (tmp_path / "damaged" / "chroma.sqlite3").write_bytes(b"no database" * 100)
    assert read(tmp_path / "damaged") == {}
    fill(tmp_path / "emptied")
    (tmp_path / "emptied" / "chroma.sqlite3").unlink()
    assert read(tmp_path / "emptied") == {}


def test_a_locked_store_is_gone_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path)
    monkeypatch.setattr(chunk_store, "LOCK_SECONDS", 0.05)
    other = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    fill(tmp_path, texts=["New."], rows=ROWS[:1])
    assert read(tmp_path) == {}
    other.close()
    assert len(read(tmp_path)) == len(TEXTS)


@pytest.mark.slow
def test_two_processes_write_one_store(tmp_path: Path) -> None:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name], env=environment) for name in ("10", "20")]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    store = ChunkStore(tmp_path, embedder="openai:a")
    wanted = {text_key(f"{name} {turn} {number}"): name + turn for name in (10, 20) for turn in range(3) for number in range(200)}
    found = store.get(list(wanted))
    store.close()
    assert {key: float(row[0]) for key, row in found.items()} == wanted
