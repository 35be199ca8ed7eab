"""Whole processes killed in the middle of calls, early and late: what was answered is not asked again, and the end is the same."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.answers import good_answer
from tests.e2e.command import Run, calls, ended, header, latest, row_files, start, wait_until
from tests.e2e.conftest import make_project
from tests.models.fault_server import fault_server
from tradinggroup.cli.main import run as run_command

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL"), pytest.mark.slow]

STUDY = ("backtest", "study", "--symbols", "AAA")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = make_project(tmp_path_factory.mktemp("unbroken") / "project")
    with fault_server(good_answer) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.url)
        assert run_command(["-C", str(project), *STUDY]) == 0
    return latest(project)


@pytest.mark.parametrize(
    "answered",
    [45, pytest.param(1, marks=pytest.mark.long), pytest.param(15, marks=pytest.mark.long), pytest.param(80, marks=pytest.mark.long)],
)
def test_a_process_killed_with_calls_in_flight(
    project: Path, tg: Run, unbroken: Path, monkeypatch: pytest.MonkeyPatch, answered: int
) -> None:
    with fault_server(good_answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        server.delay_seconds = 0.03
        child = start(project, *STUDY)
        wait_until(lambda: len(server.requests) > answered, child)
        child.send_signal(signal.SIGKILL)
        assert ended(child).exit_code == -signal.SIGKILL
        folder = latest(project)
        assert header(folder)["status"] == "running"
        kept = {call.key for call in calls(folder)} if (folder / "recordings.sqlite").is_file() else set()
        assert all(row_files(unbroken)[name].startswith(content) for name, content in row_files(folder).items())
        shutil.rmtree(project / "backtests" / "lessons", ignore_errors=True)
        (project / "backtests" / "recordings.sqlite").unlink(missing_ok=True)
        before = len(server.requests)
        assert tg("backtest", "--resume", "latest", "--json").json["status"] == "success"
        needed = {call.key for call in calls(unbroken)}
        assert len(server.requests) - before == len(needed - kept)
        assert row_files(folder) == row_files(unbroken)
        assert tg("verify", "latest").exit_code == 0
