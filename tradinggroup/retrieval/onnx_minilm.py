"""The embedder `onnx-minilm`: all-MiniLM-L6-v2, Chroma's own default model, through onnxruntime, which comes with Chroma.

Its files (about 90 MB) are never fetched unasked. A person fetches them once into Chroma's cache with
`python -m tradinggroup.retrieval.onnx_minilm`. The model reads the first 256 word pieces of a text, about 200 words.
It was published in 2021: for sessions before that its weights are a mild look-ahead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.retrieval.chunk_store import Row

NAME = "onnx-minilm"
MODEL_NAME = "all-MiniLM-L6-v2"
LONGEST_TOKENS = 256
FETCH_COMMAND = "python -m tradinggroup.retrieval.onnx_minilm"
_FILES = ("model.onnx", "tokenizer.json")


def model_folder() -> Path:
    """Where Chroma keeps the files of its default model."""
    return Path.home() / ".cache" / "chroma" / "onnx_models" / MODEL_NAME / "onnx"


def check_files() -> None:
    """Raise UsageError EXTRA_MISSING where the model's files are not there."""
    folder = model_folder()
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise UsageError(
            ErrorCode.EXTRA_MISSING,
            f"the embedder {NAME} has no {' and no '.join(missing)}",
            folder=folder,
            remedy=f"Fetch them once (about 90 MB) with: {FETCH_COMMAND}. Or set retrieval.embedder=hashing, which needs none.",
        )


def fetch_files() -> None:
    """Download the model into Chroma's cache, checked by its hash, as Chroma would at its first use.

    Raises DataError SOURCE_FAILED, for one where there is no network.
    """
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    try:
        ONNXMiniLM_L6_V2()._download_model_if_not_exists()
    except Exception as problem:  # network, disk or a wrong hash: errors of several libraries
        raise DataError(
            ErrorCode.SOURCE_FAILED,
            f"the files of {MODEL_NAME} could not be fetched ({problem})",
            remedy=f"Fetch them where there is a network, and copy them to {model_folder()}.",
        ) from problem


class OnnxMiniLm:
    """Mean-pooled vectors of 384 numbers. One text at a time, without padding: so no text's vector depends on its neighbours."""

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """One row a text, computed in another thread. Raises UsageError EXTRA_MISSING."""
        return await asyncio.to_thread(lambda: np.stack([self._embed_one(text) for text in texts]))

    def _embed_one(self, text: str) -> Row:
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, given)[0]
        return np.asarray(hidden[0].mean(axis=0), dtype=np.float32)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime  # type: ignore[import-untyped]

        check_files()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # One thread: sums are then always taken in the same order, and a run's other threads keep their processors.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(str(model_folder() / _FILES[0]), sess_options=options, providers=["CPUExecutionProvider"])

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        check_files()
        tokenizer = Tokenizer.from_file(str(model_folder() / _FILES[1]))
        tokenizer.enable_truncation(max_length=LONGEST_TOKENS)
        tokenizer.no_padding()
        return tokenizer


if __name__ == "__main__":
    try:
        fetch_files()
    except DataError as error:
        raise SystemExit(str(error)) from None
