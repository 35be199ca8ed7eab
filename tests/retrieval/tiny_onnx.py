"""Files as Chroma keeps them for its default model, with a model of ten words: a table of vectors, written as ONNX by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

WORDS = ("[UNK]", "revenue", "rose", "sales", "fell", "debt", "the", "of", "cash", "risk")
DIMENSIONS = 384


def table() -> np.ndarray:
    """The vector of each word."""
    return np.random.default_rng(5).normal(size=(len(WORDS), DIMENSIONS)).astype(np.float32)


def write_files(folder: Path) -> None:
    """`model.onnx` and `tokenizer.json`."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    folder.mkdir(parents=True)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    tokenizer.enable_padding(length=256)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "model.onnx").write_bytes(_model())


def _model() -> bytes:
    """`last_hidden_state = Gather(table, input_ids)`; the other two inputs of MiniLM are there and unused."""
    node = _text(1, "table") + _text(1, "input_ids") + _text(2, "last_hidden_state") + _text(4, "Gather")
    tensor = _number(1, len(WORDS)) + _number(1, DIMENSIONS) + _number(2, 1) + _text(8, "table") + _bytes(9, table().tobytes())
    inputs = b"".join(_bytes(11, _value(name, 7, ("batch", "tokens"))) for name in ("input_ids", "attention_mask", "token_type_ids"))
    output = _bytes(12, _value("last_hidden_state", 1, ("batch", "tokens", "width")))
    graph = _bytes(1, node) + _text(2, "tiny") + _bytes(5, tensor) + inputs + output
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13))


def _value(name: str, element: int, dimensions: tuple[str, ...]) -> bytes:
    shape = b"".join(_bytes(1, _text(2, dimension)) for dimension in dimensions)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, element) + _bytes(2, shape)))


def _varint(value: int) -> bytes:
    head, rest = value & 0x7F, value >> 7
    return bytes([head | 0x80]) + _varint(rest) if rest else bytes([head])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())
