"""Whatever goes wrong: one line on stderr, nothing on stdout, the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tradinggroup import __version__
from tradinggroup.cli import main as entry
from tradinggroup.cli import runs as runs_command
from tradinggroup.cli.main import as_known_error, notes_of, run
from tradinggroup.errors import BudgetError, DataError, ErrorCode, ProviderError, UsageError

WRONG_LINES = [
    (["backtst"], "USAGE: no such command 'backtst'. Did you mean 'backtest'? See: tradinggroup --help."),
    (["agents", "lst"], "See: tradinggroup agents --help."),
    (["backtest", "study", "--cahs", "3"], "USAGE: no such option: --cahs (Possible options: --calls, --cash)."),
    (["backtest", "study", "--seed"], "USAGE: option '--seed' requires an argument"),
    (["backtest"], "USAGE: no EXPERIMENT. Name one:"),
    (["backtest", "study", "extra"], "USAGE: got unexpected extra argument(s) (extra)"),
    (["backtest", "study", "--calls", "never"], "USAGE: invalid value for '--calls'"),
    (["backtest", "--resume", "latest", "--seed", "3"], "USAGE: --resume cannot go with --seed."),
    (["backtest", "study", "--resume", "latest"], "USAGE: --resume cannot go with study."),
    (["backtest", "--resume", "latest", "--dry-run"], "USAGE: --resume cannot go with --dry-run."),
    (["explain"], "USAGE: missing argument 'RUN'. See: tradinggroup explain --help."),
    (["explain", "latest", "yesterday"], "USAGE: SESSION yesterday is no day. Write it as YYYY-MM-DD"),
    (["replay", "--from", "2024-13-01"], "USAGE: --from 2024-13-01 is no day."),
    (["reflections", "--as-of", "x"], "USAGE: --as-of x is no day."),
    (["reflections", "--used-by", "x", "AAA"], "USAGE: --used-by x is no day."),
    (["data", "import", "."], "USAGE: missing option '--name'"),
    (["data", "import", ".", "--name", "x", "--start", "soon"], "USAGE: --start soon is no day."),
    (["data", "ingest", "--symbols", "A", "--start", "x", "--end", "y", "--name", "n"], "USAGE: --start x is no day."),
    (["config", "show", "--set", "seed=1"], "USAGE: --set without an EXPERIMENT."),
    (["-C", "nowhere", "runs"], "PROJECT_INVALID: no folder nowhere."),
    (["config", "show", "stdy"], "EXPERIMENT_NOT_FOUND: no experiment file stdy. Did you mean study?"),
    (["config", "show", "study", "--symbols", "A,A"], "SETTING_INVALID: symbols names A twice, origin=--symbols."),
    (["config", "show", "study", "--symbols", "A", "--symbols", "A"], "SETTING_INVALID: symbols names A twice, origin=--symbols."),
    (["config", "show", "study", "--cash", "lots"], "SETTING_INVALID: cash_usd=lots must be a valid number, origin=--cash."),
    (["config", "show", "study", "--start", "2024-05-01"], "(--start) is after end=2024-04-12 (backtests/study.toml)."),
    (["config", "show", "study", "--without", "news"], "SETTING_INVALID: without=news must be one of reflections, risk, style, "),
    (["config", "show", "study", "--set", "k=1"], "SETTING_UNKNOWN: no setting k, origin=--set. Did you mean agents.news_sentiment.k?"),
    (["config", "show", "study", "--set", "accounts=shared"], "NOT_BUILT_YET: accounts=shared, origin=--set"),
    (["config", "show", "study", "--set", "fill=next_opne"], "SETTING_INVALID: fill=next_opne must be one of next_open, next_close, "),
    (["agents", "show", "decisio"], "CARD_INVALID: no agent decisio. Did you mean decision?"),
    (["agents", "render", "x", "study", "--session", "2024-03-04", "--symbol", "AAA"], "CARD_INVALID: no agent x."),
]  # fmt: skip


@pytest.mark.parametrize(("words", "says"), WRONG_LINES, ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_wrong_command_line(tg: Run, project_folder: Path, words: list[str], says: str) -> None:
    result = tg(*words)
    assert result.exit_code == 2
    assert result.out == ""
    assert says in result.err
    assert len(result.err.splitlines()) == 1
    assert "Traceback" not in result.err
    assert not (project_folder / "backtests" / "runs").exists()


def test_outside_of_a_project(tg: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = tg("runs")
    assert (result.exit_code, result.out) == (2, "")
    assert "PROJECT_INVALID" in result.err
    assert "tradinggroup init NAME" in result.err


@pytest.mark.parametrize(
    ("problem", "exit_code", "line"),
    [
        (UsageError(ErrorCode.CARD_INVALID, "a card"), 2, "CARD_INVALID: a card."),
        (DataError(ErrorCode.RECORDING_MISSING, "a call"), 3, "RECORDING_MISSING: a call."),
        (BudgetError(ErrorCode.BUDGET_REACHED, "spent"), 4, "BUDGET_REACHED: spent."),
        (ProviderError(ErrorCode.PROVIDER_FAILED, "no server"), 5, "PROVIDER_FAILED: no server."),
        (OSError(28, "No space left on device", "run.json"), 2, "PROJECT_INVALID: run.json: No space left on device. Check"),
        (ValueError("odd\nsecond line"), 1, "INTERNAL: ValueError: odd. Please report it; TRADINGGROUP_DEBUG=1 prints where it happened."),
        (AssertionError(), 1, "INTERNAL: AssertionError. Please report it"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_what_a_command_raises(
    tg: Run, project_folder: Path, monkeypatch: pytest.MonkeyPatch, problem: BaseException, exit_code: int, line: str
) -> None:
    def fail(_: object) -> None:
        raise problem

    monkeypatch.setattr(runs_command, "project_of", fail)
    result = tg("runs")
    assert (result.exit_code, result.out) == (exit_code, "")
    assert result.err.startswith(line)
    assert len(result.err.splitlines()) == 1


def test_the_traceback_is_shown_on_request(tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ValueError("odd")

    monkeypatch.setattr(runs_command, "project_of", fail)
    monkeypatch.setenv(entry.DEBUG_VARIABLE, "1")
    assert "Traceback" in tg("runs").err


def test_a_closed_pipe_ends_quietly(project_folder: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    code = "import sys; from tradinggroup.cli.main import main; sys.argv[1:] = ['config', 'show', 'study']; main()"
    done = subprocess.run([sys.executable, "-c", code], stdout=write_end, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    os.close(write_end)
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_usage_errors_of_the_parser_become_ours() -> None:
    assert run(["--version"]) == 0
    assert as_known_error(RuntimeError("x")).code is ErrorCode.INTERNAL


def test_notes_of_libraries_are_not_shown() -> None:
    problem = DataError(ErrorCode.RUN_INVALID, "x")
    problem.add_note("During task with name 'decision'")
    problem.add_note("the run folder stays readable: here")
    assert notes_of(problem) == ["the run folder stays readable: here"]
    assert notes_of(KeyboardInterrupt()) == []


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "tradinggroup", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout
