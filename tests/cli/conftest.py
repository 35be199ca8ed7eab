"""A way to run the command line in this process, and a project folder to run it in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from tests.support.books import books_of_whole_runs  # noqa: F401 (a fixture)
from tradinggroup.cli.main import run
from tradinggroup.project import MARKER

EXPERIMENT = """name = "study"
bundle = "tiny"
symbols = ["AAA", "BBB"]
start = 2024-03-04
end = 2024-04-12
"""


@dataclass(frozen=True)
class Result:
    exit_code: int
    out: str
    err: str


class Run(Protocol):
    def __call__(self, *words: str) -> Result: ...


@pytest.fixture
def tg(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line; gives exit code, stdout and stderr."""

    def call(*words: str) -> Result:
        capsys.readouterr()
        exit_code = run(words)
        captured = capsys.readouterr()
        return Result(exit_code, captured.out, captured.err)

    return call


@pytest.fixture
def project_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project with one experiment, as the working folder."""
    root = tmp_path / "project"
    (root / "backtests").mkdir(parents=True)
    (root / MARKER).touch()
    (root / "backtests" / "study.toml").write_text(EXPERIMENT, encoding="utf-8")
    monkeypatch.chdir(root)
    return root
