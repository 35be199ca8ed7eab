"""A card that was edited changes the next run and nothing of the runs before, which are explained by their own copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.test_execute import new_project, resolved
from tradinggroup.agents.roles import ROLES
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.project import Project
from tradinggroup.runs.execute import RunOptions, run_experiment
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.text.explain import text_explain
from tradinggroup.runs.verify import verify_run

SHORT = (("end", "2024-03-01"), ("symbols", ["AAA"]))
LINE = "Buy on every Tuesday."


def run_short(project: Project) -> RunFolder:
    return run_experiment(project, resolved(project, *SHORT), RunOptions())


def prompts(run: RunFolder, agent: str) -> list[str]:
    with RecordingStore.open(run.recordings, readonly=True) as store:
        return [call.messages[-1].content for call in store.read_calls(agent=agent)]


@pytest.fixture(scope="module")
def before_and_after(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, RunFolder, RunFolder]:
    project = new_project(tmp_path_factory.mktemp("cards") / "project")
    before = run_short(project)
    packaged = before.read_text("cards/decision.md")
    (project.root / "agents").mkdir()
    (project.root / "agents" / "decision.md").write_text(packaged.replace("How to decide:", f"How to decide:\n- {LINE}"), encoding="utf-8")
    return project, before, run_short(project)


def test_the_next_run_asks_by_the_new_card_and_says_so(before_and_after: tuple[Project, RunFolder, RunFolder]) -> None:
    _, before, after = before_and_after
    assert set(before.header["cards"]) == set(ROLES)
    changed = {agent for agent, card_hash in before.header["cards"].items() if after.header["cards"][agent] != card_hash}
    assert changed == {"decision"}
    assert before.header["files"]["cards/decision.md"] != after.header["files"]["cards/decision.md"]
    assert before.header["cards"]["decision"] == f"sha256:{before.header['files']['cards/decision.md']['sha256']}"
    assert not any(LINE in prompt for prompt in prompts(before, "decision"))
    assert all(LINE in prompt for prompt in prompts(after, "decision"))
    assert prompts(before, "forecasting") == prompts(after, "forecasting")


def test_the_old_run_is_explained_and_verified_by_its_own_copy(
    before_and_after: tuple[Project, RunFolder, RunFolder], tmp_path: Path
) -> None:
    project, before, after = before_and_after
    assert LINE not in before.read_text("cards/decision.md")
    assert LINE in after.read_text("cards/decision.md")
    assert verify_run(project, before).equal
    assert verify_run(project, after).equal
    assert "5 decision" in text_explain(before, "2024-02-27", "AAA")
