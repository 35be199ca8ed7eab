"""The three exchangeable parts of retrieval, as protocols.

Each has one default that needs no download: `HashingEmbedder`, `LexicalSparseEncoder`, `LexicalReranker`. None of them may
learn from texts other than those it is given in the call: a statistic over a later corpus would be look-ahead (design 4.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float64]
SparseVector = Mapping[str, float]


class Embedder(Protocol):
    """Text to a dense vector."""

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row a text, shape (texts, dimensions), each of unit length; a text without content gives a row of zeros."""
        ...


class SparseEncoder(Protocol):
    """Text to weighted terms, whose inner product measures how far two texts share their terms."""

    def encode(self, texts: Sequence[str], *, known: Sequence[str]) -> list[SparseVector]:
        """Term weights of each text. Document frequencies, where there are any, count `known` only."""
        ...


class Reranker(Protocol):
    """The probability that the answer to a yes-no question about a text is yes."""

    def probabilities(self, texts: Sequence[str], *, question: str) -> list[float]:
        """One probability a text, 0 to 1."""
        ...


@dataclass(frozen=True, slots=True)
class RetrievalParts:
    """The three parts that a run uses."""

    embedder: Embedder
    sparse_encoder: SparseEncoder
    reranker: Reranker
