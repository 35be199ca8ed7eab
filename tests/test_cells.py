"""The cells of `--vary` and the repetitions of `--runs`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tradinggroup.cells import repeated, vary_cells
from tradinggroup.errors import UsageError
from tradinggroup.experiment import Override, load_experiment, load_variants
from tradinggroup.project import MARKER, Project

TEXT = 'name = "x"\nbundle = "demo"\nsymbols = ["A"]\nstart = 2024-03-04\nend = 2024-03-28\nseed = 3\n'
VARIANTS = '[[variants]]\nname = "one"\nrisk = "strict"\n[[variants]]\nname = "two"\n[variants.agents.news_sentiment]\nk = 5\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "backtests").mkdir()
    (tmp_path / MARKER).touch()
    (tmp_path / "backtests" / "x.toml").write_text(TEXT, encoding="utf-8")
    (tmp_path / "backtests" / "v.toml").write_text(TEXT + VARIANTS, encoding="utf-8")
    return Project(tmp_path)


def test_every_combination_in_order(project: Project) -> None:
    cells = vary_cells(["model=rules,openai:m", "agents.news_sentiment.k=2,3", "cash=500"])
    assert [cell.name for cell in cells] == [
        f"model={model}, agents.news_sentiment.k={k}, cash_usd=500" for model in ("rules", "openai:m") for k in (2, 3)
    ]
    found = [each.experiment for each in load_variants(project, "x", cells=cells)]
    assert [(each.model, each.agents.news_sentiment.k, each.cash_usd) for each in found] == [
        ("rules", 2, 500), ("rules", 3, 500), ("openai:m", 2, 500), ("openai:m", 3, 500)
    ]  # fmt: skip
    assert len({each.name for each in found}) == 4


def test_a_list_setting_takes_one_value_a_cell_or_a_toml_list(project: Project) -> None:
    one = load_variants(project, "x", cells=vary_cells(["without=risk,style"]))
    assert [each.experiment.without for each in one] == [("risk",), ("style",)]
    cells = vary_cells(['without=[[], ["risk", "style"]]'])
    assert [cell.name for cell in cells] == ["without=none", "without=risk+style"]
    assert [each.experiment.without for each in load_variants(project, "x", cells=cells)] == [(), ("risk", "style")]


def test_cells_cross_the_variants_of_the_file(project: Project) -> None:
    found = load_variants(project, "v", cells=vary_cells(["seed=1,2"]))
    assert [each.variant for each in found] == ["one; seed=1", "one; seed=2", "two; seed=1", "two; seed=2"]
    assert [(each.experiment.risk, each.experiment.agents.news_sentiment.k, each.experiment.seed) for each in found][2:] == [
        ("default", 5, 1), ("default", 5, 2)
    ]  # fmt: skip
    nested = load_variants(project, "v", cells=vary_cells(["agents.news_sentiment.floor=0.1,0.3"]))
    assert [(each.experiment.agents.news_sentiment.k, each.experiment.agents.news_sentiment.floor) for each in nested][2:] == [
        (5, 0.1), (5, 0.3)
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["risk", "agents.news_sentiment.k"])
def test_a_setting_of_the_variants_cannot_be_varied_besides(project: Project, key: str) -> None:
    with pytest.raises(UsageError, match=f"--vary: {key} is given by the variant"):
        load_variants(project, "v", cells=vary_cells([f"{key}=3,4"]))


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["rsk=a"], "no setting rsk, origin=--vary. Did you mean risk"),
        (["agents=a"], "agents is a table of settings, origin=--vary"),
        (["risk"], "--vary: risk. Write it as"),
        (["=a"], "--vary: =a. Write it as"),
        (["risk="], "risk= has an empty value"),
        (["risk=a,,b"], "risk= has an empty value"),
        (["risk=[]"], "risk= has no value"),
        (["risk=[a"], "is no list"),
        (["risk=a,b,a"], "risk has the value a twice"),
        (["risk=a", "risk=b"], "risk is given twice"),
        (["cash=1", "cash_usd=2"], "cash_usd is given twice"),
        (["seed=1,2"], "seed is what --runs counts up"),
        (["model=a,b"], "model is given by --model too"),
    ],
)
def test_what_cannot_be_a_table_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        vary_cells(texts, [Override("model", "rules", "--model")], runs=2)
    assert says in str(caught.value)


def test_a_value_that_the_setting_cannot_have_names_its_cell(project: Project) -> None:
    with pytest.raises(UsageError, match=r"origin=backtests/x[.]toml variant fill=never"):
        load_variants(project, "x", cells=vary_cells(["fill=next_open,never"]))


def test_runs_count_up_seed_and_sample_and_the_first_is_the_experiment_itself(project: Project) -> None:
    resolved = load_experiment(project, "x", [Override("models.sample_index", "4", "--set")])
    runs = repeated(resolved, 3)
    assert [(each.experiment.seed, each.experiment.models.sample_index) for each in runs] == [(3, 4), (4, 5), (5, 6)]
    assert runs[0].experiment == resolved.experiment
    assert runs[2].origins["seed"] == "--runs"
    assert runs[2].arguments["seed"] == 5
    assert repeated(resolved, 1) == [resolved]
    assert runs[0].experiment.start == date(2024, 3, 4)
