"""Near-duplicates: of two texts that say the same, only the better one is kept (spec 2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tradinggroup.retrieval.ports import Embedder, Vectors


def distinct(texts: Sequence[str], *, embedder: Embedder, cosine: float, limit: int) -> list[int]:
    """Positions of the texts to keep: walk down the list, skip a text whose cosine to a kept one is above `cosine`, stop at `limit`.

    The list is ordered best first. Texts are embedded in blocks, so a long list is only embedded as far as it is walked.
    """
    kept: list[int] = []
    vectors: Vectors = np.zeros((limit, embedder.dimensions))
    for start in range(0, len(texts), limit):
        for offset, vector in enumerate(embedder.embed(texts[start : start + limit])):
            if kept and float(np.max(vectors[: len(kept)] @ vector)) > cosine:
                continue
            vectors[len(kept)] = vector
            kept.append(start + offset)
            if len(kept) == limit:
                return kept
    return kept
