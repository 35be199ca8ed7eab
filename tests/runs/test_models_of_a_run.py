"""Which models a run asks, what its header says of them, and what it keeps of the registry."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.doubles import FunctionModel
from tests.factories import make_bundle
from tests.runs.test_variants_share import answer_by_content
from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.experiment import Override, load_experiment
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.registry_file import FILE
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import MARKER, Project
from tradinggroup.runs import execution
from tradinggroup.runs.cutoffs import cutoff_text, cutoff_warnings, cutoffs_of
from tradinggroup.runs.estimate import estimate, prompts_line
from tradinggroup.runs.execute import RunOptions, run_experiment
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.inputs import inputs_of_project
from tradinggroup.runs.preview import check_experiment
from tradinggroup.runs.text.show import text_show
from tradinggroup.runs.verify import verify_run

STUDY = """name = "study"
bundle = "tiny"
symbols = ["AAA"]
start = 2024-03-04
end = 2024-03-15
"""
REGISTRY = """
[servers.box]
base_url = "http://127.0.0.1:9/v1"
[models."box:old"]
training_cutoff = { date = 2023-06-30, source = "its card" }
context_tokens = 100000
price = { prompt_usd_per_million = 1, completion_usd_per_million = 10, as_of = 2026-01-01, source = "its card" }
[models."box:between"]
training_cutoff = { date = 2023-12-09, source = "its card" }
[models."box:new"]
training_cutoff = { date = 2024-03-05, source = "its card" }
[models."box:short"]
context_tokens = 1500
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "backtests").mkdir()
    (tmp_path / MARKER).touch()
    (tmp_path / FILE).write_text(REGISTRY, encoding="utf-8")
    (tmp_path / "backtests" / "study.toml").write_text(STUDY, encoding="utf-8")
    make_bundle(tmp_path, symbols=("AAA",))
    return Project(tmp_path)


class Renamed(FunctionModel):
    """Answers as two versions of one model, the second from the fifth call on."""

    async def answer(self, request: ModelRequest) -> ModelReply:
        reply = await super().answer(request)
        return replace(reply, model_returned=f"old ({'fp1' if len(self.requests) < 5 else 'fp2'})")


def run_of(project: Project, model: str = "box:old", **settings: Any) -> RunFolder:
    overrides = [Override(key, value, "test") for key, value in {"model": model, **settings}.items()]
    return run_experiment(project, load_experiment(project, "study", overrides), RunOptions())


def cutoffs(project: Project, model: str, sessions: list[date], **settings: Any) -> dict[str, dict[str, Any]]:
    overrides = [Override(key, value, "test") for key, value in {"model": model, **settings}.items()]
    return cutoffs_of(inputs_of_project(project, load_experiment(project, "study", overrides)), sessions)


def test_sessions_are_counted_on_both_sides_of_the_cutoff_and_its_gap(project: Project) -> None:
    last_before = date(2023, 6, 30) + timedelta(days=90)
    sessions = [last_before - timedelta(days=1), last_before, last_before + timedelta(days=1), last_before + timedelta(days=2)]
    assert cutoffs(project, "box:old", sessions)["decision"] == {
        "model": "box:old", "training_cutoff": "2023-06-30", "source": "its card", "gap_days": 90,
        "sessions": {"before": 2, "after": 2, "unknown": 0},
    }  # fmt: skip
    no_gap = cutoffs(project, "box:old", sessions, **{"models.cutoff_gap_days": 0})["decision"]
    assert no_gap["sessions"] == {"before": 0, "after": 4, "unknown": 0}


@pytest.mark.parametrize(
    ("model", "counts", "warning"),
    [
        ("rules", {"before": 0, "after": 2, "unknown": 0}, ""),
        ("box:old", {"before": 0, "after": 2, "unknown": 0}, ""),
        ("box:between", {"before": 1, "after": 1, "unknown": 0}, "1 of 2 sessions are not after the training cutoff of box:between"),
        (
            "box:new",
            {"before": 2, "after": 0, "unknown": 0},
            "no session is after the training cutoff of box:new (2024-03-05, and 90 days' gap)",
        ),
        ("box:other", {"before": 0, "after": 0, "unknown": 2}, "the training cutoff of box:other is not known"),
    ],
)
def test_what_a_cutoff_lets_a_run_say(project: Project, model: str, counts: dict[str, int], warning: str) -> None:
    found = cutoffs(project, model, [date(2024, 3, 8), date(2024, 3, 11)])
    assert {each["model"] for each in found.values()} == {model}
    assert found["forecasting"]["sessions"] == counts
    said = cutoff_warnings(found.values())
    assert len(said) == bool(warning), "once a model, not once an agent"
    assert warning in "".join(said)
    assert ("cannot be evidence" in "".join(said)) is (counts["after"] == 0)
    assert model in cutoff_text(found["decision"])


def test_agents_that_are_off_ask_nobody(project: Project) -> None:
    found = cutoffs(project, "box:new", [date(2024, 3, 8)], without=["style", "forecasting"])
    assert set(found) == {"news_sentiment", "report_retrieval", "decision", "reflection"}
    assert cutoffs(project, "box:new", [date(2024, 3, 8)], agents_enabled=False) == {}


def test_a_run_says_what_answered_and_keeps_what_was_known(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    double = Renamed(answer_by_content)
    monkeypatch.setattr(execution, "make_model", lambda name, *_, **__: RulesAnalyst() if name == "rules" else double)
    run = run_of(project, "rules", agent_models={"decision": "box:new"})
    header = run.header
    assert {request.agent for request in double.requests} == {"decision"}
    assert (header["models"]["decision"], header["models"]["forecasting"], header["title"]) == ("box:new", "rules", "box:new and rules")
    assert header["base_url"] == "http://127.0.0.1:9/v1"
    assert header["cutoffs"]["decision"]["sessions"] == {"before": 10, "after": 0, "unknown": 0}
    assert header["cutoffs"]["forecasting"]["source"] == "no training data"
    assert header["models_returned"] == ["old (fp1)", "old (fp2)", "rules"]
    changed = "what answered as box:new changed within the run: old (fp1), old (fp2)"
    assert changed in header["warnings"]
    page = " ".join(text_show(run).split())
    assert changed in page
    assert "the run cannot be evidence" in page
    kept = (run.path / FILE).read_text(encoding="utf-8")
    assert "box:new" in kept
    assert "box:old" not in kept
    (project.root / FILE).unlink()
    assert verify_run(project, run).equal, "a run needs no registry but its own"


def test_a_run_of_rules_keeps_no_registry(project: Project) -> None:
    run = run_of(project, "rules")
    assert not (run.path / FILE).exists()
    assert run.header["warnings"] == []


def test_a_kept_registry_that_was_damaged_is_told(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "make_model", lambda name, settings, *_, **__: FunctionModel(answer_by_content))
    run = run_of(project)
    (run.path / FILE).write_text("[servers.box]\n", encoding="utf-8")
    with pytest.raises(DataError, match="RUN_INVALID: a file that the run kept is damaged"):
        verify_run(project, run)


@pytest.mark.parametrize("settings", [{"model": "box:x:online"}, {"agent_models": {"reflection": "box:sonar"}}])
def test_a_model_that_searches_is_refused_before_anything_is_written(project: Project, settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        run_of(project, **settings)
    assert caught.value.code is ErrorCode.LOOKAHEAD_MODEL
    assert not project.runs_folder.exists()


def test_the_experiments_model_for_an_agent_comes_before_its_cards(project: Project) -> None:
    (project.root / "agents").mkdir()
    packaged = project.content_file("agents", "decision.md")
    assert packaged is not None
    text = packaged.read_text(encoding="utf-8").replace("\nagent =", '\nmodel = "box:old"\nagent =', 1)
    (project.root / "agents" / "decision.md").write_text(text, encoding="utf-8")
    of_card = inputs_of_project(project, load_experiment(project, "study", []))
    override = Override("agent_models", {"decision": "box:new"}, "test")
    of_experiment = inputs_of_project(project, load_experiment(project, "study", [override]))
    assert (of_card.model_of("decision"), of_card.model_of("forecasting")) == ("box:old", "rules")
    assert of_experiment.model_of("decision") == "box:new"
    assert of_experiment.sources.cards == of_card.sources.cards, "the card that is kept is the card as it is"


def test_a_check_tells_cost_and_length_by_agent(project: Project) -> None:
    experiment = load_experiment(project, "study", [Override("model", "box:old", "test")])
    plan = estimate(project, experiment)
    decision = plan["agents"]["decision"]
    assert decision["calls"] == 10
    assert decision["cost_usd"] == pytest.approx(10 * (decision["prompt_tokens"] * 1 + decision["answer_tokens"] * 10) / 1e6)
    assert plan["cost_usd"] == pytest.approx(sum(each["cost_usd"] for each in plan["agents"].values()))
    line = prompts_line(plan)
    assert line is not None
    assert line.ok
    assert f"{max(each['longest_prompt_tokens'] for each in plan['agents'].values()):,}" in line.text
    assert "context 100,000" in line.text
    unknown = estimate(project, load_experiment(project, "study", [Override("model", "box:other", "test")]))
    assert unknown["cost_usd"] is None
    assert estimate(project, load_experiment(project, "study", []))["cost_usd"] == 0.0


def test_a_check_finds_a_prompt_that_will_not_fit(project: Project) -> None:
    experiment = load_experiment(project, "study", [Override("model", "box:short", "test")])
    assert all(line.ok for line in check_experiment(project, experiment))
    line = prompts_line(estimate(project, experiment))
    assert line is not None
    assert not line.ok
    assert line.text.startswith("PROMPT_TOO_LONG: the prompt of ")
    assert "the context of box:short holds 1,500" in line.text
