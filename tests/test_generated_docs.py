"""The pages of docs/ that are made from the code are the ones that the code makes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tradinggroup.backtest.sink import BAND_COLUMNS, COLUMNS
from tradinggroup.errors import ErrorCode
from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.settings import Experiment


@pytest.fixture(scope="module")
def generator(repository: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location("generate_docs", repository / "tools" / "generate_docs.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_committed_pages_equal_what_the_code_says(generator: ModuleType, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generator.main(["--check"]) == 0, capsys.readouterr().err
    for name, page in generator.PAGES.items():
        assert (repository / name).read_text(encoding="utf-8") == page()


def test_check_finds_a_stale_page_and_a_missing_one(
    generator: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    for name, (block, _) in generator.BLOCKS.items():
        (tmp_path / name).write_text(f"by hand\n<!-- generated: {block} -->\n<!-- end -->\nby hand\n", encoding="utf-8")
    assert generator.main([]) == 0
    assert generator.main(["--check"]) == 0
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("by hand\n")
    assert "forecasting --> label_decision" in readme
    assert readme.endswith("<!-- end -->\nby hand\n")
    (tmp_path / "docs/settings.md").write_text("old", encoding="utf-8")
    (tmp_path / "docs/reason-codes.md").unlink()
    (tmp_path / "README.md").write_text(readme.replace("risk_intercept", "nothing"), encoding="utf-8")
    assert generator.main(["--check"]) == 1
    error = capsys.readouterr().err
    assert "docs/settings.md differs" in error
    assert "docs/reason-codes.md differs" in error
    assert "README.md differs" in error
    assert (tmp_path / "docs/settings.md").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("page", ["no block", "<!-- generated: x -->\n", "<!-- generated: x -->\n<!-- end -->\n" * 2])
def test_a_page_without_its_one_block_is_an_error(generator: ModuleType, page: str) -> None:
    with pytest.raises(ValueError, match="block"):
        generator.with_block(page, "x", "made")


def test_every_code_column_and_setting_is_on_its_page(generator: ModuleType) -> None:
    codes, columns, settings = generator.reason_codes(), generator.run_folder_columns(), generator.settings_reference()
    assert all(codes.count(f"| `{code}` | {code.meaning} |") == 1 for code in (*ReasonCode, *ErrorCode))
    assert all(f"| `{column}` |" in columns for names in COLUMNS.values() for column in names)
    keys = [key for key, value in Experiment.model_fields.items() if not hasattr(value.annotation, "model_fields")]
    assert all(settings.count(f"| `{key}` |") == 1 for key in keys)
    assert "| `agents.news_sentiment.k` | `10` | items kept a session (ours) |" in settings
    assert "| `bundle` | none: must be given |" in settings
    assert "models.toml: openai:\\<name>" in settings  # or a browser takes it for a tag


def test_no_description_and_no_meaning_is_missing_or_left_over(generator: ModuleType) -> None:
    assert [key for key, _, text in generator._settings(Experiment) if not text] == []
    assert set(generator.MEANINGS) == {column for names in (*COLUMNS.values(), BAND_COLUMNS) for column in names}
