"""What a run costs: counted by agent, stopped at the budget, gone on with from there, and never told as zero where nobody knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.answers import good_answer
from tests.e2e.command import Run, calls, header, latest, row_files
from tests.models.fault_server import FaultServer, Json, Step, completion, completion_body, error, fault_server
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.project import Project
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.inputs import inputs_of_run
from tradinggroup.runs.money import budget_of

PROMPT_USD, COMPLETION_USD = 11 * 2.0 / 1e6, 7 * 8.0 / 1e6
"""Of one answer of the loopback server."""
MODELS = """[models."openai:m".price]
prompt_usd_per_million = 2.0
completion_usd_per_million = 8.0
as_of = 2026-01-01
source = "the tests"
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with fault_server(good_answer) as faults:
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        yield faults


@pytest.fixture
def priced(project: Path) -> Path:
    (project / "models.toml").write_text(MODELS, encoding="utf-8")
    return project


def test_the_bill_is_counted_by_agent_and_recorded_answers_cost_nothing_again(server: FaultServer, priced: Path, tg: Run) -> None:
    first = tg("backtest", "study", "--json").json
    answers = {call.key: call for call in calls(latest(priced))}
    expected = len(answers) * (PROMPT_USD + COMPLETION_USD)
    assert first["cost_usd"] == pytest.approx(expected)
    assert first["spent_usd"] == pytest.approx(expected)
    by_agent = header(latest(priced))["calls"]["by_agent"]
    assert sum(agent["cost_usd"] for agent in by_agent.values()) == pytest.approx(expected)
    for agent, counts in by_agent.items():
        asked = [call for call in answers.values() if call.agent == agent]
        assert counts["cost_usd"] == pytest.approx(len(asked) * (PROMPT_USD + COMPLETION_USD)), agent
    assert f"the answers cost {expected:.4f} USD; this run paid {expected:.4f} of it" in tg("show", "latest", "--all").out

    again = tg("backtest", "study", "--json").json
    assert (again["cost_usd"], again["spent_usd"]) == (first["cost_usd"], 0.0)
    assert "this run paid 0.0000 of it" in tg("show", "latest", "--all").out


def test_a_budget_stops_a_run_which_goes_on_with_more(server: FaultServer, project: Path, tg: Run) -> None:
    assert tg("backtest", "study").exit_code == 0
    whole = row_files(latest(project))
    (project / "models.toml").write_text(MODELS, encoding="utf-8")
    stopped = tg("backtest", "study", "--calls", "refresh", "--max-cost-usd", "0.035")
    folder = latest(project)
    assert stopped.exit_code == 4
    assert "Traceback" not in stopped.err
    (line,) = stopped.error_lines
    assert line.startswith("BUDGET_REACHED: ")
    assert "--resume" in stopped.err
    assert header(folder)["status"] == "budget"
    spent = header(folder)["spent_usd"]
    assert 0 < spent <= 0.035
    answers = _answers(folder)
    assert spent == pytest.approx(answers * (PROMPT_USD + COMPLETION_USD)), "what was paid for is there"
    assert all(whole[name].startswith(rows) for name, rows in row_files(folder).items())

    asked = len(server.requests)
    same = tg("backtest", "--resume", "latest")
    # A call that is smaller than the one that was refused may come first now, and still fit.
    assert same.exit_code == 4
    assert header(folder)["spent_usd"] <= 0.035, "what it spent before counts"
    assert len(server.requests) - asked == _answers(folder) - answers, "nothing is asked twice"
    asked, answers = len(server.requests), _answers(folder)
    refused = tg("backtest", "--resume", "latest", "--seed", "3")
    assert (refused.exit_code, refused.error_lines[0].startswith("USAGE: --resume cannot go with --seed")) == (2, True)
    done = tg("backtest", "--resume", "latest", "--max-cost-usd", "5", "--json")
    assert (done.exit_code, done.json["status"]) == (0, "success")
    assert len(server.requests) - asked == len(_keys(folder)) - answers, "only what was not answered is asked"
    assert done.json["spent_usd"] == pytest.approx(len(_keys(folder)) * (PROMPT_USD + COMPLETION_USD))
    assert row_files(folder) == whole
    assert header(folder)["settings"]["max_cost_usd"] == 5


def _answers(folder: Path) -> int:
    with RecordingStore.open(folder / "recordings.sqlite", readonly=True) as store:
        ((answers,),) = store.rows("SELECT COUNT(*) FROM recordings")
    return int(answers)


def _keys(folder: Path) -> set[str]:
    return {call.key for call in calls(folder)}


@pytest.mark.parametrize("words", [["--max-cost-usd", "5"], ["--set", "max_cost_usd=5"]])
def test_a_budget_for_a_model_without_a_price_is_refused(project: Path, tg: Run, server: FaultServer, words: list[str]) -> None:
    result = tg("backtest", "study", *words)
    assert result.exit_code == 2
    (line,) = result.error_lines
    assert line.startswith("PRICE_UNKNOWN: max_cost_usd=5 cannot be kept: nobody stated a price of openai:m")
    assert server.requests == []
    assert not (project / "backtests" / "runs").exists()


def test_without_a_price_tokens_are_counted_and_usd_is_unknown(server: FaultServer, project: Path, tg: Run) -> None:
    result = tg("backtest", "study", "--json").json
    assert (result["cost_usd"], result["spent_usd"]) == (None, None)
    by_agent = header(latest(project))["calls"]["by_agent"]
    assert all(agent["cost_usd"] is None and agent["prompt_tokens"] > 0 for agent in by_agent.values())
    assert "is not known: no price in models.toml" in tg("show", "latest", "--all").out


def test_rules_cost_nothing_and_fit_any_budget(project: Path, tg: Run) -> None:
    result = tg("backtest", "study", "--model", "rules", "--max-cost-usd", "0.01", "--json")
    assert (result.exit_code, result.json["cost_usd"], result.json["spent_usd"]) == (0, 0.0, 0.0)


def _uncounted(body: Json) -> Step:
    told = completion_body(good_answer(body))
    told["usage"] = {"prompt_tokens": "many"}
    return Step(body=json.dumps(told).encode())


def test_answers_without_a_count_cost_an_unknown_sum_and_still_reach_the_budget(server: FaultServer, priced: Path, tg: Run) -> None:
    server.choose = _uncounted
    stopped = tg("backtest", "study", "--max-cost-usd", "0.04")
    folder = latest(priced)
    assert (stopped.exit_code, header(folder)["status"]) == (4, "budget")
    answers, asked = _answers(folder), len(server.requests)
    assert 0 < answers < 40
    assert (header(folder)["cost_usd"], header(folder)["spent_usd"]) == (None, None)
    warning = f"answers that came without a usable count of tokens: {answers}; their cost is unknown"
    assert any(each.startswith(warning) for each in header(folder)["warnings"])

    with RecordingStore.open(folder / "recordings.sqlite") as store:
        budget = budget_of(inputs_of_run(Project(priced), RunFolder.open(folder)), store)
    assert budget is not None
    assert budget.spent_usd > answers * 100 * 2.0 / 1e6, "prompts of a hundred tokens at the least count when it goes on"
    assert f"BUDGET_REACHED: {budget.spent_usd:.4f} of 0.04 USD" in stopped.err
    again = tg("backtest", "--resume", "latest")
    assert (again.exit_code, len(server.requests) - asked) == (4, _answers(folder) - answers)
    done = tg("backtest", "--resume", "latest", "--max-cost-usd", "5", "--json")
    assert (done.exit_code, done.json["cost_usd"], done.json["spent_usd"]) == (0, None, None)
    assert all(call["cost_usd"] is None for call in tg("logs", "latest", "--json").json["calls"])


def test_a_free_server_costs_nothing_though_it_counts_nothing(server: FaultServer, priced: Path, tg: Run) -> None:
    (priced / "models.toml").write_text(MODELS.replace("2.0", "0.0").replace("8.0", "0.0"), encoding="utf-8")
    server.choose = _uncounted
    done = tg("backtest", "study", "--max-cost-usd", "0.01", "--json")
    assert (done.exit_code, done.json["cost_usd"], done.json["spent_usd"]) == (0, 0.0, 0.0)


def test_a_budget_without_a_bound_is_refused_before_anybody_is_asked(server: FaultServer, priced: Path, tg: Run) -> None:
    (priced / "models.toml").write_text(f'[models."openai:m"]\nomit_parameters = ["max_tokens"]\n{MODELS}', encoding="utf-8")
    refused = tg("backtest", "study", "--max-cost-usd", "5")
    assert refused.exit_code == 2
    assert refused.error_lines[0].startswith("SETTING_INVALID: max_cost_usd=5 cannot be kept: nothing that is sent to openai:m bounds")
    assert (server.requests, (priced / "backtests" / "runs").exists()) == ([], False)


def test_a_probe_is_paid_for_by_the_run_that_made_it(server: FaultServer, priced: Path, tg: Run) -> None:
    auto = ("--set", "models.structured_output=auto")
    first = tg("backtest", "study", *auto, "--json").json
    answers = _answers(latest(priced))
    assert len(server.requests) == answers + 1
    assert first["spent_usd"] == pytest.approx((answers + 1) * (PROMPT_USD + COMPLETION_USD))
    assert first["cost_usd"] == pytest.approx(answers * (PROMPT_USD + COMPLETION_USD))
    (priced / "backtests" / "probes.json").unlink()
    asked = len(server.requests)
    stopped = tg("backtest", "study", *auto, "--calls", "refresh", "--max-cost-usd", "0.001")
    assert (stopped.exit_code, len(server.requests)) == (4, asked), "its worst case is set aside too"


def test_what_an_outage_took_stays_paid(server: FaultServer, priced: Path, tg: Run) -> None:
    """Each call is answered unusably once, and its repair meets a dead server: resumed, the answers are asked again."""

    def dying(body: Json) -> Step:
        return error(503) if len(body["messages"]) > 2 else completion("no")

    server.choose = dying
    down = ("--set", "models.maximum_retries=0", "--set", "models.provider_failures_in_a_row=3", "--set", "models.maximum_concurrent=1")
    assert tg("backtest", "study", *down).exit_code == 5
    folder, lost = latest(priced), 3
    assert header(folder)["spent_usd"] == pytest.approx(lost * (PROMPT_USD + COMPLETION_USD))
    server.choose = lambda body: None
    done = tg("backtest", "--resume", "latest", "--json").json
    answers = _answers(folder)
    assert done["cost_usd"] == pytest.approx(answers * (PROMPT_USD + COMPLETION_USD))
    assert done["spent_usd"] == pytest.approx((answers + lost) * (PROMPT_USD + COMPLETION_USD))
