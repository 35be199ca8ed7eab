"""Evidence as it is given: what stands for retrieval where a run is made without it (`--without retrieval`; spec 2, 3).

No embedder, no sparse encoder, no reranker: the first items of the news, and the first chunks of a filing that hold words of the
questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tradinggroup.data.records import NewsItem
from tradinggroup.retrieval.chunks import Chunk, chunk_sections
from tradinggroup.retrieval.tokens import content_words
from tradinggroup.settings import ReportSettings

KEYWORDS_NEEDED = 2
"""Query keywords that a chunk must hold (spec 3)."""


@dataclass(frozen=True, slots=True)
class ItemAsGiven:
    """A news item that nobody scored."""

    item: NewsItem
    base: None = None
    probability: None = None
    influence: None = None


@dataclass(frozen=True, slots=True)
class PassageAsGiven:
    """A chunk that nobody scored."""

    chunk: Chunk
    dense: None = None
    sparse: None = None
    hybrid: None = None
    probability: None = None


def first_items(items: Sequence[NewsItem], *, limit: int) -> list[ItemAsGiven]:
    """The first `limit` items, copies and all, in the order of (known_at, id)."""
    return [ItemAsGiven(item) for item in items[:limit]]


def first_chunks(sections: Sequence[tuple[str, str]], queries: Sequence[str], settings: ReportSettings) -> list[PassageAsGiven]:
    """The first `top_reranked` chunks, in the filing's order, that hold at least two different content words of the queries."""
    keywords = frozenset(word for query in queries for word in content_words(query))
    kept: list[PassageAsGiven] = []
    for chunk in chunk_sections(sections, settings):
        if len(kept) == settings.top_reranked:
            break
        if len(keywords.intersection(content_words(chunk.text))) >= KEYWORDS_NEEDED:
            kept.append(PassageAsGiven(chunk))
    return kept
