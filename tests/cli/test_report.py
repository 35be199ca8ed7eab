"""`tradinggroup report` on the command line: where it writes, what it refuses, and the tables for other tools."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.conftest import Run
from tests.runs.factory import make_project, make_run
from tradinggroup.project import Project
from tradinggroup.runs.folder import RunFolder


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


@pytest.fixture
def run(project: Project) -> RunFolder:
    return make_run(project)


def at(project: Project, *words: str) -> list[str]:
    return ["-C", str(project.root), "report", *words]


def test_it_lies_in_the_run_folder_or_where_it_is_asked_for(tg: Run, project: Project, run: RunFolder, tmp_path: Path) -> None:
    result = tg(*at(project))
    assert result.exit_code == 0
    assert result.out.splitlines()[-1].endswith(f"{run.name}/report.html")
    text = (run.path / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert tg(*at(project, run.run_id, "-o", str(tmp_path / "x.html"))).exit_code == 0
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == text
    (tmp_path / "pages").mkdir()
    assert tg(*at(project, "-o", str(tmp_path / "pages"))).exit_code == 0
    assert (tmp_path / "pages" / f"{run.name}.html").is_file()
    assert RunFolder.open(run.path).problems == []  # a report is no damage


def test_a_place_that_cannot_be_written(tg: Run, project: Project, run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / f"{run.name}.html").mkdir()
    for target in (tmp_path / "nowhere" / "x.html", tmp_path / "file" / "x.html", tmp_path / "taken"):
        result = tg(*at(project, "-o", str(target)))
        assert result.exit_code == 3
        assert result.err.startswith("OUTPUT_UNWRITABLE: ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "project", "taken"]  # no half of a file is left


def test_an_unknown_run(tg: Run, project: Project, run: RunFolder) -> None:
    assert tg(*at(project, "nothing")).exit_code == 3


def test_the_page_over_all(tg: Run, project: Project, run: RunFolder, tmp_path: Path) -> None:
    tg(*at(project))
    assert tg(*at(project, "--all")).exit_code == 0
    assert f'href="{run.name}/report.html"' in (project.runs_folder / "report.html").read_text(encoding="utf-8")
    assert tg(*at(project, run.run_id, "--all")).exit_code == 2
    assert tg(*at(project, "--all", "--returns", "x.csv")).exit_code == 2


def test_returns_are_what_quantstats_reads(tg: Run, project: Project, run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "returns.csv"
    assert tg(*at(project, "--returns", str(path))).exit_code == 0
    frame = pd.read_csv(path, index_col=0, parse_dates=True)
    assert frame.columns.tolist() == ["ALL", "ACME", "BOLT", "buy_and_hold", "random"]
    assert isinstance(frame.index, pd.DatetimeIndex)
    assert len(frame) == 7
    equity = pd.DataFrame(run.equity()).groupby("session")["equity_usd"].sum()
    assert frame["ALL"].to_list() == pytest.approx(equity.pct_change().dropna().to_list(), abs=1e-15)
    assert (1 + frame["ALL"]).prod() - 1 == pytest.approx(equity.iloc[-1] / equity.iloc[0] - 1)


def test_decisions_as_a_table(tg: Run, project: Project, run: RunFolder, tmp_path: Path) -> None:
    for name in ("d.csv", "d.parquet"):
        assert tg(*at(project, "--decisions", str(tmp_path / name))).exit_code == 0
    text, binary = pd.read_csv(tmp_path / "d.csv"), pd.read_parquet(tmp_path / "d.parquet")
    assert len(text) == len(binary) == len(run.decisions())
    assert text.columns.tolist() == binary.columns.tolist()
    assert text["reason_code"].tolist() == binary["reason_code"].tolist()
    refused = tg(*at(project, "--decisions", str(tmp_path / "d.xlsx")))
    assert (refused.exit_code, (tmp_path / "d.xlsx").exists()) == (2, False)
    assert ".csv" in refused.err
    assert tg(*at(project, "--decisions", str(tmp_path / "d.csv"), "-o", "x")).exit_code == 2


@pytest.mark.parametrize("option", ["-o", "--returns", "--decisions"])
def test_a_file_without_a_name_is_refused(tg: Run, project: Project, run: RunFolder, option: str) -> None:
    result = tg(*at(project, option, ""))
    assert (result.exit_code, result.out) == (2, "")
    assert "a file without a name" in result.err
    assert not (run.path / "report.html").exists()


def test_a_run_without_decisions(tg: Run, project: Project, run: RunFolder, tmp_path: Path) -> None:
    (run.path / "decisions.jsonl").write_bytes(b"")
    assert tg(*at(project, "--decisions", str(tmp_path / "d.csv"))).exit_code == 0
    assert len(pd.read_csv(tmp_path / "d.csv")) == 0


def test_a_comparison_as_a_page(tg: Run, project: Project, run: RunFolder, tmp_path: Path) -> None:
    other, target = make_run(project), tmp_path / "c.html"
    result = tg("-C", str(project.root), "compare", run.run_id, other.run_id, "-o", str(target))
    assert (result.exit_code, result.out.splitlines()[-1]) == (0, f"saved {target}")
    assert target.read_text(encoding="utf-8").count("</html>") == 1
    as_json = tg("-C", str(project.root), "compare", run.run_id, other.run_id, "-o", str(target), "--json")
    assert set(json.loads(as_json.out)) == {"runs", "pairs"}
