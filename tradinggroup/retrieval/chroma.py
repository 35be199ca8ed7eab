"""How this package opens Chroma: without telemetry, without a model to download, and without leaving memory on the disk.

Chroma writes its index files from memory that it never cleared, so whatever the process held there before gets in: prompts, and
keys. So vectors stay in its SQLite file (the index is never synced), and what it writes all the same is overwritten.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

_NEVER_SYNCED = 2**31 - 1
_INDEX_FILES = ("data_level0.bin", "length.bin")


def open_client(folder: Path) -> ClientAPI:
    """Chroma in `folder`, made where there is none."""
    import chromadb
    from chromadb.config import Settings

    folder.mkdir(parents=True, exist_ok=True)
    return chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))


def open_collection(client: ClientAPI, name: str, *, space: str, **metadata: str) -> Collection:
    """Collection `name`, made where there is none. No embedding function: the default one downloads a model at the first write."""
    settings: dict[str, Any] = {"hnsw:space": space, "hnsw:sync_threshold": _NEVER_SYNCED, **metadata}
    return client.get_or_create_collection(name, embedding_function=None, metadata=settings)


def blank_index_files(folder: Path) -> None:
    """Overwrite the empty index files with zeros. Call it after the client was closed."""
    for name in _INDEX_FILES:
        for file in folder.glob(f"*/{name}"):
            file.write_bytes(bytes(file.stat().st_size))
