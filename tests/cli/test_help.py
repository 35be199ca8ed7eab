"""Help: quick, whole, plain, and without loading what it does not print."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tradinggroup.cli.main import COMMANDS, GROUPS
from tradinggroup.cli.reference import all_commands, render_cli_reference

HEAVY = ("langgraph", "chromadb", "pandas", "numpy", "openai", "backtrader", "pyarrow", "matplotlib", "exchange_calendars", "rich")
NAMES = [context.command_path for _, context in all_commands()]
PROBE = """
import json, sys
from tradinggroup.cli.main import run
code = run(sys.argv[1:])
sys.stdout.flush()
print(json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def modules_of(*words: str) -> tuple[int, set[str]]:
    done = subprocess.run([sys.executable, "-c", PROBE, *words], capture_output=True, text=True, check=True, timeout=60)
    code, names = json.loads(done.stderr.splitlines()[-1])
    return code, set(names)


@pytest.mark.parametrize("words", [["--help"], ["backtest", "--help"], ["data", "import", "--help-all"], ["--version"]], ids=" ".join)
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    code, loaded = modules_of(*words)
    assert code == 0
    assert not loaded & set(HEAVY)


def test_help_is_quick() -> None:
    """Half a second is the promise; the limit here leaves room for a busy machine."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "from tradinggroup.cli.main import run; run(['--help'])"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 2.5


def test_every_command_is_listed_and_has_help_and_an_example(tg: Run) -> None:
    top = tg("--help").out
    for name, _ in (*COMMANDS, *GROUPS):
        assert f"\n  {name}" in top
    assert len(NAMES) == len(set(NAMES)) >= 28
    for command, context in all_commands():
        path = context.command_path.split()
        result = tg(*path[1:], "--help")
        assert (result.exit_code, result.err) == (0, "")
        assert command.help, path
        assert f"Example: {context.command_path}" in result.out.replace("\n  ", " "), path
        assert all(parameter_help(parameter) for parameter in command.params), path
        assert tg(*path[1:], "-h").out == result.out


def parameter_help(parameter: Any) -> str | None:
    return getattr(parameter, "help", None)


def test_help_is_plain_text_of_eighty_columns(tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for name in NAMES:
        text = tg(*name.split()[1:], "--help-all").out
        assert max(map(len, text.splitlines())) <= 80, name
        assert text.isascii(), name
        assert "\x1b" not in text


def test_help_all_shows_the_options_that_help_hides(tg: Run) -> None:
    short, whole = tg("data", "import", "--help").out, tg("data", "import", "--help-all").out
    assert "--universe-note" not in short
    assert "--help-all shows 1 more" in short
    assert "--universe-note" in whole
    assert tg("data", "import", "--help").out == short
    assert all(f"Usage: {name} " in tg("--help-all").out for name in NAMES)


@pytest.mark.parametrize("words", [[], ["data"], ["agents"], ["config"]], ids=lambda words: " ".join(words) or "nothing")
def test_a_group_without_a_command_prints_its_help(tg: Run, words: list[str]) -> None:
    result = tg(*words)
    assert result.exit_code == 0
    assert result.out == tg(*words, "--help").out


def test_the_reference_has_every_command_and_option(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = render_cli_reference()
    assert (repository / "docs" / "cli.md").read_text(encoding="utf-8").endswith(page)
    monkeypatch.setenv("COLUMNS", "40")
    for command, context in all_commands():
        assert f"\n## {context.command_path}\n" in page
        assert all(option in page for parameter in command.params for option in parameter.opts if option.startswith("-"))
    assert render_cli_reference() == page
