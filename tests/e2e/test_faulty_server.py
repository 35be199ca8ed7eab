"""Servers that fail: every fault is counted and shown, none becomes a silent hold, and nothing is lost (invariant 8)."""

from __future__ import annotations

import csv
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.answers import fault_of, faulty, good_answer, messages_of, number_of
from tests.e2e.command import Result, Run, calls, decisions, header, latest, row_files
from tests.e2e.conftest import make_project
from tests.models.fault_server import FaultServer, Json, Step, completion, error, fault_server
from tradinggroup.cli.main import run as run_command
from tradinggroup.desk.symbol_desk import SESSIONS_AHEAD
from tradinggroup.models.recording_rows import CallRecord

BAD_TENTHS = 3
KEY = "a-key-that-nobody-may-see-0123456789"
CALLS_BEFORE_DEATH = 60


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with fault_server(good_answer) as faults:
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        yield faults


def pairs_of(call: CallRecord) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in call.messages]


def failures_of(line: dict[str, Any]) -> list[dict[str, str]]:
    """Every typed failure of one decision line, each call once (where no news item can be read, the overall call is not made)."""
    news, forms = line["news_sentiment"], line["report_retrieval"]["forms"]
    parts = [*news["items"], *forms.values(), line["forecasting"], line["style_selection"], line["decision"] or {}]
    if any(item["failure"] is None for item in news["items"]):
        parts.append(news)
    return [part["failure"] for part in parts if part.get("failure")]


def test_three_answers_in_ten_are_bad(server: FaultServer, project: Path, tg: Run) -> None:
    server.choose = faulty(BAD_TENTHS)
    result = tg("backtest", "study", "--json", "--set", "models.maximum_retries=1")
    folder = latest(project)
    kept = calls(folder)
    sent = {call.key: fault_of(pairs_of(call), tenths=BAD_TENTHS) for call in kept}

    assert result.exit_code == 1
    assert result.json["status"] == "invalid"
    assert [call.failure and call.failure.kind for call in kept] == [sent[call.key] for call in kept]
    assert len({kind for kind in sent.values() if kind is not None}) >= 8
    assert result.json["calls"]["failed"] == sum(sent[call.key] is not None for call in kept)
    assert result.json["calls"]["total"] == len(kept)
    assert 0.2 < result.json["calls"]["failed"] / result.json["calls"]["total"] < 0.4

    assert "Traceback" not in result.err
    shown = tg("show", "latest")
    assert "invalid" in shown.out
    assert "failed" in shown.out
    assert tg("show", "latest", "--json").json == result.json


def test_what_was_sent_is_what_was_counted_and_no_key_is_anywhere(
    server: FaultServer, project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request is an attempt of a recording, retries and repairs included; cash and limits hold; the server echoes the key."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    bad = faulty(BAD_TENTHS)

    def echoing(body: Json) -> Step | None:
        step = bad(body)
        return error(500, f"out of memory for {KEY}") if step is not None and step.status == 500 else step

    server.choose = echoing
    result = tg("backtest", "study", "--set", "models.maximum_retries=1", "--set", "models.structured_output=json_schema")
    assert result.exit_code == 1
    folder = latest(project)
    assert len(server.requests) == sum({call.key: call.attempts for call in calls(folder)}.values())
    with (folder / "equity.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        assert float(row["cash_usd"]) >= 0
        assert int(row["shares"]) >= 0
    assert tg("verify", "latest").exit_code == 0, "the second set of books agrees too"
    assert KEY not in result.err + result.out
    for path in project.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_in_which_a_server_answers_changes_nothing(
    server: FaultServer, tmp_path: Path, project: Path, tg: Run, seed: int
) -> None:
    """One call after the other, and many at once with another delay for each."""
    bad = faulty(1)
    server.choose = bad
    few = ("--set", "models.maximum_retries=0", "--set", "models.max_error_fraction=1")
    assert tg("backtest", "study", *few, "--set", "schedule=serial").exit_code == 0

    def late(body: Json) -> Step | None:
        number = number_of(messages_of(body), f"delay {seed}")
        step = bad(body) or completion(good_answer(body))
        return replace(step, sleep_seconds=number % 25 / 1000)

    server.choose = late
    other = make_project(tmp_path / "other")
    assert run_command(["-C", str(other), "backtest", "study", *few]) == 0
    assert row_files(latest(project)) == row_files(latest(other))
    assert calls(latest(project)) == calls(latest(other))


def test_holds_of_faults_are_told_apart_from_the_model_s(server: FaultServer, project: Path, tg: Run) -> None:
    server.choose = faulty(BAD_TENTHS)
    holds = tg("backtest", "study", "--json", "--set", "models.maximum_retries=0").json["holds"]
    lines = decisions(latest(project))
    for line in lines:
        failure = (line["decision"] or {}).get("failure")
        if failure is None:
            assert line["hold_kind"] in {None, "model", "risk"}
            continue
        from_server = failure["kind"] in {"http_status", "bad_response", "html", "connection", "timeout"}
        assert line["hold_kind"] == ("provider" if from_server else "unreadable")
        assert line["sizing"]["shares"] == 0
    assert holds == {kind: Counter(line["hold_kind"] for line in lines)[kind] for kind in holds}
    assert holds["unreadable"] > 0
    assert holds["provider"] > 0
    assert holds["model"] > 0


def test_few_faults_leave_a_run_valid(server: FaultServer, tg: Run, project: Path) -> None:
    server.script = [Step(body=b"{}")] * 2
    result = tg("backtest", "study", "--json")
    assert (result.exit_code, result.json["status"]) == (0, "success")
    # Two answers were bad; where two calls asked the same at once, the answer is that of both.
    failed = [call.key for call in calls(latest(project)) if call.failure is not None]
    assert len(set(failed)) == 2
    assert result.json["calls"]["failed"] == len(failed)


def test_a_run_with_faults_can_be_verified_without_the_server(server: FaultServer, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    server.choose = faulty(BAD_TENTHS)
    tg("backtest", "study", "--set", "models.maximum_retries=0")
    monkeypatch.delenv("OPENAI_BASE_URL")
    verified = tg("verify", "latest")
    assert (verified.exit_code, verified.out.splitlines()[-1]) == (0, "verified: the run comes out the same")


def test_a_server_that_dies_in_the_middle(tmp_path: Path, project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with ExitStack() as life, fault_server(good_answer) as unharmed:
        mortal = life.enter_context(fault_server(good_answer))

        def dies(body: Json) -> Step | None:
            if len(mortal.requests) == CALLS_BEFORE_DEATH:
                threading.Thread(target=life.close).start()
            return None

        mortal.choose = dies
        monkeypatch.setenv("OPENAI_BASE_URL", mortal.url)
        died = tg("backtest", "study")
        assert died.exit_code == 5
        (line,) = died.error_lines
        assert line.startswith("PROVIDER_FAILED: ")
        assert "--resume" in died.err
        folder = latest(project)
        assert header(folder)["status"] == "provider"
        assert tg("show", "latest").exit_code == 0
        assert tg("replay", "latest").exit_code == 0

        still_dead = tg("backtest", "--resume", "latest")
        assert still_dead.exit_code == 5
        monkeypatch.setenv("OPENAI_BASE_URL", unharmed.url)
        resumed = tg("backtest", "--resume", "latest", "--json")
        assert (resumed.exit_code, resumed.json["status"]) == (0, "success")
        assert resumed.json["calls"]["failed"] == 0

        other = make_project(tmp_path / "other")
        assert run_command(["-C", str(other), "backtest", "study"]) == 0
        assert row_files(folder) == row_files(latest(other))
        assert tg("verify", "latest").exit_code == 0


def test_a_server_that_stops_answering(server: FaultServer, project: Path, tg: Run) -> None:
    server.choose = lambda body: Step(drop=True, sleep_seconds=5.0) if len(server.requests) > 30 else None
    limits = ["models.timeout_seconds=0.2", "models.maximum_retries=0", "models.provider_failures_in_a_row=4"]
    line = refused(tg("backtest", "study", *(word for limit in limits for word in ("--set", limit))), 5, "PROVIDER_FAILED")
    assert "calls in a row, the last with timeout (no answer within 0.2 s)" in line
    assert header(latest(project))["status"] == "provider"


def test_what_followed_from_an_outage_is_forgotten_when_it_is_asked_anew(server: FaultServer, project: Path, tg: Run) -> None:
    """A style that failed shows in the decision's prompt; asked anew, that prompt is another one, and the run still verifies."""
    server.choose = lambda body: error(500) if len(server.requests) > 60 else None
    limits = ["models.maximum_retries=0", "models.provider_failures_in_a_row=12"]
    refused(tg("backtest", "study", *(word for limit in limits for word in ("--set", limit))), 5, "PROVIDER_FAILED")
    server.choose = lambda body: None
    assert tg("backtest", "--resume", "latest").exit_code == 0
    assert tg("verify", "latest").exit_code == 0


def refused(result: Result, exit_code: int, code: str) -> str:
    """The one error line of a run that ended at once."""
    assert result.exit_code == exit_code
    assert "Traceback" not in result.err
    (line,) = result.error_lines
    assert line.startswith(f"{code}: ")
    return line


def test_a_wrong_key_ends_the_run_at_once(server: FaultServer, project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "wrong-key-0123456789")
    server.choose = lambda body: error(401, "Incorrect API key provided: wrong-key-0123456789")
    result = tg("backtest", "study")
    line = refused(result, 5, "PROVIDER_FAILED")
    assert "status=401" in line
    assert "wrong-key" not in result.err + result.out
    assert header(latest(project))["status"] == "provider"
    assert len(server.requests) <= 2 * 2 * SESSIONS_AHEAD, "one round of calls in flight (a news item and at most a filing), no retries"


def test_nobody_listens(project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("OPENAI_BASE_URL", f"{address}/v1")
        line = refused(tg("backtest", "study"), 5, "PROVIDER_FAILED")
    assert f"server={address}" in line
    assert header(latest(project))["status"] == "provider"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["backtest", "study"], "KEY_MISSING"),
        (["backtest", "study", "--model", "opanai:m"], "MODEL_UNKNOWN"),
        (["backtest", "study", "--model", "m"], "MODEL_UNKNOWN"),
        (["backtest", "study", "--model", "openai:"], "MODEL_UNKNOWN"),
    ],
)
def test_what_is_wrong_before_the_first_call_leaves_no_folder(project: Path, tg: Run, words: list[str], code: str) -> None:
    refused(tg(*words), 2, code)
    assert not (project / "backtests" / "runs").exists()
