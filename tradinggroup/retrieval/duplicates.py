"""Near-duplicates: of two texts that say the same, only the better one is kept (spec 2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tradinggroup.retrieval.ports import Embedder, Vectors

_DECIMALS = 6
"""Cosines are rounded before they are compared, so that another linear-algebra library keeps the same texts."""


async def distinct(texts: Sequence[str], *, embedder: Embedder, cosine: float, limit: int) -> list[int]:
    """Positions of the texts to keep: walk down the list, skip a text whose cosine to a kept one is above `cosine`, stop at `limit`.

    The list is ordered best first. Texts are embedded in blocks, so a long list is only embedded as far as it is walked.
    """
    kept: list[int] = []
    vectors: list[Vectors] = []
    for start in range(0, len(texts), limit):
        for offset, vector in enumerate(await embedder.vectors(texts[start : start + limit])):
            if vectors and round(float(np.max(np.stack(vectors) @ vector)), _DECIMALS) > cosine:
                continue
            vectors.append(vector)
            kept.append(start + offset)
            if len(kept) == limit:
                return kept
    return kept
