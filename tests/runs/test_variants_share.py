"""Variants with a model server: what one asked the next one reads, and a variant that died is resumed like any run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.doubles import FunctionModel
from tests.factories import make_bundle
from tests.runs.test_execute import EXPERIMENT, DyingAnalyst
from tests.test_invariants import answer_by_content
from tradinggroup.errors import ProviderError
from tradinggroup.experiment import Override, load_variants
from tradinggroup.project import MARKER, Project
from tradinggroup.runs import execution
from tradinggroup.runs.compare import compare_runs
from tradinggroup.runs.execute import RunOptions, resume_run, run_experiment
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.verify import verify_run

TWO = EXPERIMENT + '\n[[variants]]\nname = "no risk"\nwithout = ["risk"]\n\n[[variants]]\nname = "all"\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "backtests").mkdir()
    (tmp_path / MARKER).touch()
    (tmp_path / "backtests" / "study.toml").write_text(TWO, encoding="utf-8")
    make_bundle(tmp_path, symbols=("AAA", "BBB"))
    return Project(tmp_path)


def test_what_one_variant_asked_the_next_one_reads(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    double = FunctionModel(answer_by_content)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setattr(execution, "make_model", lambda name, settings, *_, **__: double)
    variants = load_variants(project, "study", [Override("model", "openai:double", "--model")])
    runs = [run_experiment(project, each, RunOptions()) for each in variants]
    first, second = (run.header["calls"] for run in runs)
    assert first["live"] == len({request.key for request in double.requests}) - second["live"]
    assert Counter(request.key for request in double.requests).most_common(1)[0][1] == 1, "no request is asked twice"
    assert 0 < second["live"] < second["total"] / 2
    assert first["by_agent"]["reflection"]["calls"] > 20
    for run in runs:
        assert verify_run(project, run).equal


def test_a_variant_that_died_is_resumed_in_its_own_folder(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    without_risk, _ = load_variants(project, "study")
    unbroken = run_experiment(project, without_risk, RunOptions())
    with monkeypatch.context() as patch:
        patch.setattr(execution, "make_model", lambda name, settings, *_, **__: DyingAnalyst(100))
        with pytest.raises(ProviderError):
            run_experiment(project, without_risk, RunOptions())
    broken = next(RunFolder.open(path) for path in project.runs_folder.iterdir() if path.name != unbroken.name)
    again = resume_run(project, broken, RunOptions())
    assert again.header["variant"] == "no risk"
    assert again.settings["without"] == ["risk"]
    assert compare_runs(unbroken.path, again.path).equal
