import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from tradinggroup.retrieval import duplicates
from tradinggroup.retrieval.embedding import HashingEmbedder
from tradinggroup.retrieval.ports import Embedder, Vectors


class AngleEmbedder:
    """A text is an angle in degrees; keeps the sizes of the blocks it was asked for."""

    name = "angle"

    def __init__(self) -> None:
        self.blocks: list[int] = []

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        self.blocks.append(len(texts))
        angles = np.radians([float(text) for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def distinct(texts: Sequence[str], *, embedder: Embedder, cosine: float, limit: int) -> list[int]:
    return asyncio.run(duplicates.distinct(texts, embedder=embedder, cosine=cosine, limit=limit))


@pytest.mark.parametrize(
    ("angles", "kept"),
    [
        ([0, 10, 90], [0, 2]),  # cos 10 = 0.985 is a copy
        ([0, 30, 60], [0, 1, 2]),  # cos 30 = 0.866 is none
        ([0, 20, 40], [0, 2]),  # 40 is a copy of 20, but 20 was not kept
        ([0, 0, 0], [0]),
        ([], []),
    ],
)
def test_walk_down(angles: list[int], kept: list[int]) -> None:
    assert distinct([str(angle) for angle in angles], embedder=AngleEmbedder(), cosine=0.90, limit=10) == kept


def test_it_refills_after_a_copy_and_stops_at_the_limit() -> None:
    embedder = AngleEmbedder()
    assert distinct(["0", "1", "90", "180", "270", "45"], embedder=embedder, cosine=0.90, limit=3) == [0, 2, 3]
    assert embedder.blocks == [3, 3]


def test_it_embeds_no_further_than_it_walks() -> None:
    embedder = AngleEmbedder()
    distinct([str(angle) for angle in range(0, 360, 30)], embedder=embedder, cosine=0.90, limit=4)
    assert embedder.blocks == [4]


def test_texts_without_words_are_never_copies() -> None:
    assert distinct(["", "the", "Acme order"], embedder=HashingEmbedder(), cosine=0.90, limit=5) == [0, 1, 2]
