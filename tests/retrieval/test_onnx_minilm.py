"""`onnx-minilm` through the real runtime, with a model of ten words; never a download."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from tests.retrieval import tiny_onnx
from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.retrieval import onnx_minilm
from tradinggroup.retrieval.registry import check_retrieval, make_retrieval
from tradinggroup.settings import ModelSettings, RetrievalSettings

SETTINGS = RetrievalSettings(embedder="onnx-minilm")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    return tmp_path


def embedder():
    return make_retrieval(SETTINGS, model=RulesAnalyst(), models=ModelSettings()).parts.embedder


def test_files_that_are_missing_are_said_with_what_to_do(home: Path) -> None:
    for fails in (lambda: check_retrieval(SETTINGS), lambda: asyncio.run(embedder().vectors(["revenue"]))):
        with pytest.raises(UsageError, match=r"no model\.onnx and no tokenizer\.json") as raised:
            fails()
        assert raised.value.code is ErrorCode.EXTRA_MISSING
        assert onnx_minilm.FETCH_COMMAND in raised.value.remedy
    assert not any(home.rglob("*")), "nothing was fetched"


def test_vectors_are_the_mean_of_the_pieces_whatever_stands_beside(home: Path) -> None:
    tiny_onnx.write_files(onnx_minilm.model_folder())
    check_retrieval(SETTINGS)
    words = tiny_onnx.table()
    expected = (words[1] + words[2]) / 2
    alone = asyncio.run(embedder().vectors(["Revenue rose"]))
    beside = asyncio.run(embedder().vectors(["The debt of the cash", "Revenue rose", "risk " * 2000]))
    assert alone.shape == (1, 384)
    assert np.allclose(alone[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert alone[0].tobytes() == beside[1].tobytes()
    assert np.allclose(beside[2], words[9] / np.linalg.norm(words[9]), atol=1e-6)


def test_it_is_chromas_own_place(home: Path) -> None:
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    parts = ONNXMiniLM_L6_V2.DOWNLOAD_PATH.parts[-4:]
    assert onnx_minilm.model_folder().parts[-5:] == (*parts, ONNXMiniLM_L6_V2.EXTRACTED_FOLDER_NAME)


def test_a_fetch_without_network_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    def refuse(self: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(ONNXMiniLM_L6_V2, "_download_model_if_not_exists", refuse)
    with pytest.raises(DataError, match=r"SOURCE_FAILED: .*no network") as raised:
        onnx_minilm.fetch_files()
    assert str(onnx_minilm.model_folder()) in raised.value.remedy
