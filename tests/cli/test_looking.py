"""The pages of a run as a person meets them: `logs`, `show`, and `replay --step` in a terminal of its own."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.runs.factory import make_project, make_run
from tradinggroup.project import Project

PROMPT = b"q quit"


@pytest.fixture
def looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    project = make_project(tmp_path / "project")
    make_run(project)
    monkeypatch.chdir(project.root)
    return project


def test_logs_lists_finds_and_shows_calls(looked_at: Project, tg: Run) -> None:
    listed = tg("logs", "--symbol", "ACME", "--limit", "3")
    assert (listed.exit_code, listed.err) == (0, "")
    assert "8 model calls" in listed.out
    assert "the last 3" in listed.out
    key = listed.out.split()[-1]
    whole = tg("logs", "latest", "--call", key).out
    assert "user      | ACME 2023-09-20: a breakout?" in whole
    calls = json.loads(tg("logs", "--session", "2023-09-12", "--text", "breakout", "--json").out)["calls"]
    assert [call["symbol"] for call in calls] == ["ACME", "BOLT"]
    assert calls[0]["messages"] == [{"role": "user", "content": "ACME 2023-09-12: a breakout?"}]
    assert len(json.loads(tg("logs", "--limit", "5", "--json").out)["calls"]) == 5
    assert "0 model calls" in tg("logs", "--failed").out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("logs", "--agent", "decisions"), 2, "USAGE: no agent decisions. Did you mean decision?"),
        (("logs", "--symbol", "acme"), 2, "SYMBOL_UNKNOWN"),
        (("logs", "--session", "soon"), 2, "USAGE: --session soon is no day"),
        (("logs", "--call", "abcdef", "--failed"), 2, "USAGE: --call names one call already"),
        (("logs", "--call", "abcdefabcdef"), 3, "RECORDING_MISSING"),
        (("logs", "--limit", "-1"), 2, "USAGE"),
        (("logs", "zzz"), 3, "RUN_NOT_FOUND"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_logs_refuses_what_cannot_be(looked_at: Project, tg: Run, words: tuple[str, ...], code: int, said: str) -> None:
    result = tg(*words)
    assert (result.exit_code, result.out) == (code, "")
    assert said in result.err


def test_logs_without_recordings_is_one_clear_error(looked_at: Project, tg: Run) -> None:
    next(looked_at.runs_folder.glob("*/recordings.sqlite")).unlink()
    result = tg("logs")
    assert result.exit_code == 3
    assert result.err.startswith("RECORDING_INVALID")


def test_show_has_one_screen_and_all_has_the_rest(looked_at: Project, tg: Run) -> None:
    short, whole = tg("show").out.splitlines(), tg("show", "--all").out.splitlines()
    assert len(short) <= 45
    assert all(any(line.startswith("assumes") for line in lines) for lines in (short, whole))
    assert any(line.startswith("what may be claimed") for line in whole)
    assert not any(line.startswith("what may be claimed") for line in short)
    assert short[-1] == whole[-1]
    assert short[-1].startswith("saved backtests/runs/")


def test_step_without_a_terminal_says_so_and_prints_every_session(looked_at: Project, tg: Run) -> None:
    stepped, plain = tg("replay", "--step"), tg("replay")
    assert stepped.out == plain.out
    assert stepped.err == "--step needs a terminal for its keys; all sessions follow, as without it\n"
    assert plain.err == ""
    assert stepped.exit_code == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_step_walks_in_a_terminal_and_gives_it_back(looked_at: Project) -> None:
    import pty
    import termios

    terminal, inner = pty.openpty()
    command = [sys.executable, "-c", "from tradinggroup.cli.main import main; main()", "replay", "--step"]
    try:
        with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner) as walk:
            seen = [read_until(terminal, PROMPT)]
            before = termios.tcgetattr(inner)[3] & termios.ICANON
            for key in (b"\x1b[C", b"t", b"x", b"z"):
                os.write(terminal, key)
                seen.append(read_until(terminal, PROMPT))
            os.write(terminal, b"q")
            assert walk.wait(30) == 0
        after = termios.tcgetattr(inner)[3] & termios.ICANON
    finally:
        os.close(terminal)
        os.close(inner)
    first, right, trade, stop, unknown = (each.decode() for each in seen)
    assert "-- session 1 of 8" in first
    assert "-- session 2 of 8" in right
    assert "-- session 6 of 8" in trade
    assert "no stop or target after this session" in stop
    assert "no such key" in unknown
    assert (before, after) == (0, termios.ICANON), "keys come without Enter, and lines again afterwards"


def read_until(terminal: int, mark: bytes) -> bytes:
    """What the program printed up to `mark` and the end of that line."""
    text, deadline = b"", time.monotonic() + 30
    while mark not in text or not text.endswith(b"\n"):
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, text
        text += os.read(terminal, 65536)
    return text
