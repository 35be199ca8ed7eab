"""The variants of an experiment file: each a run's settings of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tradinggroup.errors import UsageError
from tradinggroup.experiment import Override, experiment_from_toml, experiment_to_toml, load_experiment, load_variants, parse_set
from tradinggroup.project import Project, defaults_root
from tradinggroup.variants import Variant

BASE = """name = "x"
bundle = "demo"
symbols = ["ACME"]
start = 2023-02-01
end = 2023-03-31
seed = 3
"""
TWO = (
    BASE
    + """
[[variants]]
name = "(i) without risk"
without = ["risk"]

[[variants]]
name = "short memory"
seed = 9
[variants.reflection]
window_sessions = 5
"""
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "backtests").mkdir()
    return Project(tmp_path)


def written(project: Project, text: str) -> Project:
    (project.experiments_folder / "x.toml").write_text(text, encoding="utf-8")
    return project


def test_each_variant_lies_over_the_file(project: Project) -> None:
    first, second = load_variants(written(project, TWO), "x")
    assert [each.variant for each in (first, second)] == ["(i) without risk", "short memory"]
    assert [each.experiment.name for each in (first, second)] == ["x-i-without-risk", "x-short-memory"]
    assert (first.experiment.without, first.experiment.seed, first.experiment.reflection.window_sessions) == (("risk",), 3, 20)
    assert (second.experiment.without, second.experiment.seed, second.experiment.reflection.window_sessions) == ((), 9, 5)
    assert first.origins["without"] == "backtests/x.toml variant (i) without risk"
    assert first.origins["seed"] == "backtests/x.toml"
    assert first.source_text == second.source_text == TWO
    assert experiment_from_toml(experiment_to_toml(second.experiment)) == second.experiment


def test_the_file_itself_is_what_has_no_variant(project: Project) -> None:
    base = load_experiment(written(project, TWO), "x")
    assert (base.variant, base.experiment.name, base.experiment.seed) == (None, "x", 3)
    (only,) = load_variants(written(project, BASE), "x")
    assert only.variant is None


def test_overrides_reach_all_variants(project: Project) -> None:
    runs = load_variants(written(project, TWO), "x", [Override("name", "y", "--set"), parse_set("cash_usd=5000")])
    assert [run.experiment.name for run in runs] == ["y-i-without-risk", "y-short-memory"]
    assert {run.experiment.cash_usd for run in runs} == {5000}
    assert runs[0].arguments == {"name": "y", "cash_usd": 5000}


@pytest.mark.parametrize(
    ("text", "override", "code", "says"),
    [
        (TWO, "without=risk", "SETTING_INVALID", "without, origin=--set: the variants of backtests/x.toml differ in it"),
        (TWO, "reflection.window_sessions=6", "SETTING_INVALID", "differ in it"),
        (BASE + '[[variants]]\nname = "a"\nsed = 1\n', "seed=1", "SETTING_UNKNOWN", "no setting sed, origin=backtests/x.toml variant a"),
        (BASE + '[[variants]]\nname = "a"\nseed = "1"\n', "cash_usd=9", "SETTING_INVALID", "origin=backtests/x.toml variant a"),
        (BASE + '[[variants]]\nname = "a"\nwithout = ["news"]\n', "seed=1", "SETTING_INVALID", "without=news must be one of"),
        (BASE + '[[variants]]\nname = "a"\nplacebo = ["news", "news"]\n', "seed=1", "SETTING_INVALID", "placebo names news twice"),
        (
            BASE + 'placebo = ["filings"]\n[[variants]]\nname = "a"\nwithout = ["report_retrieval"]\n',
            "seed=1",
            "SETTING_INVALID",
            "placebo=filings without=report_retrieval, origin=backtests/x.toml: nobody reads what it would replace",
        ),
    ],
)
def test_what_variants_cannot_be(project: Project, text: str, override: str, code: str, says: str) -> None:
    with pytest.raises(UsageError, match=code) as caught:
        load_variants(written(project, text), "x", [parse_set(override)])
    assert says in str(caught.value)


@pytest.mark.parametrize(("name", "suffix"), [("(i) all four removed", "i-all-four-removed"), ("RM + PC", "rm-pc"), ("Ünder 5", "nder-5")])
def test_the_suffix_is_fit_for_a_folder(name: str, suffix: str) -> None:
    assert Variant(name, {}).suffix == suffix


def test_a_runs_own_settings_have_no_variants() -> None:
    with pytest.raises(UsageError, match=r"EXPERIMENT_INVALID: resolved\.toml has variants"):
        experiment_from_toml(TWO)


def test_the_ablation_is_the_papers_table_3() -> None:
    runs = load_variants(Project(defaults_root()), "ablation")
    assert {run.variant: set(run.experiment.without) for run in runs} == {
        "(i) all four removed": {"risk", "style", "reflections", "retrieval"},
        "(ii) RM + PC": {"reflections", "retrieval"},
        "(iii) SR + RE + PC, no RM": {"risk"},
        "(iv) all enabled": set(),
    }
    assert {run.experiment.bundle for run in runs} == {"demo"}
