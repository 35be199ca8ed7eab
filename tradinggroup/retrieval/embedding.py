"""A dense embedder without a model: signed feature hashing of words and of pairs of neighbouring words.

It is stateless, so it can not see the future, and its hash is CRC-32 mixed by fixed constants, so the same text has the
same vector in every process. It knows words, not meanings: a paraphrase with other words is far away.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tradinggroup.retrieval.background import beside_the_loop
from tradinggroup.retrieval.ports import Vectors
from tradinggroup.retrieval.tokens import content_words

PAIR_WEIGHT = 0.5
"""Weight of a pair of neighbouring words beside 1 for a word (ours): word order counts, but less than the words."""

_Hashes = npt.NDArray[np.uint64]
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)  # the finaliser of SplitMix64
_PAIR = np.uint64(0x9E3779B97F4A7C15)
_SIGN_BIT = np.uint64(63)


LONG_CHARACTERS = 20_000
"""Texts that are longer together take several milliseconds: a filing, not the news of a session (ours)."""


class HashingEmbedder:
    """Words and pairs hashed into `dimensions` buckets with a sign, then scaled to unit length."""

    def __init__(self, *, dimensions: int = 256) -> None:
        self._dimensions = dimensions
        self._hash_by_word: dict[str, int] = {}

    @property
    def dimensions(self) -> int:
        """Length of every vector."""
        return self._dimensions

    @property
    def name(self) -> str:
        """The name in the settings."""
        return "hashing"

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """As `embed`; long texts beside the event loop."""
        if sum(map(len, texts)) < LONG_CHARACTERS:
            return self.embed(texts)
        return await beside_the_loop(self.embed, texts)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One unit row a text; a text without content words gives a row of zeros."""
        hashes, rows = self._word_hashes(texts)
        same_text = rows[1:] == rows[:-1]
        pairs = (hashes[:-1] * _PAIR + hashes[1:])[same_text]
        features = _mixed(np.concatenate([hashes, pairs]))
        weights = np.concatenate([np.ones(len(hashes)), np.full(len(pairs), PAIR_WEIGHT)])
        signed = np.where(features >> _SIGN_BIT, weights, -weights)
        buckets = (features % np.uint64(self._dimensions)).astype(np.int64)
        cells = np.concatenate([rows, rows[1:][same_text]]) * self._dimensions + buckets
        counts: Vectors = np.bincount(cells, weights=signed, minlength=len(texts) * self._dimensions).astype(np.float64)
        return unit_rows(counts.reshape(len(texts), self._dimensions))

    def _word_hashes(self, texts: Sequence[str]) -> tuple[_Hashes, npt.NDArray[np.int64]]:
        """Hashes of all content words, text after text, and the row that each belongs to."""
        known = self._hash_by_word
        hashes: list[int] = []
        lengths: list[int] = []
        for text in texts:
            found = content_words(text)
            for word in found:
                value = known.get(word)
                if value is None:
                    value = known[word] = zlib.crc32(word.encode())
                hashes.append(value)
            lengths.append(len(found))
        return np.array(hashes, dtype=np.uint64), np.repeat(np.arange(len(texts)), lengths)


def _mixed(values: _Hashes) -> _Hashes:
    """Spread the bits, so that bucket and sign do not depend on each other."""
    values = (values ^ (values >> np.uint64(30))) * _MIX_1
    values = (values ^ (values >> np.uint64(27))) * _MIX_2
    return values ^ (values >> np.uint64(31))


def unit_rows(matrix: Vectors) -> Vectors:
    """Each row scaled to length one; a row of zeros stays."""
    lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
    unit: Vectors = matrix / np.where(lengths == 0, 1.0, lengths)
    return unit
