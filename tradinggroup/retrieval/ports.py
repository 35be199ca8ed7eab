"""The three exchangeable parts of retrieval, as protocols.

Each has one default that needs no download, no server and no key: `HashingEmbedder`, `LexicalSparseEncoder`, `LexicalReranker`.
None of them may learn from texts other than those it is given in the call: a statistic over a later corpus would be
look-ahead (design 4.3). What may take time is awaited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float64]
SparseVector = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, for the recordings of what is asked; `model` is the chat model that would answer."""

    agent: str
    symbol: str
    session: str
    model: str
    purpose: str = "rerank"
    """Which of the agent's questions these are."""
    seed_index: int = 0
    """Which sample of the answers is asked for."""


class Embedder(Protocol):
    """Text to a dense vector."""

    @property
    def name(self) -> str:
        """The name in the settings; vectors of two embedders have nothing to do with each other."""
        ...

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """One row a text, shape (texts, dimensions), each of unit length; a text without content may give a row of zeros."""
        ...


class SparseEncoder(Protocol):
    """Text to weighted terms, whose inner product measures how far two texts share their terms."""

    def encode(self, texts: Sequence[str], *, known: Sequence[str]) -> list[SparseVector]:
        """Term weights of each text. Document frequencies, where there are any, count `known` only."""
        ...


class Reranker(Protocol):
    """The probability that the answer to a yes-no question about a text is yes."""

    async def probabilities(self, texts: Sequence[str], *, question: str, asker: Asker) -> list[float]:
        """One probability a text, 0 to 1."""
        ...


class ChunkKeeper(Protocol):
    """Keeps chunks and their vectors across runs."""

    def note(self, texts: Sequence[str], vectors: npt.NDArray[Any]) -> None:
        """Remember chunks for `close`."""
        ...

    def close(self) -> None:
        """Write what was noted."""
        ...


@dataclass(frozen=True, slots=True)
class RetrievalParts:
    """The three parts that a run uses, and where its chunks and vectors are kept across runs."""

    embedder: Embedder
    sparse_encoder: SparseEncoder
    reranker: Reranker
    chunk_store: ChunkKeeper | None = None
