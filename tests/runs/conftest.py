from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.factories import make_bundle
from tests.runs.factory import make_project, make_run
from tests.support.books import books_of_whole_runs  # noqa: F401 (a fixture)
from tradinggroup.experiment import load_experiment
from tradinggroup.project import Project
from tradinggroup.runs.execute import RunOptions, run_experiment
from tradinggroup.runs.folder import RunFolder

COSTLY = """name = "study"
bundle = "tiny"
symbols = ["AAA", "BBB"]
start = 2024-02-20
end = 2024-04-12
baselines = ["buy_and_hold"]
cash_rate_per_year = 0.04
[costs]
half_spread_bps = 2.0
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


@pytest.fixture
def run(project: Project) -> RunFolder:
    return make_run(project)


@pytest.fixture(scope="module")
def shared_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that tests only read."""
    return make_run(make_project(tmp_path_factory.mktemp("shared")))


@pytest.fixture(scope="package")
def costly_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A whole run of the rules, with interest, slippage, a split and a dividend; tests only read it."""
    project = make_project(tmp_path_factory.mktemp("costly") / "project")
    project.experiments_folder.mkdir(parents=True)
    (project.experiments_folder / "study.toml").write_text(COSTLY, encoding="utf-8")
    split, dividend = date(2024, 3, 11), date(2024, 3, 20)
    actions = [("AAA", "split", split, 3.0), ("AAA", "dividend", dividend, 0.8), ("BBB", "dividend", dividend, 0.5)]
    make_bundle(project.root, symbols=("AAA", "BBB"), actions=actions)
    return run_experiment(project, load_experiment(project, "study"), RunOptions())
