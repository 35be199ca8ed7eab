"""Runs whose desks are spread over processes: the same bytes, the same errors, and nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.answers import good_answer
from tests.e2e.command import Run, calls, ended, header, latest, row_files, start, wait_until
from tests.e2e.test_interrupt import Silent
from tests.models.fault_server import FaultServer, Json, Step, error, fault_server
from tradinggroup.runs.workers import process as worker_process

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is one process there")

CALLS_BEFORE_SILENCE = 60


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with fault_server(good_answer) as faults:
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        yield faults


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Every worker that the test started."""
    found: list[subprocess.Popen[bytes]] = []
    start_one = worker_process._start

    def keeping(*arguments: Any) -> subprocess.Popen[bytes]:
        found.append(start_one(*arguments))
        return found[-1]

    monkeypatch.setattr(worker_process, "_start", keeping)
    return found


def test_a_run_in_two_processes_is_the_run_in_one(server: FaultServer, project: Path, tg: Run, started: list[Any]) -> None:
    one = tg("backtest", "study", "--calls", "refresh")
    first, asked_once = latest(project), len(server.requests)
    two = tg("backtest", "study", "--calls", "refresh", "--set", "workers=2")
    second = latest(project)
    assert (one.exit_code, two.exit_code) == (0, 0)
    assert "2 worker processes" in two.err
    assert "worker" not in one.err
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)
    assert row_files(first) == row_files(second)
    assert calls(first) == calls(second)
    assert len(server.requests) == 2 * asked_once
    both = header(first), header(second)
    assert [each.pop("workers") for each in both] == [1, 2]
    for key in ("calls", "metrics", "baselines", "holds", "forecasts", "models_returned", "cost_usd"):
        assert both[0][key] == both[1][key], key


@pytest.mark.long
def test_an_error_of_the_server_comes_out_of_the_workers_unchanged(
    server: FaultServer, project: Path, tg: Run, started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "wrong-key-0123456789")
    server.choose = lambda body: error(401, "Incorrect API key provided: wrong-key-0123456789")
    result = tg("backtest", "study", "--set", "workers=2")
    assert result.exit_code == 5
    (line,) = result.error_lines
    assert line.startswith("PROVIDER_FAILED: the model server refused the key, status=401")
    assert "wrong-key" not in result.err + result.out
    assert header(latest(project))["status"] == "provider"
    assert all(process.poll() is not None for process in started)


@pytest.mark.long
def test_a_worker_that_dies_ends_the_run_which_can_go_on(server: FaultServer, project: Path, tg: Run, started: list[Any]) -> None:
    def kills(body: Json) -> Step | None:
        if len(server.requests) == CALLS_BEFORE_SILENCE:
            started[0].kill()
        return None

    server.choose = kills
    died = tg("backtest", "study", "--set", "workers=2")
    assert died.exit_code == 1
    (line,) = died.error_lines
    assert line.startswith("INTERNAL: a worker process ended with -9")
    assert "--resume" in died.err
    folder = latest(project)
    assert header(folder)["status"] == "error"
    assert all(process.poll() is not None for process in started)
    server.choose = lambda body: None
    assert tg("backtest", "--resume", "latest", "--set", "workers=1").exit_code == 0
    assert header(folder)["workers"] == 1
    assert tg("backtest", "study").exit_code == 0
    assert row_files(folder) == row_files(latest(project))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc")
def test_ctrl_c_leaves_no_process_behind(server: FaultServer, project: Path, tg: Run) -> None:
    silence = Silent(server, CALLS_BEFORE_SILENCE)
    child = start(project, "backtest", "study", "--set", "workers=2")
    wait_until(lambda: silence.hung >= 2, child)
    folder = latest(project)
    assert len(_processes_with(server.url)) >= 3
    child.send_signal(signal.SIGINT)
    result = ended(child)
    assert result.exit_code == 130
    assert "Traceback" not in result.err
    assert header(folder)["status"] == "interrupted"
    assert _processes_with(server.url) == []


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked up in /proc")
def test_workers_of_a_killed_run_end_too(server: FaultServer, project: Path) -> None:
    silence = Silent(server, CALLS_BEFORE_SILENCE)
    child = start(project, "backtest", "study", "--set", "workers=2")
    wait_until(lambda: silence.hung >= 2, child)
    child.kill()
    ended(child)
    wait_until(lambda: _processes_with(server.url) == [])


def _processes_with(address: str) -> list[int]:
    """Processes other than this one whose environment names the address of this test's server."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if address.encode() in environment:
                found.append(int(folder.name))
    return found
