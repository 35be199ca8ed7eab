"""`init` writes a project folder and never overwrites."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tradinggroup.cli import init
from tradinggroup.project import MARKER, Project, defaults_root


def files_of(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_new_project_has_everything_and_says_what_is_next(tg: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = tg("init", "study")
    assert (result.exit_code, result.err) == (0, "")
    assert "next  cd study && tradinggroup backtest backtests/demo.toml" in result.out
    assert max(map(len, result.out.splitlines())) <= 80
    root = tmp_path / "study"
    written = files_of(root)
    for agent in ("news_sentiment", "report_retrieval", "forecasting", "style_selection", "decision"):
        assert written[f"agents/{agent}.md"] == (defaults_root() / "agents" / f"{agent}.md").read_bytes()
    assert {MARKER, ".gitignore", "backtests/demo.toml", "risk/README.md"} <= set(written)
    assert not any(name.startswith("backtests/runs") or name.endswith(".py") for name in written)
    monkeypatch.chdir(root / "agents")
    assert Project.find().root == root.resolve()


def test_files_that_are_there_stay_and_are_listed(tg: Run, tmp_path: Path) -> None:
    root = tmp_path / "study"
    tg("init", str(root))
    (root / "agents" / "decision.md").write_text("mine", encoding="utf-8")
    (root / "backtests" / "own.toml").write_text("also mine", encoding="utf-8")
    (root / "risk" / "README.md").unlink()
    before = files_of(root)
    result = tg("init", str(root))
    assert result.exit_code == 0
    assert "wrote risk/ (1 file)" in result.out
    assert "kept  agents/decision.md (was there already)" in result.out
    assert "own.toml" not in result.out
    after = files_of(root)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"risk/README.md"}
    assert "wrote nothing" in tg("init", str(root)).out


def test_in_the_working_folder_no_cd_is_needed(tg: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "next  tradinggroup backtest backtests/demo.toml" in tg("init").out


def test_bundles_and_runs_of_a_checkout_are_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "checkout"
    for name in ("data/mine/bundle.json", "backtests/runs/x/run.json", "backtests/own.toml", "data/demo/.gitkeep", "agents/decision.md"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    monkeypatch.setattr(init, "defaults_root", lambda: source)
    written, kept = init.write_project(tmp_path / "study")
    assert sorted(written) == [".gitignore", "agents/decision.md", "models.toml", MARKER]
    assert kept == []


def test_a_folder_that_cannot_be_one(tg: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    result = tg("init", str(tmp_path / "file"))
    assert (result.exit_code, result.out) == (2, "")
    assert result.err.startswith("PROJECT_INVALID: cannot write")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "not a folder"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of folders are not modes there")
def test_a_read_only_folder(tg: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked").chmod(stat.S_IRUSR | stat.S_IXUSR)

    def refuse(path: Path, content: bytes) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(init, "_write_new", refuse)  # root may write anywhere, so the refusal is planted
    result = tg("init", str(tmp_path / "locked"))
    assert (result.exit_code, result.out) == (2, "")
    assert "Permission denied" in result.err
