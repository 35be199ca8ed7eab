"""Embedders that cost a call or a computation: each text once, kept by its content.

Looked for in this order: memory, the run's own recordings, the project's chunk store, the embedder. What a run used stands in its
recordings, to the bit: neither a server nor another processor gives exactly the same numbers again, and `verify` needs neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.models.gateway import CallsMode
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.retrieval.chunk_store import ChunkStore, Row, text_key
from tradinggroup.retrieval.embedding import unit_rows
from tradinggroup.retrieval.ports import Vectors

Compute = Callable[[Sequence[str]], Awaitable[npt.NDArray[np.float32]]]
"""Texts to one row each, of any length but zero."""


@dataclass(frozen=True, slots=True)
class VectorSources:
    """Where vectors may come from besides the embedder itself."""

    run_store: RecordingStore | None = None
    """The run's recordings; written to as well, unless they are read-only."""
    chunk_store: ChunkStore | None = None
    mode: CallsMode = "record"
    """`refresh` leaves the chunk store out; `replay` never asks a server."""


class KeptEmbedder:
    """An `Embedder` around a costly one. For use from one event loop."""

    def __init__(self, name: str, compute: Compute, sources: VectorSources, *, is_remote: bool) -> None:
        """`is_remote`: it needs a server, so it is not asked in mode `replay`."""
        self._name = name
        self._compute = compute
        self._sources = sources
        self._is_remote = is_remote
        self._rows: dict[str, Row] = {}
        self._in_flight: dict[str, asyncio.Task[None]] = {}

    @property
    def name(self) -> str:
        """The name in the settings."""
        return self._name

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """One unit row a text. Raises DataError RECORDING_MISSING where only recordings may answer, and what the embedder raises."""
        wanted = {text_key(text): text for text in texts}
        new = {key: text for key, text in wanted.items() if key not in self._rows and key not in self._in_flight}
        if new:
            task = asyncio.create_task(self._make(new))
            self._in_flight |= dict.fromkeys(new, task)
            task.add_done_callback(lambda done: self._landed(new, done))
        tasks = {self._in_flight[key] for key in wanted if key in self._in_flight}
        if tasks:
            # A waiter that is cancelled does not cancel it for the others.
            await asyncio.gather(*(asyncio.shield(task) for task in tasks))
        rows = [self._rows[text_key(text)] for text in texts]
        lengths = sorted({len(row) for row in rows})
        if len(lengths) > 1:
            raise self._changed(lengths)
        return unit_rows(np.stack(rows).astype(np.float64))

    def _landed(self, made: dict[str, str], task: asyncio.Task[None]) -> None:
        for key in made:
            del self._in_flight[key]
        if not task.cancelled():
            task.exception()  # looked at, so that an error whose waiters are gone is not reported as lost

    async def _make(self, new: dict[str, str]) -> None:
        run_store, chunk_store = self._sources.run_store, self._sources.chunk_store
        for key in new:
            kept = run_store.get_vector(self._name, key) if run_store is not None else None
            if kept is not None:
                self._rows[key] = np.frombuffer(kept, dtype="<f4")
        missing = {key: text for key, text in new.items() if key not in self._rows}
        if not missing:
            return
        found: dict[str, Row] = {}
        if chunk_store is not None and self._sources.mode != "refresh":
            found = await asyncio.to_thread(chunk_store.get, list(missing))
        asked = {key: text for key, text in missing.items() if key not in found}
        if asked:
            self._refuse_where_recorded_only(asked)
            made = await self._compute(list(asked.values()))
            found |= dict(zip(asked, made, strict=True))
            if chunk_store is not None:
                chunk_store.note(list(asked.values()), made)
        if run_store is not None and not run_store.readonly:
            run_store.put_vectors(self._name, {key: found[key].astype("<f4").tobytes() for key in missing})
        self._rows |= found

    def _changed(self, lengths: list[int]) -> DataError:
        return DataError(
            ErrorCode.RECORDING_INVALID,
            f"the embedder gives vectors of {lengths[-1]} numbers and of {lengths[0]}: another model goes by its name now",
            embedder=self._name,
            remedy="Use the model's new name, or delete backtests/chunks and start a new run.",
        )

    def _refuse_where_recorded_only(self, asked: dict[str, str]) -> None:
        run_store = self._sources.run_store
        is_readonly = run_store is not None and run_store.readonly
        if not is_readonly and not (self._is_remote and self._sources.mode == "replay"):
            return
        start = " ".join(next(iter(asked.values())).split())[:60]
        raise DataError(
            ErrorCode.RECORDING_MISSING,
            f'the vectors of {len(asked)} texts were not recorded, the first starts with "{start}"',
            embedder=self._name,
            remedy="Run with --calls record to ask the embedder, or set retrieval.embedder=hashing, which needs none.",
        )
