"""A project folder with a small bundle and an experiment that asks a model server, and the command line over it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.command import Result, Run
from tests.factories import make_bundle
from tests.support.books import books_of_whole_runs  # noqa: F401 (a fixture)
from tradinggroup.cli.main import run
from tradinggroup.project import MARKER

EXPERIMENT = """name = "study"
bundle = "tiny"
symbols = ["AAA", "BBB"]
start = 2024-03-04
end = 2024-03-22
model = "openai:m"
baselines = ["buy_and_hold"]
[models]
retry_wait_seconds = 0.01
structured_output = "json_schema"
"""


def make_project(root: Path) -> Path:
    """A project in `root`, made: bundle `tiny` of 80 sessions, experiment `study` over 15 of them."""
    (root / "backtests").mkdir(parents=True)
    (root / MARKER).touch()
    (root / "backtests" / "study.toml").write_text(EXPERIMENT, encoding="utf-8")
    make_bundle(root, symbols=("AAA", "BBB"))
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def tg(project: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command line over `project` in this process."""

    def call(*words: str) -> Result:
        capsys.readouterr()
        exit_code = run(["-C", str(project), *words])
        captured = capsys.readouterr()
        return Result(exit_code, captured.out, captured.err)

    return call
