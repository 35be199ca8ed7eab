"""Whole runs on each rung of the ladder, verified without the server; and what bad answers come to in a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from tests.e2e.answers import good_answer, messages_of, number_of
from tests.e2e.command import Run, calls, decisions, header, latest, row_files
from tests.models.fault_server import FaultServer, Json, Step, fault_server
from tests.models.limited_server import limited, rung_of, schema_name
from tests.models.test_bad_answers import LINES, step_of
from tradinggroup.models.rungs import Rung

SHORT = ("--symbols", "AAA", "--end", "2024-03-07", "--set", "models.maximum_retries=0")
AUTO = (*SHORT, "--set", "models.structured_output=auto")
FORTY_PERCENT = 4


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with fault_server(good_answer) as faults:
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        yield faults


@pytest.mark.parametrize(
    ("can", "refusal"),
    [
        (set(Rung), None),
        ({Rung.TOOL_CALL, Rung.JSON_OBJECT, Rung.TEXT}, 400),
        ({Rung.JSON_OBJECT, Rung.TEXT}, 500),
        ({Rung.TEXT}, None),
    ],
    ids=["decodes by schema", "calls tools", "decodes JSON", "ignores every wish"],
)
def test_a_run_finds_its_rung_and_is_verified_without_the_server(
    server: FaultServer, project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch, can: set[Rung], refusal: int | None
) -> None:
    server.choose = limited(good_answer, can=can, refusal=refusal)
    rung = next(each for each in Rung if each in can)
    result = tg("backtest", "study", *AUTO, "--json")
    folder = latest(project)
    assert (result.exit_code, result.json["calls"]["failed"]) == (0, 0)
    assert header(folder)["structured_output"] == {"openai:m": rung}
    assert {call.rung for call in calls(folder)} == {rung}
    assert len(server.requests) == result.json["calls"]["live"] + list(Rung).index(rung) + 1, "one probe, then one request a call"
    monkeypatch.delenv("OPENAI_BASE_URL")
    verified = tg("verify", folder.name, "--json")
    assert (verified.exit_code, verified.json["equal"]) == (0, True)
    before = row_files(folder)
    again = tg("backtest", "study", *AUTO, "--calls", "replay")
    assert (again.exit_code, row_files(latest(project))) == (0, before)


def test_a_resumed_run_keeps_its_rung_whatever_the_project_found_since(server: FaultServer, project: Path, tg: Run) -> None:
    server.choose = limited(good_answer, can={Rung.TEXT})
    ends = limited(lambda body: "", can=set(), refusal=503)
    text_only = server.choose
    server.choose = lambda body: (text_only if len(server.requests) < 12 else ends)(body)
    died = tg("backtest", "study", *AUTO, "--set", "models.provider_failures_in_a_row=3")
    assert died.exit_code == 5
    assert header(latest(project))["structured_output"] == {"openai:m": "text"}
    server.choose = limited(good_answer, can=set(Rung))
    assert tg("models", "probe", "openai:m", "--json").json["rung"] == "json_schema"
    asked = len(server.requests)
    resumed = tg("backtest", "--resume", "latest", "--json")
    assert (resumed.exit_code, resumed.json["calls"]["failed"]) == (0, 0)
    assert {rung_of(body) for body in server.requests[asked:]} == {Rung.TEXT}


def test_probing_on_request(server: FaultServer, project: Path, tg: Run) -> None:
    server.choose = limited(good_answer, can={Rung.JSON_OBJECT, Rung.TEXT}, refusal=400)
    shown = tg("models", "probe", "openai:m")
    assert shown.exit_code == 0
    assert [line.split()[:2] for line in shown.out.splitlines()[3:7]] == [
        ["json_schema", "no"], ["tool_call", "no"], ["json_object", "yes"], ["text", "yes"],
    ]  # fmt: skip
    assert "HTTP 400" in shown.out
    assert '{"shade":"cobalt"}' in shown.out
    assert max(map(len, shown.out.splitlines()[:-1])) <= 80
    assert shown.out.splitlines()[-1].endswith("probes.json")
    assert len(server.requests) == len(Rung)
    server.choose = limited(good_answer, can=set())
    assert tg("models", "probe", "openai:m").exit_code == 1
    server.choose = lambda body: Step(body=b"<html>Bad gateway</html>")
    assert tg("models", "probe", "openai:m").exit_code == 5
    kept = orjson.loads((project / "backtests" / "probes.json").read_bytes())
    assert [entry["rung"] for entry in kept.values()] == ["json_object"], "a probe without a result leaves what was known"


HANDFUL = (
    "the schema",
    "number NaN",
    "number 1e999",
    "null",
    "enum 买入",
    "enum kaufen",
    "refusal",
    "a key twice",
    "HTML",
    "prose",
    "too long",
)


def bad_decisions(tenths: int) -> tuple[Callable[[Json], Step | None], Counter[str]]:
    """A server that answers `tenths` decisions in ten by a line of the file, and the kinds that it sent, each question once."""
    by_name = {line["name"]: line for line in LINES}
    sent: dict[int, str] = {}
    counted: Counter[str] = Counter()

    def choose(body: Json) -> Step | None:
        number = number_of(messages_of(body), "bad")
        if schema_name(body) != "Decision" or number % 10 >= tenths:
            return None
        line = by_name[HANDFUL[number // 10 % len(HANDFUL)]]
        if number not in sent:
            sent[number] = line["kind"]
            counted[line["kind"]] += 1
        return step_of(line)

    return choose, counted


def test_no_bad_answer_becomes_a_silent_hold(server: FaultServer, project: Path, tg: Run) -> None:
    server.choose, sent = bad_decisions(FORTY_PERCENT)
    result = tg("backtest", "study", "--json", "--set", "models.maximum_retries=0")
    lines = [line for line in decisions(latest(project)) if line["decision"] and line["decision"]["failure"]]
    assert Counter(line["decision"]["failure"]["kind"] for line in lines) == sent
    assert len(sent) >= 5
    assert result.json["holds"]["unreadable"] == sum(count for kind, count in sent.items() if kind != "html")
    assert result.json["holds"]["provider"] == sent["html"]
    assert result.json["calls"]["failed"] == sent.total()
    assert all(line["hold_kind"] in {"unreadable", "provider"} and line["sizing"]["shares"] == 0 for line in lines)
