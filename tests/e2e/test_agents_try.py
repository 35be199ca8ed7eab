"""`agents try`: one rendered prompt against a model, several samples, recorded; with the rules offline, with servers that fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import Run
from tests.models.fault_server import FaultServer, Json, Step, completion, error, fault_server
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.runs.trial import NO_LABEL

PLACE = ("study", "--session", "2024-03-12", "--symbol", "AAA")
ACTIONS = ("buy", "hold", "buy", "sell")
GOOD = {
    "Decision": lambda seed: {"action": ACTIONS[seed % 4], "confidence": 0.5 + seed / 10, "reasoning": "so be it"},
    "ReportSummary": lambda seed: {"indicators": ["sales"], "guidance": "", "risks": [], "opportunities": [], "summary": f"seed {seed}"},
    "Forecast": lambda seed: {"p_up": 0.5, "p_down": 0.2, "p_sideways": 0.3, "reasoning": "drift"},
}


def answer(body: Json) -> str:
    """An answer that depends on the seed alone."""
    return json.dumps(GOOD[body["response_format"]["json_schema"]["name"]](body["seed"]))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with fault_server(answer) as faults:
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        yield faults


def test_samples_differ_by_seed_are_recorded_and_cost_nothing_again(server: FaultServer, project: Path, tg: Run) -> None:
    rendered = tg("agents", "render", "decision", *PLACE, "--json").json["requests"][0]
    first = tg("agents", "try", "decision", *PLACE, "--samples", "4", "--json")
    assert first.exit_code == 0
    (trial,) = first.json["prompts"]
    assert [(sample["seed_index"], sample["label"]) for sample in trial["samples"]] == list(enumerate(ACTIONS))
    assert (trial["labels"], trial["flips"], trial["ranges"]) == ({"buy": 2, "hold": 1, "sell": 1}, 2, {"confidence": [0.5, 0.8]})
    assert trial["samples"][1]["answer"] == {"action": "hold", "confidence": 0.6, "reasoning": "so be it"}
    assert json.loads(trial["samples"][1]["text"]) == trial["samples"][1]["answer"]
    assert trial["samples"][0]["key"] == rendered["key"], "sample 0 is the prompt that a run sends"
    assert first.json["total"] == {
        "prompts": 1, "samples": 4, "recorded": 0, "live": 4, "failed": 0, "prompt_tokens": 44, "completion_tokens": 28, "cost_usd": None,
    }  # fmt: skip
    assert {body["seed"] for body in server.requests} == {0, 1, 2, 3}
    assert {body["messages"][1]["content"] for body in server.requests} == {rendered["messages"][1]["content"]}
    again = tg("agents", "try", "decision", *PLACE, "--samples", "4", "--json", "--calls", "replay")
    assert again.json["prompts"][0]["flips"] == 2
    assert (again.json["total"]["recorded"], again.json["total"]["live"], len(server.requests)) == (4, 0, 4)
    with RecordingStore.open(project / "backtests" / "recordings.sqlite", readonly=True) as store:
        assert {(call.session, call.symbol, call.agent) for call in store.read_calls()} == {("2024-03-12", "AAA", "decision")}
    assert not (project / "backtests" / "runs").exists()


def test_the_cost_is_that_of_the_live_tokens_and_unknown_without_prices(server: FaultServer, tg: Run) -> None:
    """44 tokens in and 28 out at 2 and 10 USD a million; recorded answers were paid before."""
    prices = ("--samples", "4", "--price-in", "2", "--price-out", "10")
    assert tg("agents", "try", "decision", *PLACE, *prices, "--json").json["total"]["cost_usd"] == pytest.approx(0.000368)
    assert tg("agents", "try", "decision", *PLACE, *prices, "--json").json["total"]["cost_usd"] == 0.0
    assert "cost unknown" in tg("agents", "try", "decision", *PLACE, "--samples", "4").out
    assert tg("agents", "try", "decision", *PLACE, "--price-in", "-1").exit_code == 2


def test_the_page_fits_80_columns_and_says_raw_parsed_and_flips(server: FaultServer, tg: Run) -> None:
    lines = tg("agents", "try", "decision", *PLACE, "--samples", "2").out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("== decision decision, model openai:m, Decision")
    assert "#0  live, 11+7 tokens, fault-model (fp1)" in lines
    assert any(line.startswith('    raw      {"action": "buy"') for line in lines)
    assert "    parsed   hold; confidence 0.6" in lines
    assert "labels  buy 1, hold 1; 1 flip: 50 % differ from the most frequent" in lines
    assert "total 2 samples of 1 prompt: 0 recorded, 2 live, 0 failed" in lines


def test_another_model_gets_the_same_prompt_even_where_a_card_names_its_own(server: FaultServer, project: Path, tg: Run) -> None:
    plain = tg("agents", "render", "decision", *PLACE, "--json").json["requests"][0]["messages"]
    (project / "agents").mkdir()
    card = tg("agents", "show", "decision", "--json").json["text"]
    (project / "agents" / "decision.md").write_text(card.replace("max_tokens", 'model = "openai:own"\nmax_tokens', 1), encoding="utf-8")
    asked = tg("agents", "try", "decision", *PLACE, "--json", "--model", "openai:other").json
    assert asked["prompts"][0]["model"] == "openai:other"
    own = tg("agents", "try", "decision", *PLACE, "--json").json
    assert own["prompts"][0]["model"] == "openai:own"
    assert [body["model"] for body in server.requests] == ["other", "own"]
    assert all(body["messages"] == plain for body in server.requests)


def test_rules_need_no_server_and_write_nothing(project: Path, tg: Run) -> None:
    before = sorted(project.rglob("*"))
    found = tg("agents", "try", "forecasting", *PLACE, "--model", "rules", "--samples", "3", "--json")
    (trial,) = found.json["prompts"]
    assert (found.exit_code, trial["flips"], sum(trial["labels"].values()), found.json["total"]["cost_usd"]) == (0, 0, 3, 0.0)
    assert sorted(project.rglob("*")) == before


def test_an_answer_without_a_label_has_no_flips(server: FaultServer, tg: Run) -> None:
    found = tg("agents", "try", "report_retrieval", "study", "--session", "2024-03-04", "--symbol", "AAA", "--samples", "2", "--json")
    assert found.json["prompts"]
    assert all((trial["flips"], trial["flips_reason"], trial["labels"]) == (None, NO_LABEL, {}) for trial in found.json["prompts"])


@pytest.mark.parametrize(
    ("step", "kind", "exit_code"), [(completion("I would rather not"), "not_json", 1), (error(500, "out of memory"), "http_status", 5)]
)
def test_a_failure_is_typed_and_ends_with_its_exit_code(server: FaultServer, tg: Run, step: Step, kind: str, exit_code: int) -> None:
    server.choose = lambda body: step
    found = tg("agents", "try", "decision", *PLACE, "--set", "models.maximum_retries=0", "--json")
    assert found.exit_code == exit_code
    (sample,) = found.json["prompts"][0]["samples"]
    assert (sample["answer"], sample["failure"]["kind"]) == (None, kind)
    assert found.json["total"]["failed"] == 1
    page = tg("agents", "try", "decision", *PLACE, "--set", "models.maximum_retries=0")
    assert any(line.startswith(f"    FAILED   {kind}: ") for line in page.out.splitlines())


def test_one_good_sample_is_enough(server: FaultServer, tg: Run) -> None:
    server.choose = lambda body: completion("no") if body["seed"] == 0 else None
    found = tg("agents", "try", "decision", *PLACE, "--samples", "2", "--json")
    assert (found.exit_code, found.json["total"]["failed"], found.json["prompts"][0]["labels"]) == (0, 1, {"hold": 1})


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (["--calls", "replay"], 3, "RECORDING_MISSING"),
        (["--model", "gpt"], 2, "MODEL_UNKNOWN"),
        (["--samples", "0"], 2, "USAGE"),
    ],
)
def test_what_cannot_be_tried_is_one_clear_error(server: FaultServer, tg: Run, words: list[str], exit_code: int, code: str) -> None:
    found = tg("agents", "try", "decision", *PLACE, *words)
    assert (found.exit_code, found.out) == (exit_code, "")
    assert code in found.err
    assert server.requests == []
