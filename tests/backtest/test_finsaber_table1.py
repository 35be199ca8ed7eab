"""The convention finsaber on the data of the paper's Table 1: every cell, every fill, every bar of the equity curves."""

from __future__ import annotations

import importlib
from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.backtest.table1 import METRICS, STRATEGIES, expected_cells, price_rows, rows
from tradinggroup.errors import UsageError
from tradinggroup.experiment import Override, load_experiment
from tradinggroup.project import Project
from tradinggroup.runs.execute import RunOptions, run_experiment
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.verify import verify_run

pytest.importorskip("statsmodels")
pytest.importorskip("xgboost")

EXPERIMENT = "table1"
CHECKED = ("TSLA", "NFLX", "MSFT")


@pytest.fixture(scope="module")
def tool(repository: Path) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(repository / "tools"))
        return importlib.import_module("table1")


@pytest.fixture(scope="module")
def finished(tool: ModuleType, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, RunFolder]:
    """One run of the shipped experiment: ARIMA and XGBoost are fitted once for all tests here."""
    project = tool.project_in(tmp_path_factory.mktemp("table1"), shared_data / "table1")
    return project, run_experiment(project, load_experiment(project, EXPERIMENT), RunOptions())


@pytest.fixture(scope="module")
def corrected(finished: tuple[Project, RunFolder]) -> RunFolder:
    project, _ = finished
    return run_experiment(project, load_experiment(project, "table1-sessions"), RunOptions())


def rows_of(run: RunFolder, name: str, symbol: str, *, fills: bool) -> list[Mapping[str, Any]]:
    found = run.baseline_fills(name) if fills else run.baseline_equity(name)
    return [row for row in found if row["symbol"] == symbol]


def test_every_cell(finished: tuple[Project, RunFolder], shared_data: Path) -> None:
    baselines = finished[1].summary()["baselines"]
    cells = expected_cells(shared_data)
    assert len(cells) == len(STRATEGIES) * len(METRICS) * len(CHECKED)
    wrong = {
        place: (baselines[place[0]][place[1]][place[2]], expected)
        for place, expected in cells.items()
        if baselines[place[0]][place[1]][place[2]] != pytest.approx(expected, abs=1e-8 if place[2] != "sharpe_ratio" else 1e-6, rel=0)
    }
    assert not wrong


def test_every_fill(finished: tuple[Project, RunFolder], shared_data: Path) -> None:
    expected = defaultdict(list)
    for row in rows(shared_data, "fills.csv"):
        expected[STRATEGIES[row["strategy"]], row["ticker"]].append((row["date"], int(row["shares"]), float(row["price"])))
    for (name, symbol), fills in expected.items():
        ours = rows_of(finished[1], name, symbol, fills=True)
        assert [(row["session"], row["shares"]) for row in ours] == [fill[:2] for fill in fills], (name, symbol)
        assert [row["price_usd"] for row in ours] == pytest.approx([fill[2] for fill in fills], abs=1e-6, rel=0)


def test_every_bar_of_the_equity(finished: tuple[Project, RunFolder], shared_data: Path) -> None:
    expected = defaultdict(list)
    for row in rows(shared_data, "equity_curves.csv"):
        expected[STRATEGIES[row["strategy"]], row["ticker"]].append(row)
    assert len(expected) == len(STRATEGIES) * len(CHECKED)
    for (name, symbol), bars in expected.items():
        ours = rows_of(finished[1], name, symbol, fills=False)
        assert [(row["session"], row["shares"]) for row in ours] == [(bar["date"], int(bar["shares"])) for bar in bars], (name, symbol)
        for key, column in (("equity_usd", "equity"), ("cash_usd", "cash")):
            assert [row[key] for row in ours] == pytest.approx([float(bar[column]) for bar in bars], abs=1e-4, rel=0)


def test_a_share_without_enough_training_rows_has_no_model_and_says_so(finished: tuple[Project, RunFolder]) -> None:
    run = finished[1]
    idle = run.summary()["baselines"]["arima"]["COIN"]
    assert {key: idle[key] for key in (*METRICS.values(), "trades")} == dict.fromkeys((*METRICS.values(), "trades"), 0)
    assert rows_of(run, "arima", "COIN", fills=True) == []
    assert "COIN: 251 training rows" in run.header["baselines_missing"]["arima"]
    assert list(run.header["baselines_missing"]) == ["arima"]


def test_the_five_shares_together_fill_as_published(finished: tuple[Project, RunFolder], shared_data: Path) -> None:
    """How many fills there are, and how many on closed days, is known of all five shares, AMZN and COIN included."""
    _, run = finished
    sessions = {row["Date"] for symbol in ("TSLA", "COIN") for row in price_rows(shared_data, symbol)}
    found = {}
    for name in STRATEGIES.values():
        fills = run.baseline_fills(name)
        found[name] = (sum(fill["session"] not in sessions for fill in fills), len(fills))
    assert found == {
        "buy_and_hold": (0, 5),
        "sma_cross": (24, 81),
        "wma_cross": (38, 83),
        "atr_band": (4, 28),
        "bollinger": (3, 16),
        "turn_of_month": (39, 110),
        "arima": (87, 288),
        "xgboost": (21, 89),
    }


def test_the_run_is_marked_and_comes_out_the_same_again(finished: tuple[Project, RunFolder]) -> None:
    project, run = finished
    assert any("convention finsaber" in text for text in run.header["warnings"])
    for by_symbol in run.summary()["baselines"].values():
        assert set(by_symbol) == {"TSLA", "NFLX", "AMZN", "MSFT", "COIN", "ALL"}
    assert verify_run(project, run).equal


def test_a_share_is_left_out_where_the_training_years_begin_before_it(finished: tuple[Project, RunFolder]) -> None:
    project, _ = finished
    overrides = [
        Override("symbols", ["TSLA", "COIN"], "test"),
        Override("training_years", {"default": 2, "COIN": 2}, "test"),
        Override("baselines", ["buy_and_hold", "bollinger"], "test"),
    ]
    run = run_experiment(project, load_experiment(project, EXPERIMENT, overrides), RunOptions())
    assert {name: set(by_symbol) for name, by_symbol in run.summary()["baselines"].items()} == {
        "buy_and_hold": {"TSLA"},
        "bollinger": {"TSLA"},
    }
    assert "COIN: asks for rows from 2 years before" in run.header["baselines_missing"]["bollinger"]


def test_an_end_on_the_holiday_weekend_gives_the_same_bars(finished: tuple[Project, RunFolder]) -> None:
    project, whole = finished
    overrides = [Override("end", date(2023, 4, 9), "test"), Override("baselines", ["sma_cross"], "test")]
    run = run_experiment(project, load_experiment(project, EXPERIMENT, overrides), RunOptions())
    assert run.baseline_equity("sma_cross") == whole.baseline_equity("sma_cross")


def test_training_years_of_an_unknown_share_are_an_error(finished: tuple[Project, RunFolder]) -> None:
    project, _ = finished
    resolved = load_experiment(project, EXPERIMENT, [Override("training_years", {"COIM": 1}, "test")])
    with pytest.raises(UsageError, match=r"training_years names COIM.*Did you mean COIN"):
        run_experiment(project, resolved, RunOptions())


def test_the_page_says_what_the_runs_give(
    tool: ModuleType, finished: tuple[Project, RunFolder], corrected: RunFolder, shared_data: Path
) -> None:
    project, rerun = finished
    page = tool.PAGE.read_text(encoding="utf-8")
    assert page == tool.page_of(page, project, [rerun, corrected], shared_data / "table1"), "run: python tools/table1.py"


def test_put_right_there_is_no_closed_day_and_nobody_is_short(corrected: RunFolder) -> None:
    assert corrected.header["baselines_missing"] == {}
    for name, by_symbol in corrected.summary()["baselines"].items():
        assert set(by_symbol) == {"TSLA", "NFLX", "AMZN", "MSFT", "COIN", "ALL"}
        assert {each["sessions"] for each in by_symbol.values()} == {126}
        rows = corrected.baseline_equity(name)
        assert len(rows) == 5 * 126
        assert min(row["shares"] for row in rows) == 0
        assert min(row["cash_usd"] for row in rows) >= 0
