"""Where content is looked up."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.project import HOME_VARIABLE, MARKER, Project


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packaged defaults with a card, an experiment and a bundle."""
    root = tmp_path / "packaged"
    for name in ("agents/decision.md", "agents/README.md", "backtests/demo.toml", "data/demo/bundle.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("packaged", encoding="utf-8")
    monkeypatch.setattr("tradinggroup.project.defaults_root", lambda: root)
    return root


def make(root: Path) -> Project:
    root.mkdir(parents=True, exist_ok=True)
    (root / MARKER).touch()
    return Project(root.resolve())


def test_a_named_folder_wins_over_the_environment_and_that_over_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, home, named = (make(tmp_path / name).root for name in ("here", "home", "named"))
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    assert Project.find().root == here
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    assert Project.find().root == home
    assert Project.find(named).root == named


def test_no_project_and_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder, says in ((None, "is not inside a project folder"), (tmp_path / "none", "no folder")):
        with pytest.raises(UsageError, match=says) as caught:
            Project.find(folder)
        assert caught.value.code is ErrorCode.PROJECT_INVALID


def test_content_of_the_project_comes_before_the_packaged_content(tmp_path: Path, packaged: Path) -> None:
    project = make(tmp_path / "study")
    assert project.content_file("agents", "decision.md") == packaged / "agents" / "decision.md"
    own = project.root / "agents" / "decision.md"
    own.parent.mkdir()
    own.touch()
    assert project.content_file("agents", "decision.md") == own
    assert project.content_file("agents", "other.md") is None
    assert project.content_names("agents", ".md") == ["decision"]


def test_an_experiment_is_a_path_or_a_name(tmp_path: Path, packaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make(tmp_path / "study")
    own = project.experiments_folder / "own.toml"
    own.parent.mkdir()
    own.touch()
    monkeypatch.chdir(tmp_path)
    assert project.experiment_file("own") == own
    assert project.experiment_file("backtests/own.toml") == own
    assert project.experiment_file(str(own)) == own
    assert project.experiment_file("study/backtests/own.toml") == own
    assert project.experiment_file("demo") == project.experiment_file("backtests/demo.toml") == packaged / "backtests" / "demo.toml"
    with pytest.raises(UsageError, match=r"no experiment file backtests/owm.toml. Did you mean own\? Known: demo, own"):
        project.experiment_file("backtests/owm.toml")


def test_a_bundle_is_the_projects_own_else_the_packaged_one(tmp_path: Path, packaged: Path) -> None:
    project = make(tmp_path / "study")
    assert project.bundle_folder("demo") == packaged / "data" / "demo"
    assert project.bundle_folder("mine") == project.bundles_folder / "mine"
    (project.bundles_folder / "demo").mkdir(parents=True)
    (project.bundles_folder / "demo" / "bundle.json").touch()
    assert project.bundle_folder("demo") == project.bundles_folder / "demo"
    assert project.bundle_names() == ["demo"]
