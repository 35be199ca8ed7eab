"""Which implementation a name in the settings means."""

from __future__ import annotations

from tradinggroup.retrieval.embedding import HashingEmbedder
from tradinggroup.retrieval.ports import RetrievalParts
from tradinggroup.retrieval.reranking import LexicalReranker
from tradinggroup.retrieval.sparse import LexicalSparseEncoder
from tradinggroup.settings import RetrievalSettings

_EMBEDDERS = {"hashing": HashingEmbedder}
_SPARSE_ENCODERS = {"lexical": LexicalSparseEncoder}
_RERANKERS = {"lexical": LexicalReranker}


def make_retrieval(settings: RetrievalSettings) -> RetrievalParts:
    """The parts that the settings name; the settings refuse unknown names themselves."""
    return RetrievalParts(_EMBEDDERS[settings.embedder](), _SPARSE_ENCODERS[settings.sparse_encoder](), _RERANKERS[settings.reranker]())
