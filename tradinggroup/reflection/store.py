"""Lessons in a Chroma collection: written in batches, read by exact filters, rebuilt from `reflections.jsonl`.

Chroma's nearest-neighbour search is neither repeatable nor complete on equal vectors, so nothing here asks for neighbours:
reading is by metadata alone. The vectors are there for people who explore a run's lessons with Chroma itself. One process
may write at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt
import orjson

from tradinggroup.reflection.memory import Lesson
from tradinggroup.retrieval.chroma import blank_index_files, open_client, open_collection

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

Embed = Callable[[Sequence[str]], npt.NDArray[Any]]
"""Texts to unit vectors: an array of shape (texts, dimensions)."""

COLLECTION = "lessons"
BATCH_SIZE = 500
"""Lessons written at once; a single write costs as much as a few hundred together."""


class LessonStore:
    """The lessons of one run, on disk. Derived data: `rebuild` makes it again from the run's log."""

    def __init__(self, client: ClientAPI, collection: Collection, *, path: Path, embed: Embed) -> None:
        """Use `open` or `rebuild`."""
        self._path = path
        self._client = client
        self._collection = collection
        self._embed = embed

    @classmethod
    def open(cls, path: Path, *, embed: Embed) -> LessonStore:
        """The store in folder `path`, made where there is none."""
        client = open_client(path)
        return cls(client, _collection(client), path=path, embed=embed)

    @classmethod
    def rebuild(cls, path: Path, lines: Iterable[Mapping[str, Any]], *, embed: Embed) -> LessonStore:
        """Empty the store in folder `path` and fill it from lines of `reflections.jsonl`."""
        client = open_client(path)
        if COLLECTION in {collection.name for collection in client.list_collections()}:
            client.delete_collection(COLLECTION)
        store = cls(client, _collection(client), path=path, embed=embed)
        try:
            store.add([Lesson.from_line(line) for line in lines])
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Release the files; Windows can't move or delete the folder before."""
        self._client.close()  # type: ignore[attr-defined]  # of the concrete client, not of the interface
        blank_index_files(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, lessons: Sequence[Lesson]) -> None:
        """Write lessons in batches. One that is there already, by its id, is replaced by an equal one."""
        for start in range(0, len(lessons), BATCH_SIZE):
            self._write(lessons[start : start + BATCH_SIZE])

    def as_of(self, session: date, *, symbol: str | None = None, agent: str | None = None) -> list[Lesson]:
        """Exactly the lessons that existed at the close of `session`, ordered by session, symbol and agent.

        Args:
            session: nothing that came later is returned.
            symbol: only this symbol's, where given.
            agent: only this agent's, where given.
        """
        conditions: list[dict[str, Any]] = [{"session_number": {"$lte": session_number(session)}}]
        conditions += [{key: {"$eq": value}} for key, value in (("symbol", symbol), ("agent", agent)) if value is not None]
        where: Any = conditions[0] if len(conditions) == 1 else {"$and": conditions}
        return _lessons(self._collection.get(where=where, include=["documents", "metadatas"]))

    def all(self) -> list[Lesson]:
        """Every lesson, ordered by session, symbol and agent."""
        return _lessons(self._collection.get(include=["documents", "metadatas"]))

    def _write(self, lessons: Sequence[Lesson]) -> None:
        texts = [lesson.text for lesson in lessons]
        vectors: Any = np.asarray(self._embed(texts), dtype=np.float32)
        metadatas: Any = [_metadata(lesson) for lesson in lessons]
        self._collection.upsert(ids=[lesson.lesson_id for lesson in lessons], embeddings=vectors, documents=texts, metadatas=metadatas)


def session_number(session: date) -> int:
    """A session as an int, yyyymmdd: Chroma compares numbers only."""
    return session.year * 10_000 + session.month * 100 + session.day


def _collection(client: ClientAPI) -> Collection:
    return open_collection(client, COLLECTION, space="cosine")


def _metadata(lesson: Lesson) -> dict[str, str | int]:
    line = lesson.to_line()
    del line["text"]
    return {
        "session_number": session_number(lesson.session),
        "symbol": lesson.symbol,
        "agent": lesson.agent,
        "line": orjson.dumps(line).decode(),
    }


def _lessons(found: Mapping[str, Any]) -> list[Lesson]:
    lessons = [
        Lesson.from_line(orjson.loads(metadata["line"]) | {"text": text})
        for metadata, text in zip(found["metadatas"], found["documents"], strict=True)
    ]
    return sorted(lessons, key=lambda lesson: (lesson.session, lesson.symbol, lesson.agent))
