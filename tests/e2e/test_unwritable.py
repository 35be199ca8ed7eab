"""A run folder that can't be written, or not to its end: one line that says so, and what was written is readable and goes on."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import Result, Run, header, latest, row_files
from tests.e2e.conftest import make_project
from tradinggroup.cli.main import run as run_command

RULES = ("backtest", "study", "--model", "rules")


def unwritable(result: Result) -> str:
    """The one error line of a run that could not be written."""
    assert result.exit_code == 3
    assert "Traceback" not in result.err
    (line,) = result.error_lines
    assert line.startswith("RUN_UNWRITABLE: ")
    return line


def test_a_file_where_the_runs_should_be(project: Path, tg: Run) -> None:
    runs = project / "backtests" / "runs"
    runs.write_text("not a folder", encoding="utf-8")
    assert str(runs) in unwritable(tg(*RULES))
    assert runs.read_text(encoding="utf-8") == "not a folder"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes into every folder: only others can be refused")
def test_a_read_only_folder_of_runs(project: Path, tg: Run) -> None:
    runs = project / "backtests" / "runs"
    runs.mkdir()
    runs.chmod(0o555)
    try:
        assert str(runs) in unwritable(tg(*RULES))
        assert list(runs.iterdir()) == []
    finally:
        runs.chmod(0o755)


def test_lessons_that_cannot_be_kept_leave_a_whole_run(project: Path, tg: Run) -> None:
    (project / "backtests" / "lessons").write_text("not a folder", encoding="utf-8")
    line = unwritable(tg(*RULES))
    assert "the run is whole (success)" in line
    assert tg("show", "--json").json["status"] == "success"
    assert tg("verify").exit_code == 0


@contextlib.contextmanager
def file_limit(size_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond `size_bytes`: a disk that is full in the middle of a write."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def unlimited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same run with room enough."""
    project = make_project(tmp_path_factory.mktemp("unlimited") / "project")
    assert run_command(["-C", str(project), *RULES]) == 0
    return latest(project)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of file sizes to set")
@pytest.mark.parametrize("kilobytes", [1, 12, 40, 100, 400, 900])
def test_a_disk_that_is_full_in_the_middle(project: Path, tg: Run, unlimited: Path, kilobytes: int) -> None:
    with file_limit(kilobytes * 1024):
        failed = tg(*RULES)
    unwritable(failed)
    folder = latest(project)
    assert tg("runs").exit_code == 0
    if kilobytes == 1:
        assert not (folder / "run.json").exists(), "not even the settings fit: nothing to go on with"
        return
    assert header(folder)["status"] in {"running", "error"}
    for name, content in row_files(folder).items():
        assert row_files(unlimited)[name].startswith(content), name
    for words in (["show"], ["replay"], ["trades"]):
        assert tg(*words).exit_code == 0, words
    resumed = tg("backtest", "--resume", "latest", "--json")
    assert (resumed.exit_code, resumed.json["status"]) == (0, "success")
    assert row_files(folder) == row_files(unlimited)
    assert tg("verify").exit_code == 0
