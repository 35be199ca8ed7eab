"""`backtest` and `check` on an experiment with variants: a run each, one table, one object."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tradinggroup as tg_api
from tests.cli.conftest import EXPERIMENT, Run
from tests.factories import make_bundle
from tradinggroup.errors import UsageError
from tradinggroup.project import Project
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.verify import verify_run

VARIANTS = (
    EXPERIMENT
    + """
[[variants]]
name = "(i) bare"
without = ["risk", "style", "reflections", "retrieval"]

[[variants]]
name = "placebo of all that it reads"
placebo = ["news", "filings", "reflections"]

[[variants]]
name = "whole"
"""
)


@pytest.fixture
def here(project_folder: Path) -> Path:
    (project_folder / "backtests" / "study.toml").write_text(VARIANTS, encoding="utf-8")
    make_bundle(project_folder, symbols=("AAA", "BBB"))
    return project_folder


def runs_of(folder: Path) -> list[RunFolder]:
    return [RunFolder.open(path) for path in sorted((folder / "backtests" / "runs").iterdir())]


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def test_every_variant_is_a_run_and_the_table_shows_them(here: Path, tg: Run) -> None:
    result = tg("backtest", "study")
    assert result.exit_code == 0, result.err
    lines = result.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if not line.startswith(" ")][:3] == ["ALL", "AAA", "BBB"]
    assert sum(line.strip().startswith("(i) bare  ") for line in lines) == 3
    assert sum(line.startswith("  buy and hold ") for line in lines) == 3
    assert "WARNING placebo: the news read was that of other past sessions" in unwrapped(result.out)
    assert all(line.startswith("saved backtests/runs/") for line in lines[-3:])
    runs = runs_of(here)
    assert [run.header["experiment"] for run in runs] == ["study-i-bare", "study-placebo-of-all-that-it-reads", "study-whole"]
    assert [run.header["variant"] for run in runs] == ["(i) bare", "placebo of all that it reads", "whole"]
    assert runs[0].settings["without"] == ["risk", "style", "reflections", "retrieval"]
    for run in runs:
        assert verify_run(Project(here), run).equal
    shown = tg("show", runs[0].run_id).out
    assert "variant (i) bare" in shown
    assert "without risk, style, reflections, retrieval" in shown
    assert tg("explain", runs[0].run_id, "2024-04-04", "AAA").out.count("switched off (--without style)") == 1
    listed = tg("runs").out
    assert max(map(len, listed.splitlines())) <= 80
    assert "(i) bare: without risk, style, reflections, retrieval" in listed
    for words in (("show", runs[1].run_id), ("trades", runs[1].run_id), ("explain", runs[1].run_id, "2024-04-04", "AAA"), ("runs",)):
        assert "placebo: the filings read were earlier ones" in unwrapped(tg(*words).out)


def test_json_is_one_object_of_runs(here: Path, tg: Run) -> None:
    found: dict[str, Any] = json.loads(tg("backtest", "study", "--symbols", "AAA", "--json").out)
    assert list(found) == ["runs"]
    assert [run["variant"] for run in found["runs"]] == ["(i) bare", "placebo of all that it reads", "whole"]
    assert {run["status"] for run in found["runs"]} == {"success"}
    assert all(set(run["metrics"]) == {"AAA", "ALL"} for run in found["runs"])


def test_check_and_dry_run_look_at_every_variant_and_make_no_run(here: Path, tg: Run) -> None:
    found = json.loads(tg("check", "study", "--json").out)
    assert found["ok"] is True
    assert [run["variant"] for run in found["runs"]] == ["(i) bare", "placebo of all that it reads", "whole"]
    bare, _, whole = (run["plan"]["calls_estimated"] for run in found["runs"])
    assert bare < whole, "without a style agent there are fewer calls"
    dry = tg("backtest", "study", "--dry-run")
    assert dry.exit_code == 0
    assert dry.out.count("variant ") == 3
    assert max(map(len, [*dry.out.splitlines(), *dry.err.splitlines()])) <= 80
    assert not (here / "backtests" / "runs").exists()


def test_an_option_that_the_variants_differ_in_is_refused(here: Path, tg: Run) -> None:
    result = tg("backtest", "study", "--without", "risk")
    assert result.exit_code == 2
    assert "without, origin=--without: the variants of backtests/study.toml differ in it" in result.err


def test_a_notebook_names_the_variant_that_it_wants(here: Path) -> None:
    run = tg_api.backtest("study", variant="whole", symbols=["AAA"])
    assert run.folder.header["variant"] == "whole"
    with pytest.raises(UsageError, match=r"the experiment has variants. Name one: variant='\(i\) bare'"):
        tg_api.backtest("study")
    with pytest.raises(UsageError, match="no variant hole"):
        tg_api.backtest("study", variant="hole")
