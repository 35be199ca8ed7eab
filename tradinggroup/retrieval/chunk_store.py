"""Chunks and their vectors in a Chroma collection, kept across the runs of a project by the content of the text.

Derived data: whatever is in it can be made again, so an empty store, a full one and none at all give the same results, and a
store that can't be read or written costs time only. Memory comes first: a run reads from here what an embedder would have to
work for, and writes once, at its end.

Ranking never asks Chroma for neighbours, which it finds neither completely nor repeatably. Vectors are read with `get()`, as the
bytes in the metadata: Chroma's own copy may be scaled. That copy is there for people who explore the chunks with Chroma itself.

Beside Chroma lies a small SQLite file. It lists what is there, because Chroma builds its index anew before it answers the first
question; and it is the lock, because Chroma does not stand two writing processes. The system takes such a lock back from a
process that dies.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tradinggroup.retrieval.chroma import blank_index_files, open_client, open_collection

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

Row = npt.NDArray[np.float32]

BATCH_SIZE = 1000
"""Chunks written at once; a single write costs as much as a few hundred together."""
LOCK_SECONDS = 10.0
"""How long another process is waited for; after that this run goes without the store."""


def text_key(text: str) -> str:
    """What a text is kept under."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class ChunkStore:
    """The chunks of one embedder in folder `path`. Any number of processes may use it."""

    def __init__(self, path: Path, *, embedder: str) -> None:
        """Nothing is opened or made before the first look-up or write."""
        self._path = path
        self._embedder = embedder
        self._name = collection_name(embedder)
        self._client: ClientAPI | None = None
        self._collection: Collection | None = None
        self._noted: dict[str, tuple[str, Row]] = {}
        self._found_keys: frozenset[str] | None = None
        self._reading = threading.Lock()

    def get(self, keys: Sequence[str]) -> dict[str, Row]:
        """The vectors that are kept, by the keys of their texts; nothing where the store can't be used."""
        try:
            with self._reading:
                kept = [key for key in keys if key in self._keys_at_first()]
                if not kept:
                    return {}
                if self._collection is None:
                    with self._index():
                        # The first question makes Chroma write its index files.
                        self._opened().get(ids=kept[:1], include=[])
                        blank_index_files(self._path)
                found: Mapping[str, Any] = self._opened().get(ids=kept, include=["metadatas"])
        except Exception:  # Chroma's errors have no common base, and what is not found here is made again
            return {}
        return {key: _row(metadata["vector"]) for key, metadata in zip(found["ids"], found["metadatas"], strict=True)}

    def note(self, texts: Sequence[str], vectors: npt.NDArray[Any]) -> None:
        """Remember chunks for `close`. No file is touched."""
        for text, vector in zip(texts, vectors, strict=True):
            self._noted[text_key(text)] = (text, np.asarray(vector, dtype=np.float32))

    def close(self) -> None:
        """Write what was noted and is not there yet, and release the files. Closing twice is fine."""
        with contextlib.suppress(Exception):  # as in `get`: a full disk costs the next run some time
            self._release()
            if self._noted:
                self._write_noted()
        self._noted.clear()

    @property
    def _chroma_file(self) -> Path:
        return self._path / "chroma.sqlite3"

    def _write_noted(self) -> None:
        """With a client of its own: one that was opened before another process wrote does not know what was written."""
        with self._index() as index:
            kept = self._kept(index)
            entries = [(key, *entry) for key, entry in self._noted.items() if key not in kept]
            try:
                for start in range(0, len(entries), BATCH_SIZE):
                    keys, texts, rows = zip(*entries[start : start + BATCH_SIZE], strict=True)
                    metadatas: Any = [_metadata(text, row) for text, row in zip(texts, rows, strict=True)]
                    self._opened().upsert(ids=list(keys), documents=list(texts), embeddings=np.stack(rows), metadatas=metadatas)
            finally:
                self._release()
            index.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?)", [(self._name, key) for key, *_ in entries])

    def _release(self) -> None:
        if self._client is not None:
            self._client.close()  # type: ignore[attr-defined]  # of the concrete client, not of the interface
            self._client = self._collection = None
            blank_index_files(self._path)

    def _keys_at_first(self) -> frozenset[str]:
        """What was there at the first look-up. A store that does not exist is not made for a look-up."""
        if self._found_keys is None:
            self._found_keys = frozenset()
            if self._chroma_file.is_file():
                with self._index() as index:
                    self._found_keys = self._kept(index)
        return self._found_keys

    def _kept(self, index: sqlite3.Connection) -> frozenset[str]:
        if not self._chroma_file.is_file():
            return frozenset()
        return frozenset(key for (key,) in index.execute("SELECT key FROM kept WHERE collection = ?", (self._name,)))

    def _opened(self) -> Collection:
        """The collection; the caller holds the lock where it is not open yet."""
        if self._collection is None:
            self._client = open_client(self._path)
            self._collection = open_collection(self._client, self._name, space="l2", embedder=self._embedder)
        return self._collection

    @contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        """The list of what is there; other processes wait until the end of the block."""
        self._path.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(self._path / "index.sqlite", timeout=LOCK_SECONDS, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("CREATE TABLE IF NOT EXISTS kept (collection TEXT, key TEXT, PRIMARY KEY (collection, key)) WITHOUT ROWID")
            yield connection
            connection.execute("COMMIT")


def collection_name(embedder: str) -> str:
    """The collection of an embedder's chunks: its name as far as Chroma takes it, and a hash of the whole."""
    readable = "".join(character if character.isascii() and character.isalnum() else "-" for character in embedder)[:40]
    return f"chunks-{readable}-{text_key(embedder)[:8]}"


def _metadata(text: str, row: Row) -> dict[str, str | int]:
    return {"vector": base64.b64encode(row.astype("<f4").tobytes()).decode(), "words": len(text.split())}


def _row(encoded: str) -> Row:
    return np.frombuffer(base64.b64decode(encoded), dtype="<f4").astype(np.float32)
