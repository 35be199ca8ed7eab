"""Embeddings behind an OpenAI-compatible server, over `/embeddings`.

Without vectors nothing can be retrieved, and other vectors would be another run: so a refusal, or an answer that is no
vectors, ends the run after the usual retries. Nothing is lost; what was embedded before is recorded.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tradinggroup.errors import ErrorCode, ProviderError
from tradinggroup.models.completion import error_message
from tradinggroup.models.port import Attempt
from tradinggroup.models.rate_limit import RateLimits
from tradinggroup.models.server import Fault, ModelServer
from tradinggroup.settings import ModelSettings

BATCH_TEXTS = 64
"""Texts of one request (ours): far below what OpenAI takes (2,048), and small enough for a server on a laptop."""
LONGEST_WORDS = 400
"""Words of a text that are sent (ours): the longest chunk. Servers refuse what is longer than their model reads."""

Rows = npt.NDArray[np.float32]


class OpenAIEmbeddings:
    """The embedding model `name` at the endpoint of the environment. All calls must come from one event loop."""

    def __init__(self, name: str, settings: ModelSettings, *, limits: RateLimits | None = None) -> None:
        """`name` is what the server knows the model by. Nothing is opened, and no key is needed, before the first call."""
        self._server = ModelServer(name, settings, limits=limits)
        self._slots = asyncio.Semaphore(settings.maximum_concurrent)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._server.aclose()

    async def embed(self, texts: Sequence[str]) -> Rows:
        """One row a text as the server gave it, shape (texts, dimensions).

        Raises ProviderError PROVIDER_FAILED where the server gives no vectors, UsageError KEY_MISSING.
        """
        batches = [texts[start : start + BATCH_TEXTS] for start in range(0, len(texts), BATCH_TEXTS)]
        return np.concatenate(await asyncio.gather(*(self._embed_batch(batch) for batch in batches)))

    async def _embed_batch(self, texts: Sequence[str]) -> Rows:
        # An empty text is refused by many servers; a blank has no content either.
        shortened = [" ".join(text.split()[:LONGEST_WORDS]) or " " for text in texts]
        body = {"model": self._server.name, "input": shortened, "encoding_format": "float"}
        tries: list[Attempt] = []
        async with self._slots:
            result = await self._server.post("/embeddings", body, key=shortened[0], tries=tries)
        if isinstance(result, Fault):
            raise self._failed(f"{result.failure.detail}, after {len(tries)} attempts")
        rows = read_embeddings(result, count=len(texts))
        if rows is None:
            raise self._failed(f"{len(texts)} vectors of one length were asked for: {error_message(result)}")
        return rows

    def _failed(self, detail: str) -> ProviderError:
        return ProviderError(
            ErrorCode.PROVIDER_FAILED,
            f"the server gave no embeddings ({detail})",
            model=self._server.name,
            server=self._server.address,
            remedy="Name an embedding model of this server, or retrieval.embedder=hashing; then resume, or run again.",
        )


def read_embeddings(raw: str, *, count: int) -> Rows | None:
    """The `count` vectors in the body of a reply, in the order of their `index`; None where it holds anything else.

    A vector is a list of numbers, or their float32 bytes in base64.
    """
    try:
        entries = json.loads(raw)["data"]
        ordered = sorted(enumerate(entries), key=lambda entry: (entry[1].get("index", entry[0]), entry[0]))
        rows = np.stack([_vector(entry["embedding"]) for _, entry in ordered])
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, binascii.Error):
        return None
    return rows if len(rows) == count and rows.ndim == 2 and rows.shape[1] and bool(np.isfinite(rows).all()) else None


def _vector(value: Any) -> npt.NDArray[np.float32]:
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float32)
    return np.array(value, dtype=np.float32)
