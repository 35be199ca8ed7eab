"""Chunks and their vectors in a Chroma collection, kept across the runs of a project by the content of the text.

Derived data: whatever is in it can be made again, so an empty store, a full one and none at all give the same results, and a
store that can't be read or written costs time only. Memory comes first: a run reads from here what an embedder would have to
work for, and writes once, at its end.

Ranking never asks Chroma for neighbours, which it finds neither completely nor repeatably. Vectors are read with `get()`, as the
bytes in the metadata: reading Chroma's own copy would build its index first, and that copy may be scaled. Chroma's copy is there
for people who explore the chunks with Chroma itself.

Chroma does not stand two writing processes. So a store is opened and written behind a lock, which the system takes back from a
process that dies.
"""

from __future__ import annotations

import base64
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

Row = npt.NDArray[np.float32]

BATCH_SIZE = 1000
"""Chunks written at once; a single write costs as much as a few hundred together."""
NEVER_SYNCED = 2**31 - 1
"""Vectors stay in Chroma's SQLite file: its index files are written from memory that it never cleared."""
_INDEX_FILES = ("data_level0.bin", "length.bin")
LOCK_SECONDS = 10.0
"""How long another process is waited for; after that this run goes without the store."""


def text_key(text: str) -> str:
    """What a text is kept under."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class ChunkStore:
    """The chunks of one embedder in folder `path`. Used from one thread at a time; any number of processes."""

    def __init__(self, path: Path, *, embedder: str) -> None:
        """Nothing is opened or made before the first look-up or write."""
        self._path = path
        self._embedder = embedder
        self._client: ClientAPI | None = None
        self._collection: Collection | None = None
        self._is_usable = True
        self._noted: dict[str, tuple[str, Row]] = {}

    def get(self, keys: Sequence[str]) -> dict[str, Row]:
        """The vectors that are kept, by the keys of their texts; nothing where the store can't be used."""
        if not keys or not self._open(only_existing=True) or self._collection is None:
            return {}
        try:
            found: Mapping[str, Any] = self._collection.get(ids=list(keys), include=["metadatas"])
        except Exception:  # Chroma's errors have no common base, and what is not found here is made again
            self._is_usable = False
            return {}
        return {key: _row(metadata["vector"]) for key, metadata in zip(found["ids"], found["metadatas"], strict=True)}

    def note(self, texts: Sequence[str], vectors: npt.NDArray[Any]) -> None:
        """Remember chunks for `close`. No file is touched."""
        for text, vector in zip(texts, vectors, strict=True):
            self._noted[text_key(text)] = (text, np.asarray(vector, dtype=np.float32))

    def close(self) -> None:
        """Write what was noted and is not there yet, and release the files. Closing twice is fine."""
        try:
            if self._noted and self._is_usable and self._open(only_existing=False):
                self._write_noted()
        except Exception:  # as in `get`: a full disk costs the next run some time
            self._is_usable = False
        finally:
            self._noted.clear()
            if self._client is not None:
                self._client.close()  # type: ignore[attr-defined]  # of the concrete client, not of the interface
                self._client = self._collection = None
                _blank_index_files(self._path)

    def _write_noted(self) -> None:
        with self._lock():
            assert self._collection is not None
            there = set(self._collection.get(ids=list(self._noted), include=[])["ids"])
            entries = [(key, *entry) for key, entry in self._noted.items() if key not in there]
            for start in range(0, len(entries), BATCH_SIZE):
                keys, texts, rows = zip(*entries[start : start + BATCH_SIZE], strict=True)
                metadatas: Any = [{"vector": base64.b64encode(row.tobytes()).decode(), "words": len(text.split())}
                                  for text, row in zip(texts, rows, strict=True)]  # fmt: skip
                self._collection.upsert(ids=list(keys), documents=list(texts), embeddings=np.stack(rows), metadatas=metadatas)

    def _open(self, *, only_existing: bool) -> bool:
        """Whether the store is open. It is not made for a look-up: an empty one has nothing to give."""
        if self._collection is not None or not self._is_usable:
            return self._is_usable
        if only_existing and not (self._path / "chroma.sqlite3").is_file():
            return False
        import chromadb
        from chromadb.config import Settings

        try:
            with self._lock():
                self._client = chromadb.PersistentClient(str(self._path), settings=Settings(anonymized_telemetry=False))
                # No embedding function: the default one downloads a model at the first write.
                self._collection = self._client.get_or_create_collection(
                    collection_name(self._embedder),
                    embedding_function=None,
                    metadata={"hnsw:space": "l2", "hnsw:sync_threshold": NEVER_SYNCED, "embedder": self._embedder},
                )
        except Exception:  # as in `get`
            self._is_usable = False
        return self._is_usable

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One process at a time. SQLite's lock, since it is the same on every system and ends with its process."""
        self._path.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path / "lock.sqlite", timeout=LOCK_SECONDS, isolation_level=None)
        try:
            connection.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            connection.close()


def collection_name(embedder: str) -> str:
    """The collection of an embedder's chunks: its name as far as Chroma takes it, and a hash of the whole."""
    readable = "".join(character if character.isascii() and character.isalnum() else "-" for character in embedder)[:40]
    return f"chunks-{readable}-{text_key(embedder)[:8]}"


def _row(encoded: str) -> Row:
    return np.frombuffer(base64.b64decode(encoded), dtype="<f4").astype(np.float32)


def _blank_index_files(path: Path) -> None:
    """Overwrite the empty index files with zeros: Chroma writes them from memory that held other things before."""
    for name in _INDEX_FILES:
        for file in path.glob(f"*/{name}"):
            file.write_bytes(bytes(file.stat().st_size))
