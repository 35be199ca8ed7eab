"""Whole executions into a project folder: run, verify, resume, preview, lessons in Chroma."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from tests.factories import make_bundle
from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import DataError, ErrorCode, ProviderError, TradinggroupError, UsageError
from tradinggroup.experiment import Override, ResolvedExperiment, load_experiment
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.recording_rows import COLUMNS, reply_hash
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import MARKER, Project
from tradinggroup.reflection.memory import Lesson
from tradinggroup.runs import execution
from tradinggroup.runs.compare import compare_runs
from tradinggroup.runs.estimate import estimate
from tradinggroup.runs.execute import RunOptions, resume_run, run_experiment
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.lessons import lesson_store
from tradinggroup.runs.lock import only_writer
from tradinggroup.runs.preview import check_experiment, render_prompts
from tradinggroup.runs.verify import verify_run

EXPERIMENT = """name = "study"
bundle = "tiny"
symbols = ["BBB", "AAA"]
start = 2024-02-20
end = 2024-04-12
"""


def new_project(root: Path) -> Project:
    (root / "backtests").mkdir(parents=True)
    (root / MARKER).touch()
    (root / "backtests" / "study.toml").write_text(EXPERIMENT, encoding="utf-8")
    make_bundle(
        root, symbols=("AAA", "BBB"), actions=[("AAA", "split", date(2024, 3, 11), 3.0), ("BBB", "dividend", date(2024, 3, 20), 0.8)]
    )
    return Project(root)


def resolved(project: Project, *overrides: tuple[str, object]) -> ResolvedExperiment:
    return load_experiment(project, "study", [Override(key, value, "test") for key, value in overrides])


def run_study(project: Project, *overrides: tuple[str, object]) -> RunFolder:
    return run_experiment(project, resolved(project, *overrides), RunOptions())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, RunFolder]:
    project = new_project(tmp_path_factory.mktemp("finished") / "project")
    return project, run_study(project)


def copy_of(finished: tuple[Project, RunFolder], folder: Path) -> tuple[Project, RunFolder]:
    project, run = finished
    shutil.copytree(project.root, folder / "copy")
    copied = Project(folder / "copy")
    return copied, RunFolder.open(copied.runs_folder / run.name)


# -- a run ----------------------------------------------------------------------------------------------------------------


def test_a_run_has_every_file_and_says_what_it_did(finished: tuple[Project, RunFolder]) -> None:
    _, run = finished
    names = {path.name for path in run.path.iterdir()}
    assert {str(kind) for kind in RowKind} <= names
    assert {"run.json", "experiment.toml", "resolved.toml", "cards", "risk.toml", "recordings.sqlite", "baselines"} <= names
    assert not [name for name in names if name.endswith(("-wal", "-shm"))]
    summary = run.summary()
    assert (summary["status"], summary["cost_usd"]) == ("success", 0.0)
    assert set(summary["metrics"]) == {"AAA", "BBB", "ALL"}
    assert {"buy_and_hold", "sma_cross", "random", "constant_exposure"} <= set(summary["baselines"])
    assert summary["calls"]["total"] == summary["calls"]["recorded"] + summary["calls"]["live"] > 100
    assert sum(summary["holds"].values()) == sum(line["hold_kind"] is not None for line in run.decisions())
    assert summary["forecasts"]["ALL"]["count"] == summary["forecasts"]["AAA"]["count"] + summary["forecasts"]["BBB"]["count"]


def test_rows_are_ordered_by_session_then_symbol(finished: tuple[Project, RunFolder]) -> None:
    _, run = finished
    rows: Sequence[Sequence[dict[str, object]]] = [
        run.decisions(),
        run.equity(),
        run.orders(),
        run.fills(),
        run.outcomes(),
        run.reflections(),
    ]
    for each in rows:
        places = [(str(row["session"]), str(row["symbol"])) for row in each]
        assert places == sorted(places)
        assert places


def test_the_account_is_whole_and_never_in_debt(finished: tuple[Project, RunFolder]) -> None:
    _, run = finished
    assert all(row["cash_usd"] >= 0 and row["shares"] >= 0 for row in run.equity())
    assert {row["equity_usd"] for row in run.equity() if row["session"] == run.equity()[0]["session"]} == {100_000.0}


def test_baselines_only(finished: tuple[Project, RunFolder], tmp_path: Path) -> None:
    project, _ = copy_of(finished, tmp_path)
    run = run_study(project, ("agents_enabled", False))
    assert (run.status, run.decisions(), run.summary()["metrics"]) == ("success", [], {})
    assert set(run.summary()["baselines"]) == {"buy_and_hold", "sma_cross"}
    assert "no agents" in run.header["baselines_missing"]["random"]
    assert verify_run(project, run).equal


# -- verify ---------------------------------------------------------------------------------------------------------------


def test_verify_is_equal_byte_for_byte_and_is_noted(finished: tuple[Project, RunFolder], tmp_path: Path) -> None:
    project, run = copy_of(finished, tmp_path)
    before = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    result = verify_run(project, run)
    assert result.equal
    assert len(result.compared) == 9
    after = {path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}
    assert set(after) - set(before) == {"checks.jsonl"}
    assert all(after[name] == content for name, content in before.items())
    assert json.loads(after["checks.jsonl"])["ok"] is True
    assert len(list(project.runs_folder.iterdir())) == 1, "verify makes no run"


def test_verify_names_the_first_line_that_differs(finished: tuple[Project, RunFolder], tmp_path: Path) -> None:
    project, run = copy_of(finished, tmp_path)
    path = run.path / RowKind.EQUITY
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[7] = lines[7].rpartition(",")[0] + ",1.5"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = verify_run(project, RunFolder.open(run.path))
    assert (result.equal, result.file, result.line) == (False, "equity.csv", 8)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE calls SET agent = 'style' WHERE agent = 'decision' AND session = '2024-03-05' AND symbol = 'AAA'", "no such call"),
        ("UPDATE calls SET key = (SELECT MAX(key) FROM calls) WHERE agent = 'decision'", "sha256:"),
        ("DELETE FROM calls WHERE agent = 'decision' AND symbol = 'AAA'", "no such call"),
    ],
)
def test_verify_compares_which_decision_asked_what(finished: tuple[Project, RunFolder], tmp_path: Path, statement: str, said: str) -> None:
    project, run = copy_of(finished, tmp_path)
    with sqlite3.connect(run.recordings) as store:
        assert store.execute(statement).rowcount > 0
    result = verify_run(project, run)
    assert (result.equal, result.file) == (False, "recordings.sqlite")
    assert (result.field or "").startswith("call of ")
    assert said in (result.expected or "") + (result.found or "")


def _hash_anew(path: Path) -> None:
    """As somebody does who knows how: the hash is no signature."""
    with sqlite3.connect(path) as store:
        for row in store.execute(f"SELECT {', '.join(COLUMNS)} FROM recordings").fetchall():
            store.execute("UPDATE recordings SET reply_hash = ? WHERE key = ?", (reply_hash(row, []), row[0]))


def test_verify_reads_the_recordings_and_nothing_else(finished: tuple[Project, RunFolder], tmp_path: Path) -> None:
    """A changed answer in the store is an error, changes decisions where its hash is gone too; one that is gone is an error."""
    project, run = copy_of(finished, tmp_path)
    with sqlite3.connect(run.recordings) as store:
        store.execute("UPDATE recordings SET answer = json_set(answer, '$.reasoning', 'not what was said') WHERE answer LIKE '%action%'")
    with pytest.raises(DataError, match=r"RECORDING_INVALID.*was changed: its answer is not the one"):
        verify_run(project, run)
    _hash_anew(run.recordings)
    assert verify_run(project, run).file == "decisions.jsonl"
    with sqlite3.connect(run.recordings) as store:
        store.execute("DELETE FROM recordings WHERE key IN (SELECT key FROM calls WHERE agent = 'forecasting')")
    with pytest.raises(DataError, match=r"RECORDING_MISSING.*agent=forecasting"):
        verify_run(project, run)


def test_a_run_that_cannot_be_written_is_verified_all_the_same(
    finished: tuple[Project, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, run = copy_of(finished, tmp_path)
    (run.path / "checks.jsonl").mkdir()  # a folder in its place: what a read-only disk does, also for root
    assert verify_run(project, run).equal


def test_a_replay_refuses_the_network(finished: tuple[Project, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only the gateway holds it back: no code of the process may connect."""
    project, _ = copy_of(finished, tmp_path)

    class Connecting(RulesAnalyst):
        async def answer(self, request: ModelRequest) -> ModelReply:
            socket.create_connection(("127.0.0.1", 9), timeout=1)
            return await super().answer(request)

    monkeypatch.setattr(execution, "make_model", lambda name, settings, *_, **__: Connecting())
    with pytest.raises(DataError, match="network is refused"):
        run_experiment(project, resolved(project), RunOptions(calls="replay"))


def test_verify_on_another_bundle_is_a_data_error(finished: tuple[Project, RunFolder], tmp_path: Path) -> None:
    project, run = copy_of(finished, tmp_path)
    shutil.rmtree(project.bundle_folder("tiny"))
    with pytest.raises(DataError, match="BUNDLE_NOT_FOUND"):
        verify_run(project, run)
    make_bundle(project.root, symbols=("AAA", "BBB"), seed=5)
    with pytest.raises(DataError, match=r"BUNDLE_INVALID.*another version"):
        verify_run(project, run)


# -- resume ---------------------------------------------------------------------------------------------------------------


class DyingAnalyst(RulesAnalyst):
    """The rule-based analyst, until its server dies at one call."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    async def answer(self, request: ModelRequest) -> ModelReply:
        self.left -= 1
        if self.left < 0:
            raise ProviderError(ErrorCode.PROVIDER_FAILED, "the server died")
        return await super().answer(request)


@pytest.mark.parametrize("calls", [0, 40, 300])
def test_a_run_that_died_and_was_resumed_equals_the_unbroken_one(
    finished: tuple[Project, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    _, unbroken = finished
    project = new_project(tmp_path / "project")
    with monkeypatch.context() as patch:
        patch.setattr(execution, "make_model", lambda name, settings, *_, **__: DyingAnalyst(calls))
        with pytest.raises(ProviderError):
            run_study(project)
    (folder,) = project.runs_folder.iterdir()
    broken = RunFolder.open(folder)
    assert broken.status == "provider"
    assert broken.decisions() == unbroken.decisions()[: len(broken.decisions())]
    again = resume_run(project, broken, RunOptions())
    assert again.status == "success"
    assert again.path == folder
    assert again.summary()["calls"]["recorded"] >= min(calls, 40) // 2
    assert compare_runs(unbroken.path, again.path).equal
    assert verify_run(project, again).equal


def test_a_run_is_written_by_one_process_at_a_time(finished: tuple[Project, RunFolder], tmp_path: Path) -> None:
    """A second terminal that resumes a run which is still going would ask, and pay, twice."""
    project, run = copy_of(finished, tmp_path)
    going = RunFolder(run.path, {**run.header, "status": "running"})
    before = (run.path / RowKind.DECISION).read_bytes()
    with only_writer(run.path), pytest.raises(UsageError, match="another process is writing"):
        resume_run(project, going, RunOptions())
    assert (run.path / RowKind.DECISION).read_bytes() == before
    assert resume_run(project, going, RunOptions()).status == "success"
    assert not list(run.path.glob(".lock*"))


def test_what_cannot_be_resumed(finished: tuple[Project, RunFolder], tmp_path: Path) -> None:
    project, run = copy_of(finished, tmp_path)
    with pytest.raises(UsageError, match="has ended"):
        resume_run(project, run, RunOptions())
    older = {**run.header, "status": "interrupted", "versions": {"tradinggroup": "0.0.1"}}
    with pytest.raises(UsageError, match="another version"):
        resume_run(project, RunFolder(run.path, older), RunOptions())


# -- lessons in Chroma ------------------------------------------------------------------------------------------------------


def test_the_collection_holds_the_lessons_of_the_log_as_of_any_session(finished: tuple[Project, RunFolder]) -> None:
    """Written when the run ended, read back from disk, rebuilt from the file: three times the same."""
    project, run = finished
    assert (project.lessons_folder / run.name / "chroma.sqlite3").is_file()
    logged = [Lesson.from_line(line) for line in run.reflections()]
    store = lesson_store(project, run)
    for session in (date(2024, 3, 5), date(2024, 3, 28), date(2024, 4, 12)):
        expected = [lesson for lesson in logged if lesson.session <= session]
        assert {lesson.lesson_id: lesson for lesson in store.as_of(session)} == {lesson.lesson_id: lesson for lesson in expected}
    assert 0 < len(store.as_of(date(2024, 3, 5))) < len(store.as_of(date(2024, 4, 12)))


# -- looking before running ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("agent", ["news_sentiment", "forecasting", "style_selection", "decision"])
def test_a_rendered_prompt_is_the_one_that_the_run_asked(finished: tuple[Project, RunFolder], agent: str) -> None:
    project, run = finished
    session = next(
        line["session"] for line in run.decisions() if line["symbol"] == "AAA" and line["session"] > "2024-03-20" and line["decision"]
    )
    requests = render_prompts(project, resolved(project), agent, date.fromisoformat(session), "AAA")
    with RecordingStore.open(run.recordings, readonly=True) as store:
        recorded = store.read_calls(session=session, symbol="AAA", agent=agent)
    assert [request.key for request in requests] == [call.key for call in recorded]
    assert requests


@pytest.mark.parametrize(
    ("session", "symbol", "code"),
    [
        (date(2024, 3, 20), "ZZZ", "SYMBOL_UNKNOWN"),
        (date(2024, 3, 23), "AAA", "DECISION_NOT_FOUND"),
        (date(2024, 6, 3), "AAA", "DATES_OUTSIDE"),
    ],
)
def test_a_prompt_that_there_is_not(finished: tuple[Project, RunFolder], session: date, symbol: str, code: str) -> None:
    project, _ = finished
    with pytest.raises(TradinggroupError, match=code):
        render_prompts(project, resolved(project), "decision", session, symbol)


def test_the_estimate_is_an_upper_bound_that_the_run_comes_close_to(finished: tuple[Project, RunFolder]) -> None:
    project, run = finished
    plan = estimate(project, resolved(project))
    assert plan["decisions"] == len(run.decisions())
    assert plan["sessions"] == run.header["sessions"]
    assert 0.7 * plan["calls_estimated"] < run.summary()["calls"]["total"] <= plan["calls_estimated"] + 4
    assert plan["cost_usd"] == 0.0
    assert estimate(project, resolved(project, ("model", "openai:x")))["cost_usd"] is None


def test_a_check_looks_at_every_part(finished: tuple[Project, RunFolder]) -> None:
    project, _ = finished
    assert all(line.ok for line in check_experiment(project, resolved(project)))
    broken = check_experiment(project, resolved(project, ("bundle", "tinny"), ("risk", "defalt"), ("model", "opnai:x")))
    assert {line.what for line in broken if not line.ok} == {"bundle", "risk profile", "model"}
    assert any("Did you mean tiny?" in line.text for line in broken)
