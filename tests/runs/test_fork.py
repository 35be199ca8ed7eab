"""A fork: the same bytes up to a session, other settings from it on, resumable and verifiable without its parent."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.runs.test_execute import DyingAnalyst, copy_of, new_project, run_study
from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import DataError, ErrorCode, ProviderError, TradinggroupError, UsageError
from tradinggroup.experiment import Override
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.project import Project, defaults_root
from tradinggroup.runs import execution
from tradinggroup.runs.compare import compare_runs
from tradinggroup.runs.execute import RunOptions, resume_run
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.fork import fork_run
from tradinggroup.runs.verify import verify_run

SESSION = date(2024, 3, 7)
Finished = tuple[Project, RunFolder]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    project = new_project(tmp_path_factory.mktemp("template") / "project")
    (project.root / "risk").mkdir()
    text = (defaults_root() / "risk" / "default.toml").read_text(encoding="utf-8")
    assert text.count("maximum_weight_fraction = 1.0") == 1
    (project.root / "risk" / "half.toml").write_text(
        text.replace("maximum_weight_fraction = 1.0", "maximum_weight_fraction = 0.1"), encoding="utf-8"
    )
    return project, small_study(project)


def small_study(project: Project) -> RunFolder:
    return run_study(project, ("baselines", ["buy_and_hold"]), ("symbols", ["AAA"]), ("end", date(2024, 4, 5)))


@pytest.fixture(autouse=True)
def without_chroma(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lessons in Chroma are derived, tested elsewhere, and take longer than these runs."""
    monkeypatch.setattr("tradinggroup.runs.execute.keep_lessons", lambda project, run: None)


@pytest.fixture
def parent(template: Finished, tmp_path: Path) -> Finished:
    return copy_of(template, tmp_path)


def fork(project: Project, run: RunFolder, session: date = SESSION, **settings: Any) -> RunFolder:
    overrides = [Override(key.replace("__", "."), value, "test") for key, value in settings.items()]
    return fork_run(project, run, session, overrides, RunOptions(note="what if"))


def rows(run: RunFolder, kind: RowKind, *, before: date = SESSION) -> list[bytes]:
    """The lines of a file that belong to sessions before `before`."""
    lines = (run.path / kind).read_bytes().splitlines()
    first = 1 if kind.value.endswith(".csv") else 0
    parsed = {"decisions.jsonl": run.decisions, "outcomes.jsonl": run.outcomes, "reflections.jsonl": run.reflections}
    parsed |= {"orders.csv": run.orders, "fills.csv": run.fills, "trades.csv": run.trades, "equity.csv": run.equity}
    return [line for line, row in zip(lines[first:], parsed[kind](), strict=True) if row["session"] < before.isoformat()]


def check_past(run: RunFolder, parent: RunFolder, before: date = SESSION) -> None:
    for kind in RowKind:
        assert rows(run, kind, before=before) == rows(parent, kind, before=before), kind
    assert rows(run, RowKind.DECISION, before=before)


def test_a_fork_without_a_change_is_its_parent(parent: Finished) -> None:
    project, run = parent
    forked = fork(project, run)
    assert compare_runs(run.path, forked.path).equal
    assert verify_run(project, forked).equal


CHANGES: dict[str, dict[str, Any]] = {
    "risk profile": {"risk": "half"},
    "without reflections": {"without": ["reflections"]},
    "an agent's setting": {"agents__news_sentiment__positive_from": 0.9, "agents__forecasting__threshold_up": 0.2},
    "reflection": {"reflection__window_sessions": 6, "reflection__minimum_labelled": 2, "reflection__label_alpha": 2.0},
    "a placebo": {"placebo": ["news", "reflections"]},
    "stops inside the bar": {"stops": "intraday"},
    "the gap buffer": {"gap_buffer_fraction": 0.2},
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_past_is_the_parent_s_and_what_follows_is_not(parent: Finished, what: str) -> None:
    project, run = parent
    forked = fork(project, run, **CHANGES[what])
    assert forked.status == "success"
    check_past(forked, run)
    assert not compare_runs(run.path, forked.path).equal
    fork_facts = forked.header["fork"]
    assert (fork_facts["parent"], fork_facts["session"]) == (run.run_id, SESSION.isoformat())
    assert set(fork_facts["changes"]) == {key.replace("__", ".") for key in CHANGES[what]}
    assert any(text.startswith(f"forked from run {run.run_id} at {SESSION}") for text in forked.header["warnings"])
    shutil.rmtree(run.path)
    assert verify_run(project, forked).equal


def test_what_was_decided_before_is_carried_out_and_judged_as_it_was_decided(parent: Finished) -> None:
    """The order of the session before fills at SESSION under the old limits; its outcome, known later, is labelled by the old rules."""
    project, run = parent
    forked = fork(project, run, risk="half", reflection__label_alpha=3.0, gap_buffer_fraction=0.2)
    for orders in (run.orders(), forked.orders()):
        assert any(row["fill_session"] == SESSION.isoformat() and row["session"] < SESSION.isoformat() for row in orders)

    def of_the_past(found: list[dict[str, Any]], field: str) -> list[dict[str, Any]]:
        return [row for row in found if row[field] < SESSION.isoformat()]

    assert of_the_past(forked.orders(), "session") == of_the_past(run.orders(), "session")
    assert of_the_past(forked.fills(), "decision_session") == of_the_past(run.fills(), "decision_session")
    assert of_the_past(forked.outcomes(), "decision_session") == of_the_past(run.outcomes(), "decision_session")
    weights = [row["shares"] * row["close_usd"] / row["equity_usd"] for row in forked.equity() if row["session"] > "2024-03-28"]
    assert 0 < max(weights) < 0.12


def test_a_fork_can_be_forked_later_and_earlier(parent: Finished) -> None:
    project, run = parent
    first = fork(project, run, risk="half")
    later = fork(project, first, date(2024, 3, 27), without=["style"])
    assert later.header["fork"]["stages"] == ["2024-03-07", "2024-03-27"]
    check_past(later, first, date(2024, 3, 27))
    earlier = fork(project, later, date(2024, 3, 1), without=["reflections"])
    assert earlier.header["fork"]["stages"] == ["2024-03-01"]
    check_past(earlier, run, date(2024, 3, 1))
    assert earlier.settings["risk"] == "half"
    shutil.rmtree(first.path)
    assert verify_run(project, later).equal
    assert verify_run(project, earlier).equal


@pytest.mark.parametrize("calls", [0, 40])
def test_a_fork_that_died_goes_on_without_its_parent(parent: Finished, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    project, run = parent
    whole = fork(project, run, risk="half")
    with monkeypatch.context() as patch:
        patch.setattr(execution, "make_model", lambda *_, **__: DyingAnalyst(calls))
        with pytest.raises(ProviderError):
            fork(project, run, risk="half")
    broken = RunFolder.open(max(project.runs_folder.iterdir(), key=lambda path: path.name))
    shutil.rmtree(run.path)
    again = resume_run(project, broken, RunOptions())
    assert compare_runs(whole.path, again.path).equal


def test_an_unfinished_run_is_forked_as_far_as_it_got(template: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = new_project(tmp_path / "project")
    with monkeypatch.context() as patch:
        patch.setattr(execution, "make_model", lambda *_, **__: DyingAnalyst(60))
        with pytest.raises(ProviderError):
            small_study(project)
    (folder,) = project.runs_folder.iterdir()
    broken = RunFolder.open(folder)
    reached = max(row["session"] for row in broken.equity())
    after = next(row["session"] for row in template[1].equity() if row["session"] > reached)
    forked = fork(project, broken, date.fromisoformat(after))
    assert compare_runs(template[1].path, forked.path).equal
    with pytest.raises(DataError, match=f"does not reach 2024-04-05, last_session={reached}"):
        fork(project, broken, date(2024, 4, 5))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"symbols": ["AAA", "BBB"]}, "symbols holds for a run as a whole"),
        ({"start": date(2024, 2, 1)}, "start holds"),
        ({"end": date(2024, 4, 1)}, "end holds"),
        ({"cash_usd": 5.0}, "cash_usd holds"),
        ({"bundle": "other"}, "bundle holds"),
        ({"convention": "finsaber", "agents_enabled": False}, "SETTING_INVALID"),
        ({"fill": "next_close"}, "fill holds"),
        ({"costs__per_share_usd": 0.0}, "costs.per_share_usd holds"),
        ({"seed": 8}, "seed holds"),
        ({"agents__forecasting__window_sessions": 40}, "need 41 closes"),
        ({"agents__forecasting__threshhold_up": 0.4}, "SETTING_UNKNOWN"),
        ({"risk": "haff"}, "Did you mean half?"),
        ({"model": "opanai:x"}, "MODEL_UNKNOWN"),
    ],
)
def test_what_cannot_change_in_the_middle_is_refused(parent: Finished, settings: dict[str, Any], said: str) -> None:
    project, run = parent
    with pytest.raises(UsageError) as caught:
        fork(project, run, **settings)
    assert said in str(caught.value)
    assert len(list(project.runs_folder.iterdir())) == 1, "no folder was made"


@pytest.mark.parametrize(
    ("session", "said"),
    [
        (date(2024, 2, 20), "is the first session"),
        (date(2024, 3, 23), "Nearest: 2024-03-22, 2024-03-25."),
        (date(2025, 1, 2), "is no session of run"),
    ],
)
def test_a_session_that_no_fork_can_begin_at(parent: Finished, session: date, said: str) -> None:
    project, run = parent
    first = date.fromisoformat(run.header["start"])
    with pytest.raises(TradinggroupError) as caught:
        fork(project, run, first if session == date(2024, 2, 20) else session)
    assert caught.value.code is ErrorCode.DATES_OUTSIDE
    assert said in str(caught.value)


def test_a_past_that_was_changed_is_found(parent: Finished) -> None:
    """A parent whose rows are not what its recordings give: the fork's past must come out as those rows."""
    project, run = parent
    path = run.path / RowKind.EQUITY
    content = path.read_bytes().splitlines(keepends=True)
    content[5] = content[5].rpartition(b",")[0] + b",1.5\n"
    path.write_bytes(b"".join(content))
    with pytest.raises(DataError, match=r"RUN_INVALID.*file=equity.csv"):
        fork(project, RunFolder.open(run.path))


def test_the_store_of_a_fork_holds_its_whole_past(parent: Finished) -> None:
    project, run = parent
    forked = fork(project, run, risk="half")
    with RecordingStore.open(run.recordings, readonly=True) as old, RecordingStore.open(forked.recordings, readonly=True) as new:
        before = {call.key for call in old.read_calls() if call.session < SESSION.isoformat()}
        assert before == {call.key for call in new.read_calls() if call.session < SESSION.isoformat()}
        assert new.check() == 0
