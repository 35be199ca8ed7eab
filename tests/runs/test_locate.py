from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.runs.factory import STARTED_AT, make_project, make_run
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.project import Project
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.locate import find_run, list_runs, run_folders
from tradinggroup.runs.text.runs import text_runs


@pytest.fixture
def runs(project: Project) -> list[RunFolder]:
    return [make_run(project, started_at=STARTED_AT + timedelta(days=day)) for day in range(3)]


def test_every_way_to_name_a_run(project: Project, runs: list[RunFolder], monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = runs[1]
    monkeypatch.chdir(project.root)
    for name in (
        wanted.name,
        str(wanted.path),
        f"backtests/runs/{wanted.name}",
        f"./backtests/runs/{wanted.name}/",
        wanted.run_id,
        wanted.run_id[:5],
        "20260825",
    ):
        assert find_run(project, name).path.resolve() == wanted.path.resolve(), name
    monkeypatch.chdir(wanted.path)
    assert find_run(project, ".").run_id == wanted.run_id


def test_latest_is_the_newest_whatever_its_status(project: Project, runs: list[RunFolder]) -> None:
    newest = make_run(project, status="running", started_at=STARTED_AT + timedelta(days=9))
    (project.runs_folder / "zz-notes").mkdir()
    assert find_run(project).run_id == newest.run_id
    assert [path.name for path in run_folders(project)] == sorted([*(run.name for run in runs), newest.name])


def test_a_prefix_of_several_lists_them(project: Project, runs: list[RunFolder]) -> None:
    with pytest.raises(DataError, match=r"RUN_NOT_FOUND: 3 runs begin with 2026: .*\. Give more of the name") as raised:
        find_run(project, "2026")
    for run in runs:
        assert run.name in str(raised.value)


@pytest.mark.parametrize("name", ["zzzzzz", "", "nowhere/else"])
def test_a_name_that_means_nothing(project: Project, runs: list[RunFolder], name: str) -> None:
    with pytest.raises(DataError, match=r"RUN_NOT_FOUND: no run .*List all with: tradinggroup runs") as raised:
        find_run(project, name)
    assert raised.value.code is ErrorCode.RUN_NOT_FOUND
    assert raised.value.exit_code == 3


def test_a_project_without_runs(tmp_path: Path) -> None:
    empty = make_project(tmp_path / "empty")
    assert list_runs(empty) == []
    assert text_runs([]).startswith("no runs yet")
    for name in ("latest", "abc"):
        with pytest.raises(DataError, match=r"RUN_NOT_FOUND: .*Make one with|none yet"):
            find_run(empty, name)


def test_a_broken_run_is_listed_with_its_reason(project: Project, runs: list[RunFolder]) -> None:
    (runs[0].path / "run.json").write_text("{", encoding="utf-8")
    listed = list_runs(project)
    assert [run.status for run in listed] == ["error", "success", "success"]
    assert listed[0].summary()["experiment"] == "demo"
    text = text_runs(listed)
    assert f"{runs[0].run_id}  WARNING RUN_INVALID" in text
    assert all(len(line) <= 80 for line in text.splitlines())
