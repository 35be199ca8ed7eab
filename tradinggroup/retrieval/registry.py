"""Which implementation a name in the settings means, and whether it can be had here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tradinggroup.errors import UsageError
from tradinggroup.models.endpoint import Endpoint
from tradinggroup.models.port import ChatModel
from tradinggroup.models.rate_limit import RateLimits
from tradinggroup.retrieval import onnx_minilm
from tradinggroup.retrieval.embedding import HashingEmbedder
from tradinggroup.retrieval.kept_embedder import KeptEmbedder, VectorSources
from tradinggroup.retrieval.ports import Embedder, Reranker, RetrievalParts
from tradinggroup.retrieval.reranking import LexicalReranker, LlmReranker
from tradinggroup.retrieval.sparse import LexicalSparseEncoder
from tradinggroup.settings import OPENAI_PREFIX, ModelSettings, RetrievalSettings

_SPARSE_ENCODERS = {"lexical": LexicalSparseEncoder}


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The parts of a run, and how they are closed."""

    parts: RetrievalParts
    close_connections: Callable[[], Awaitable[None]] | None = None

    async def aclose(self) -> None:
        """Close the connections of a served embedder, and write the chunks that were noted."""
        if self.close_connections is not None:
            await self.close_connections()
        if self.parts.chunk_store is not None:
            self.parts.chunk_store.close()


def is_served(embedder: str) -> bool:
    """Whether the embedder is asked over the network."""
    return embedder.startswith(OPENAI_PREFIX)


def check_retrieval(settings: RetrievalSettings) -> None:
    """Raise what the first use would raise without asking anyone: EXTRA_MISSING, KEY_MISSING, SETTING_INVALID of an address."""
    if settings.embedder == onnx_minilm.NAME:
        onnx_minilm.check_files()
    elif is_served(settings.embedder):
        try:
            Endpoint.from_environment()
        except UsageError as error:
            remedy = f"{error.remedy.partition(', or use --model')[0].rstrip('.')}, or set retrieval.embedder=hashing, which needs none."
            raise UsageError(error.code, error.text, remedy=remedy) from None


def make_retrieval(
    settings: RetrievalSettings,
    *,
    model: ChatModel,
    models: ModelSettings,
    sources: VectorSources | None = None,
    limits: RateLimits | None = None,
) -> Retrieval:
    """The parts that the settings name; the settings refuse unknown names themselves. Nothing is opened or loaded.

    Args:
        settings: the names.
        model: answers the reranker's question, where it is `llm`.
        models: how servers are asked.
        sources: what keeps vectors and chunks; without them everything is made anew.
        limits: how often the endpoints of the run may be asked.
    """
    sources = sources or VectorSources()
    embedder, close_connections = _embedder(settings.embedder, models, sources, limits)
    reranker: Reranker = LlmReranker(model) if settings.reranker == "llm" else LexicalReranker()
    parts = RetrievalParts(embedder, _SPARSE_ENCODERS[settings.sparse_encoder](), reranker, sources.chunk_store)
    return Retrieval(parts, close_connections)


def _embedder(
    name: str, models: ModelSettings, sources: VectorSources, limits: RateLimits | None
) -> tuple[Embedder, Callable[[], Awaitable[None]] | None]:
    if name == onnx_minilm.NAME:
        return KeptEmbedder(name, onnx_minilm.OnnxMiniLm().embed, sources, is_remote=False), None
    if is_served(name):
        from tradinggroup.models.openai_embeddings import OpenAIEmbeddings

        server = OpenAIEmbeddings(name.removeprefix(OPENAI_PREFIX).strip(), models, limits=limits)
        return KeptEmbedder(name, server.embed, sources, is_remote=True), server.aclose
    return HashingEmbedder(), None
