"""Runs that end in the middle, by Ctrl-C or by a kill: readable, resumable, and then equal to an unbroken run (invariant 4)."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.answers import good_answer
from tests.e2e.command import Run, calls, decisions, ended, header, latest, row_files, start, wait_until, whole_rows
from tests.e2e.conftest import make_project
from tests.models.fault_server import FaultServer, Json, Step, fault_server
from tradinggroup.cli.main import run as run_command

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no signals to send to a child")

CALLS_BEFORE_SILENCE = 70
INTERRUPT_SECONDS = 10.0
"""About two where the machine has nothing else to do; far less than a call hangs."""
SILENCE_SECONDS = 60.0
"""A call that hangs is hung up on by the child's end, long before this."""


class Silent:
    """Makes a server answer `count` requests and then hang."""

    def __init__(self, server: FaultServer, count: int) -> None:
        self._server = server
        self._count = count
        self.hung = 0
        server.choose = self._choose

    def _choose(self, body: Json) -> Step | None:
        if len(self._server.requests) <= self._count:
            return None
        self.hung += 1
        return Step(drop=True, sleep_seconds=SILENCE_SECONDS)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same run, never interrupted."""
    project = make_project(tmp_path_factory.mktemp("unbroken") / "project")
    with fault_server(good_answer) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.url)
        assert run_command(["-C", str(project), "backtest", "study"]) == 0
    return latest(project)


@pytest.mark.parametrize("killed_by", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_a_run_that_ends_in_the_middle(
    project: Path, tg: Run, unbroken: Path, monkeypatch: pytest.MonkeyPatch, killed_by: signal.Signals
) -> None:
    with fault_server(good_answer) as server:
        silence = Silent(server, CALLS_BEFORE_SILENCE)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        child = start(project, "backtest", "study")
        wait_until(lambda: silence.hung >= 2, child)
        folder = latest(project)
        wait_until(lambda: whole_rows(folder / "decisions.jsonl") >= 3, child)
        time.sleep(0.3)
        at = time.monotonic()
        child.send_signal(killed_by)
        result = ended(child)
        seconds = time.monotonic() - at

        if killed_by is signal.SIGINT:
            assert result.exit_code == 130
            assert seconds < INTERRUPT_SECONDS
            (line,) = [line for line in result.err.splitlines()[1:] if "left" not in line]  # progress, on a busy machine
            assert line.startswith("interrupted; ")
            assert f"--resume {header(folder)['run_id']}" in line
            assert header(folder)["status"] == "interrupted"
            assert header(folder)["calls"]["total"] >= len(calls(folder)) > 0
        else:
            assert header(folder)["status"] == "running"
        assert "Traceback" not in result.err

        so_far = row_files(folder)
        assert all(row_files(unbroken)[name].startswith(content) for name, content in so_far.items())
        for words in (["runs"], ["show", "latest"], ["replay", "latest"], ["trades", "latest"], ["reflections", "latest"]):
            assert tg(*words).exit_code == 0, words
        kept = {(call.session, call.symbol) for call in calls(folder) if call.agent == "decision"}
        assert {(line["session"], line["symbol"]) for line in decisions(folder) if line["decision"]} <= kept, (
            "no row without what it was made from"
        )
        first = decisions(folder)[0]
        explained = tg("explain", "latest", first["session"], first["symbol"])
        assert (explained.exit_code, first["session"] in explained.out) == (0, True)

        seen: list[dict[str, Any]] = []
        server.choose = lambda body: seen.append(header(folder))
        resumed = tg("backtest", "--resume", "latest", "--json")
        assert (resumed.exit_code, resumed.json["status"]) == (0, "success")
        assert seen
        assert all(then["status"] == "running" and "files" not in then for then in seen)
        assert row_files(folder) == row_files(unbroken)
        assert [(call.key, call.symbol, call.session, call.position) for call in calls(folder)] == [
            (call.key, call.symbol, call.session, call.position) for call in calls(unbroken)
        ]
        for key in ("metrics", "baselines", "holds", "forecasts"):
            assert header(folder)[key] == header(unbroken)[key]
        assert tg("verify", "latest").exit_code == 0
