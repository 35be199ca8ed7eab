"""What a model server is asked by a run of another sample, and by a fork: only what is new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.e2e.answers import good_answer
from tests.e2e.command import Run, calls, header, latest, row_files
from tests.models.fault_server import FaultServer, Json, Step, fault_server
from tests.models.limited_server import schema_name

STUDY = ("backtest", "study", "--symbols", "AAA", "--json")
SESSION = "2024-03-13"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with fault_server(good_answer) as faults:
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        yield faults


def test_every_sample_is_a_recording_of_its_own(server: FaultServer, project: Path, tg: Run) -> None:
    first = tg(*STUDY).json["calls"]
    assert {body["seed"] for body in server.requests} == {0}
    asked = len(server.requests)
    second = tg(*STUDY, "--set", "models.sample_index=1").json["calls"]
    assert {body["seed"] for body in server.requests[asked:]} == {1}
    assert (second["live"], second["total"]) == (first["live"], first["total"])
    assert {call.request["seed_index"] for call in calls(latest(project))} == {1}
    asked = len(server.requests)
    again = tg(*STUDY, "--set", "models.sample_index=1", "--calls", "replay").json["calls"]
    assert (again["live"], len(server.requests)) == (0, asked)
    missing = tg(*STUDY, "--set", "models.sample_index=2", "--calls", "replay")
    assert (missing.exit_code, "seed_index (2 instead of " in missing.err) == (3, True)


def test_runs_of_a_model_that_samples_flip_and_are_one_trial(project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server(_by_seed) as faults:
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        found = tg(*STUDY, "--runs", "2").json
    assert {body["seed"] for body in faults.requests} == {0, 1}
    assert found["flip_rate_fraction"] > 0
    assert found["flips_by_session"]
    assert found["spread"]["total_return_fraction"]["runs"] == 2
    ledger = tg("runs", "--ledger", "--json").json
    assert (ledger["trials"], ledger["runs"]) == (1, 2)
    said = tg("compare", *found["run_ids"]).out
    assert "models.sample_index 0 -> 1" in " ".join(said.split())
    assert "decision action" in " ".join(said.split())


def _by_seed(body: Json) -> str:
    """A model whose second sample always decides to buy."""
    answer = good_answer(body)
    if schema_name(body) != "Decision" or body["seed"] == 0:
        return answer
    return orjson.dumps({**orjson.loads(answer), "action": "buy"}).decode()


def test_a_fork_pays_only_for_what_follows(server: FaultServer, project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    tg(*STUDY)
    parent, asked = latest(project), len(server.requests)
    (project / "backtests" / "recordings.sqlite").unlink()
    forked = tg("fork", parent.name, SESSION, "--model", "openai:other", "--note", "what if", "--json")
    folder = latest(project)
    assert (forked.exit_code, forked.json["status"]) == (0, "success")
    assert {body["model"] for body in server.requests[asked:]} == {"other"}
    before = [call for call in calls(parent) if call.session < SESSION]
    kept = [call for call in calls(folder) if call.session < SESSION]
    assert [call.key for call in kept] == [call.key for call in before]
    assert all(call.recorded for call in kept)
    assert {call.request["model"] for call in calls(folder) if call.session >= SESSION} == {"openai:other"}
    assert forked.json["calls"]["live"] == len(server.requests) - asked
    assert header(folder)["title"] == "openai:m, openai:other"
    assert (header(folder)["note"], header(folder)["fork"]["changes"]["model"]) == ("what if", ["openai:m", "openai:other"])
    why = tg("recordings", "why", folder.name, "2024-03-08", "AAA", "decision")
    assert f"parent: taken from the run it was forked from; asked by {parent.name}" in " ".join(why.out.split())
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert tg("verify", folder.name).exit_code == 0


def test_a_fork_to_other_rules_is_free_where_the_questions_stay(server: FaultServer, project: Path, tg: Run) -> None:
    """Another profile: research asks the same as before, from the shared store; only what depends on the account is asked."""
    tg(*STUDY)
    parent, asked = latest(project), len(server.requests)
    assert tg("fork", parent.name, SESSION, "--set", "gap_buffer_fraction=0.5").exit_code == 0
    new = [call for call in calls(latest(project)) if not call.recorded]
    assert len(new) == len(server.requests) - asked
    assert not {call.agent for call in new} & {"news_sentiment", "report_retrieval", "forecasting"}
    assert all(call.session > SESSION for call in new), "on the session itself the account is still the parent's"
    equity = (row_files(parent)["equity.csv"], row_files(latest(project))["equity.csv"])
    assert equity[0] != equity[1]


def test_a_fork_needs_no_server_for_its_past(project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a run with a model server to the rules, with nobody listening."""
    with fault_server(good_answer) as faults:
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        tg(*STUDY)
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert tg("fork", "latest", SESSION, "--model", "rules").exit_code == 0
    assert header(latest(project))["title"] == "openai:m and rules"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["latest", "soon"], "USAGE"),
        (["latest", "2024-03-16"], "DATES_OUTSIDE"),
        (["latest", SESSION, "--symbols", "BBB"], "SETTING_INVALID"),
        (["latest", SESSION, "--cash", "5"], "SETTING_INVALID"),
        (["latest", SESSION, "--set", "agents.news_sentimant.k=5"], "SETTING_UNKNOWN"),
        (["none", SESSION], "RUN_NOT_FOUND"),
    ],
)
def test_a_fork_that_cannot_be_is_one_clear_error(project: Path, tg: Run, words: list[str], code: str) -> None:
    tg(*STUDY, "--model", "rules", "--end", "2024-03-15")
    before = list((project / "backtests" / "runs").iterdir())
    found = tg("fork", *words)
    (line,) = found.error_lines
    assert (found.out, line.partition(":")[0]) == ("", code)
    assert list((project / "backtests" / "runs").iterdir()) == before


def test_a_resumed_run_asks_as_it_was_begun_or_as_it_is_told(project: Path, tg: Run, server: FaultServer) -> None:
    """All answers are in the shared store, where a run begun with `refresh` must not look."""
    assert tg("backtest", "study").exit_code == 0
    for how, asks in (((), True), (("--calls", "record"), False)):
        server.script = [Step(status=401)]
        assert tg("backtest", "study", "--calls", "refresh").exit_code == 5
        folder = latest(project)
        resumed = tg("backtest", "--resume", "latest", *how, "--json")
        assert resumed.exit_code == 0
        assert (resumed.json["calls"]["live"] > 0) is asks
        assert header(folder)["calls_mode"] == ("refresh" if asks else "record")
