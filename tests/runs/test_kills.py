"""A run killed at any point goes on, asks again only what was not answered, and ends byte-identical (invariant 4).

While one run goes, its folder is copied again and again: each copy is what a kill at that moment leaves on the disk. Others are
torn besides, as a power failure tears them: row files cut at any byte, zeros in place of what was not written yet, a half header.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.e2e.test_unwritable import file_limit
from tests.runs.test_execute import new_project, run_study
from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import DataError, TradinggroupError
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import Project
from tradinggroup.runs import execution
from tradinggroup.runs.compare import compare_runs
from tradinggroup.runs.execute import RunOptions, resume_run
from tradinggroup.runs.folder import RunFolder

STUDY = (("model", "openai:m"), ("baselines", ["buy_and_hold"]), ("start", date(2024, 3, 4)), ("end", date(2024, 3, 15)))
EVERY_CALLS = 2
"""A copy is taken at each second call that is asked."""
KINDS = ("killed", "torn", "zeroed")


@dataclass
class Server:
    """Stands in for a model server: answers by content alone, in any order, and counts; copies the run's folder meanwhile."""

    asked: list[str] = field(default_factory=list)
    watched: Path | None = None
    copies: list[Path] = field(default_factory=list)
    into: Path = Path()

    async def answer(self, request: ModelRequest) -> ModelReply:
        self.asked.append(request.key)
        await asyncio.sleep(0)
        if self.watched is not None and len(self.asked) % EVERY_CALLS == 0:
            self._copy(self.watched)
        return await RulesAnalyst().answer(request)

    def _copy(self, runs: Path) -> None:
        target = self.into / str(len(self.copies))
        with contextlib.suppress(shutil.Error):  # a `-shm` that went away meanwhile
            shutil.copytree(runs, target)
        self.copies.append(target)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Project, RunFolder, Server]]:
    """A run that went to its end, and what its folder was like on the way."""
    folder = tmp_path_factory.mktemp("watched")
    project = new_project(folder / "project")
    server = Server(watched=project.runs_folder, into=folder / "copies")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        patch.setattr(execution, "make_model", lambda *_, **__: server)
        patch.setattr("tradinggroup.runs.execute.keep_lessons", lambda project, run: None)
        yield project, run_study(project, *STUDY), server


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")


def project_with(runs: Path | None, root: Path, like: Project) -> Project:
    """A project with these runs and without shared recordings: whatever the runs lack has to be asked."""
    shutil.copytree(like.root, root, ignore=shutil.ignore_patterns("runs", "recordings.sqlite*", "chunks"))
    if runs is not None:
        shutil.copytree(runs, root / "backtests" / "runs")
    return Project(root)


def tear(folder: Path, kind: str, generator: np.random.Generator) -> None:
    """What is left after a power failure: no byte of a row file is certain, since rows are made again from the recordings."""
    for row_kind in RowKind:
        path = folder / row_kind
        content = path.read_bytes()
        kept = content[: int(generator.integers(0, len(content) + 1))]
        path.write_bytes(kept + (b"\0" * int(generator.integers(0, 5000)) if kind == "zeroed" else b""))
    (folder / "run.json.partial").write_bytes(b'{"format_version": 1, "ru')
    (folder / ".lock").touch()


def check_goes_on(project: Project, unbroken: RunFolder, server: Server) -> None:
    """Resume the one run of a project: only what is not in its store is asked, and it ends as the unbroken run."""
    (folder,) = project.runs_folder.iterdir()
    with RecordingStore.open(unbroken.recordings, readonly=True) as store:
        needed = {row[0] for row in store.rows("SELECT key FROM recordings")}
    with RecordingStore.open(folder / "recordings.sqlite") as store:
        kept = {row[0] for row in store.rows("SELECT key FROM recordings")}
    server.asked.clear()
    again = resume_run(project, RunFolder.open(folder), RunOptions())
    assert again.status == "success"
    assert sorted(server.asked) == sorted(needed - kept)
    result = compare_runs(unbroken.path, again.path)
    assert result.equal, result
    with RecordingStore.open(again.recordings, readonly=True) as store, RecordingStore.open(unbroken.recordings, readonly=True) as other:
        assert store.read_calls() == other.read_calls()
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.long)], ids=["", "more"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_killed_at_any_point_goes_on(watched: tuple[Project, RunFolder, Server], tmp_path: Path, kind: str, half: int) -> None:
    project, unbroken, server = watched
    server.watched = None
    begun = [copy for copy in server.copies if list(copy.glob("*/run.json"))]
    points = begun[KINDS.index(kind) + half * len(KINDS) :: 2 * len(KINDS)]
    assert len(points) >= 6
    generator = np.random.default_rng(7)
    for number, copy in enumerate(points):
        broken = project_with(copy, tmp_path / str(number), project)
        (folder,) = broken.runs_folder.iterdir()
        assert RunFolder.open(folder).status == "running"
        if kind != "killed":
            tear(folder, kind, generator)
        check_goes_on(broken, unbroken, server)


def test_rows_never_run_ahead_of_what_they_were_made_from(watched: tuple[Project, RunFolder, Server]) -> None:
    """In every copy: each decision that stands there has its call in the store."""
    _, unbroken, server = watched
    seen = 0
    for copy in server.copies:
        for folder in copy.iterdir():
            if not (folder / "run.json").is_file() or not (folder / "recordings.sqlite").is_file():
                continue
            lines = RunFolder.open(folder).decisions()
            with RecordingStore.open(folder / "recordings.sqlite") as store:
                asked = set(store.rows("SELECT session, symbol FROM calls JOIN recordings USING (key) WHERE agent = 'decision'"))
            assert {(line["session"], line["symbol"]) for line in lines if line["decision"]} <= asked
            seen += len(lines)
    assert seen > len(unbroken.decisions())


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of file sizes to set")
@pytest.mark.parametrize("kilobytes", [20, 100])
def test_a_full_disk_loses_nothing_that_was_written(watched: tuple[Project, RunFolder, Server], tmp_path: Path, kilobytes: int) -> None:
    project, unbroken, server = watched
    server.watched = None
    small = project_with(None, tmp_path / "project", project)
    with file_limit(kilobytes * 1024), pytest.raises(TradinggroupError) as caught:
        run_study(small, *STUDY)
    assert isinstance(caught.value, DataError)
    assert "RUN_UNWRITABLE" in str(caught.value)
    for name in small.root.joinpath("backtests").glob("recordings.sqlite*"):
        name.unlink()
    check_goes_on(small, unbroken, server)
