"""A sparse encoder without a model: tf-idf of words, scaled to unit length.

The inner product of two texts is then their lexical cosine, 0 to 1, on about the scale of the dense score.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from tradinggroup.retrieval.ports import SparseVector
from tradinggroup.retrieval.tokens import content_words


class LexicalSparseEncoder:
    """Weight of a word: (1 + ln count) * (1 + ln((1 + documents) / (1 + documents with it)))."""

    def encode(self, texts: Sequence[str], *, known: Sequence[str]) -> list[SparseVector]:
        """Unit term weights of each text; document frequencies come from `known` alone."""
        known_counts = [Counter(content_words(text)) for text in known]
        counts = known_counts if texts is known else [Counter(content_words(text)) for text in texts]
        frequencies = Counter(word for words in known_counts for word in words)
        rarity = {word: _rarity(frequency, len(known)) for word, frequency in frequencies.items()}
        unseen = _rarity(0, len(known))
        return [_unit((word, (1 + math.log(count)) * rarity.get(word, unseen)) for word, count in words.items()) for words in counts]


def inner_product(query: SparseVector, text: SparseVector) -> float:
    """Sum over the query's terms of the product of both weights."""
    return math.fsum(weight * text[term] for term, weight in query.items() if term in text)


def _rarity(frequency: int, documents: int) -> float:
    return 1 + math.log((1 + documents) / (1 + frequency))


def _unit(weights: Iterable[tuple[str, float]]) -> SparseVector:
    found = dict(weights)
    length = math.sqrt(math.fsum(weight * weight for weight in found.values()))
    return {term: weight / length for term, weight in found.items()} if length else found
