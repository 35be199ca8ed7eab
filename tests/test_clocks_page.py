"""docs/clocks.md holds what its tool prints, and the tool counts right."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tradinggroup.data.bundle import Bundle
from tradinggroup.experiment import load_variants
from tradinggroup.project import MARKER, Project
from tradinggroup.runs.execute import RunOptions, run_experiment

EXPERIMENT = """
name = "clocks"
bundle = "demo"
symbols = ["ACME", "QFRN"]
start = 2023-02-01
end = 2023-02-14
baselines = ["buy_and_hold"]
[[variants]]
name = "close"
[[variants]]
name = "open"
decide = "pre_open"
"""


@pytest.fixture(scope="module")
def tool(repository: Path) -> ModuleType:
    import importlib

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repository / "tools"))
        return importlib.import_module("clocks")


def test_the_tables_of_a_small_run(tool: ModuleType, repository: Path, tmp_path: Path) -> None:
    (tmp_path / MARKER).touch()
    project = Project(tmp_path)
    shutil.copytree(repository / "data" / "demo", project.bundles_folder / "demo")
    project.experiments_folder.mkdir()
    (project.experiments_folder / "clocks.toml").write_text(EXPERIMENT, encoding="utf-8")
    variants = load_variants(project, "clocks")
    runs = [run_experiment(project, variant, RunOptions()) for variant in variants]
    bundle = Bundle.open(project.bundle_folder("demo"))

    first, second = (line.split(" | ") for line in tool.changed(runs).splitlines()[2:])
    assert first[:4] == ["| close", "20", "0 %", "0 %"]
    assert second[:2] == ["| open", "20"]
    assert [line.split(" | ")[0] for line in tool.returns(runs).splitlines()[2:]] == ["| close", "| open", "| buy and hold"]
    for line, symbol in zip(tool.seen(bundle, variants, runs).splitlines()[2:], ("ACME", "QFRN"), strict=True):
        news = bundle.frames().news
        shown = news[(news["symbol"] == symbol) & (news["title"] != "")]
        night = seen = 0
        for decided in [each for each in runs[1].decisions() if each["symbol"] == symbol]:
            close = bundle.calendar.close_at(tool.date.fromisoformat(decided["session"]))
            night += int(((shown["known_at"] > close) & (shown["known_at"] <= decided["as_of"])).sum())
            seen += decided["news_sentiment"]["items_seen"]
        cells = line.split(" | ")
        assert (cells[0], cells[1], cells[3], cells[4]) == (f"| {symbol}", "10", f"{seen / 10:.1f}", f"{100 * night / seen:.0f} %")


def test_the_difference_of_two_paths(tool: ModuleType) -> None:
    """Means 0.001 apart; the differences 0.002 and 0 have a deviation of 0.001414, so a standard error of 0.001."""
    assert tool.difference_text([0.003, 0.001], [0.001, 0.001]) == "+25.2 (-24.2 to +74.6)"


def test_the_page_has_the_blocks_of_its_tool(tool: ModuleType) -> None:
    page = tool.PAGE.read_text(encoding="utf-8")
    for block in ("closings", "seen", "changed", "returns"):
        assert page.count(f"<!-- generated: {block} -->") == 1


@pytest.mark.long
def test_the_page_is_what_the_runs_give(tool: ModuleType, shared_data: Path) -> None:
    assert tool.main(["--check", "--data", str(shared_data)]) == 0
