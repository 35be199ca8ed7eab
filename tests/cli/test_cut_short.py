"""Bundles and run folders that are cut short, changed or newer: said, and the rest stays readable."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.refusals import check_refused, halved, make_project
from tradinggroup.errors import ErrorCode


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole project that no test may change."""
    root = tmp_path_factory.mktemp("template") / "project"
    make_project(root)
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the template that a test may spoil, as the working folder."""
    root = tmp_path / "project"
    shutil.copytree(template, root)
    monkeypatch.chdir(root)
    return root


def the_run(root: Path) -> Path:
    (folder,) = (root / "backtests" / "runs").iterdir()
    return folder


@pytest.mark.parametrize("name", ["prices.parquet", "news.parquet", "bundle.json"])
def test_a_bundle_that_is_cut_short(project: Path, tg: Run, name: str) -> None:
    halved(project / "data" / "tiny" / name)
    for words in ("backtest study", "data check tiny", "verify"):
        assert check_refused(tg, project, words, ErrorCode.BUNDLE_INVALID, "bundle tiny", name).exit_code == 3


def test_a_bundle_that_went_away(project: Path, tg: Run) -> None:
    shutil.rmtree(project / "data" / "tiny")
    assert check_refused(tg, project, "verify", ErrorCode.BUNDLE_NOT_FOUND, "no bundle tiny").exit_code == 3
    assert tg("show").exit_code == 0


LOOKS = ("show", "trades", "replay", "reflections", "explain latest 2024-03-05", "show --json", "runs")
"""What reads a run folder; a file that is cut short is named as soon as it is read, and the rest stays readable."""


@pytest.mark.parametrize(
    "name",
    ["decisions.jsonl", "orders.csv", "fills.csv", "trades.csv", "equity.csv", "outcomes.jsonl", "reflections.jsonl"],
)
def test_a_result_that_is_cut_short_is_said_on_every_page(project: Path, tg: Run, name: str) -> None:
    path = the_run(project) / name
    halved(path)
    for words in LOOKS:
        result = tg(*words.split())
        if result.exit_code:
            assert result.exit_code == 3, (words, result)
            assert result.err.startswith((f"{ErrorCode.RUN_INVALID}: {path.parent.name}/{name}", f"{ErrorCode.DECISION_NOT_FOUND}: "))
        elif "--json" not in words:
            assert f"{name} has {path.stat().st_size} bytes" in " ".join(result.out.split()), words
        assert "Traceback" not in result.err
    assert tg("show").exit_code == 0
    verified = tg("verify")
    assert verified.exit_code in (1, 3)
    assert f"WARNING  {name} has" in verified.err
    assert name in verified.out + verified.err


@pytest.mark.parametrize("name", ["experiment.toml", "resolved.toml", "risk.toml", "cards/decision.md"])
def test_an_input_of_a_run_that_is_cut_short(project: Path, tg: Run, name: str) -> None:
    path = the_run(project) / name
    halved(path)
    assert check_refused(tg, project, "verify", ErrorCode.RUN_INVALID, name, "not what it was").exit_code == 3
    assert f"WARNING  {name} has" in tg("show").out


@pytest.mark.parametrize("name", ["risk.toml", "cards"])
def test_an_input_of_a_run_that_is_missing(project: Path, tg: Run, name: str) -> None:
    folder = the_run(project)
    (folder / name).rename(project / "elsewhere")
    refused = check_refused(tg, project, "verify", ErrorCode.RUN_INVALID, f"{folder.name}/{name}")
    assert refused.exit_code == 3
    assert "risk/" not in refused.err


def test_recordings_that_are_cut_short(project: Path, tg: Run) -> None:
    halved(the_run(project) / "recordings.sqlite")
    assert check_refused(tg, project, "verify", ErrorCode.RECORDING_INVALID, "recordings.sqlite").exit_code == 3
    assert tg("show").exit_code == 0


@pytest.mark.parametrize("words", ["show", "verify", "explain latest 2024-03-12", "replay", "backtest --resume latest"])
def test_a_header_that_is_cut_short_or_newer(project: Path, tg: Run, words: str) -> None:
    header = the_run(project) / "run.json"
    text = header.read_text(encoding="utf-8")
    halved(header)
    assert check_refused(tg, project, words, ErrorCode.RUN_INVALID, "run.json line ", "cut short").exit_code == 3
    header.write_text(text.replace('"format_version": 1', '"format_version": 99'), encoding="utf-8")
    assert check_refused(tg, project, words, ErrorCode.RUN_INVALID, "newer version", "format_version=99", "Upgrade").exit_code == 3
    header.unlink()
    assert check_refused(tg, project, words, ErrorCode.RUN_INVALID, "holds no run.json").exit_code == 3
    listed = tg("runs")
    assert (listed.exit_code, "RUN_INVALID" in listed.out) == (0, True)
