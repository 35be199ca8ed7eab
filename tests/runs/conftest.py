from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.factory import make_project, make_run
from tests.support.books import books_of_whole_runs  # noqa: F401 (a fixture)
from tradinggroup.project import Project
from tradinggroup.runs.folder import RunFolder


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
