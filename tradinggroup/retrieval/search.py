"""Hybrid search over the chunks of one filing: exact, deterministic (spec 3).

    H = dense_weight * cosine + sparse_weight * lexical inner product

Each query is scored on its own; a chunk's scores are those of its best query. The best chunks by H go to the reranker, and
the best of those by probability are the passages. Ties are broken by chunk id. Scores are rounded to six decimals, so that
a different linear-algebra library can not swap two passages or change a line of the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tradinggroup.retrieval.background import beside_the_loop
from tradinggroup.retrieval.chunks import Chunk, chunk_sections
from tradinggroup.retrieval.duplicates import distinct
from tradinggroup.retrieval.embedding import HashingEmbedder
from tradinggroup.retrieval.ports import Asker, RetrievalParts, SparseVector, Vectors
from tradinggroup.retrieval.reranking import FILING_QUESTION
from tradinggroup.retrieval.sparse import inner_product
from tradinggroup.settings import ReportSettings

SECTION_COPY_COSINE = 0.95
"""Above it a section is a copy of an earlier one and is left out (ours): some sources carry a section twice, in two spellings."""

_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class ChunkIndex:
    """The chunks of one filing with their vectors, made once."""

    chunks: tuple[Chunk, ...]
    dense: Vectors
    """Shape (chunks, dimensions), unit rows."""
    sparse: tuple[SparseVector, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was found, with the scores of its best query and the reranker's probability."""

    chunk: Chunk
    dense: float
    sparse: float
    hybrid: float
    probability: float


async def index_filing(sections: Sequence[tuple[str, str]], *, parts: RetrievalParts, settings: ReportSettings) -> ChunkIndex:
    """Chunk and encode the (name, text) sections of a filing, copies left out.

    Document frequencies count the chunks of this filing only: they are of its symbol and became known together, so whoever
    asks, and whenever, finds the same. Copies of sections are told by their words, whatever the embedder.
    """
    bodies = [body for _, body in sections]
    kept = await distinct(bodies, embedder=HashingEmbedder(), cosine=SECTION_COPY_COSINE, limit=len(bodies)) if bodies else []
    chunks = await beside_the_loop(chunk_sections, [sections[position] for position in kept], settings)
    texts = tuple(chunk.text for chunk in chunks)
    dense = await parts.embedder.vectors(texts) if texts else np.zeros((0, 1))
    if parts.chunk_store is not None:
        parts.chunk_store.note(texts, dense)
    sparse = await beside_the_loop(parts.sparse_encoder.encode, texts, known=texts)
    return ChunkIndex(tuple(chunks), dense, tuple(sparse), texts)


def hybrid_score(dense: float, sparse: float, settings: ReportSettings) -> float:
    """H = dense_weight * dense + sparse_weight * sparse (spec 3, eq. 1)."""
    return settings.dense_weight * dense + settings.sparse_weight * sparse


async def search(
    index: ChunkIndex, queries: Sequence[str], *, parts: RetrievalParts, settings: ReportSettings, asker: Asker
) -> list[Passage]:
    """The `top_reranked` passages of the `top_hybrid` best chunks, most probable first."""
    if not index.chunks:
        return []
    asked = await parts.embedder.vectors(queries)
    terms = await beside_the_loop(parts.sparse_encoder.encode, queries, known=index.texts)
    scored = await beside_the_loop(_best_scores, index, asked, terms, settings)
    kept = sorted(scored, key=lambda entry: (-entry[0], entry[1]))[: settings.top_hybrid]
    texts = [index.texts[position] for _, position, _, _ in kept]
    probabilities = await parts.reranker.probabilities(texts, question=FILING_QUESTION, asker=asker)
    passages = [
        Passage(index.chunks[position], dense, sparse, hybrid, round(probability, _DECIMALS))
        for (hybrid, position, dense, sparse), probability in zip(kept, probabilities, strict=True)
    ]
    return sorted(passages, key=lambda passage: (-passage.probability, -passage.hybrid, passage.chunk.id))[: settings.top_reranked]


def _best_scores(
    index: ChunkIndex, queries: Vectors, query_terms: Sequence[SparseVector], settings: ReportSettings
) -> list[tuple[float, int, float, float]]:
    """(hybrid, position, dense, sparse) of every chunk under its best query; the first query wins a tie."""
    dense = np.round(queries @ index.dense.T, _DECIMALS) + 0.0  # no negative zero in a file
    best: list[tuple[float, int, float, float]] = []
    for position, terms in enumerate(index.sparse):
        candidates = []
        for number, query in enumerate(query_terms):
            dense_score, sparse_score = float(dense[number, position]), round(inner_product(query, terms), _DECIMALS)
            hybrid = round(hybrid_score(dense_score, sparse_score, settings), _DECIMALS)
            candidates.append((hybrid, -number, dense_score, sparse_score))
        hybrid, _, dense_score, sparse_score = max(candidates)
        best.append((hybrid, position, dense_score, sparse_score))
    return best
