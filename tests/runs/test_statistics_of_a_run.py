"""Intervals and power of whole runs: in the header, and what the pages make of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tradinggroup.backtest.metrics.series import session_returns
from tradinggroup.backtest.statistics.figures import Sampling, equity_paths, run_statistics
from tradinggroup.backtest.statistics.power import power_of
from tradinggroup.experiment import Override, load_experiment
from tradinggroup.project import Project
from tradinggroup.runs.estimate import estimate, power_line
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.text.overview import text_overview
from tradinggroup.runs.text.show import headline, text_result, text_show
from tradinggroup.runs.text.statistics import power_text
from tradinggroup.runs.text.variants import text_variants

REASON = "only 8 of 60 sessions and 2 of 10 round trips"


def unwrapped(text: str) -> str:
    return " ".join(text.split())


def paths(seed: int) -> dict[str, list[dict[str, Any]]]:
    rng = np.random.default_rng(seed)
    return {
        name: [{"equity_usd": float(value)} for value in 1e5 * np.cumprod(1 + rng.normal(0.001, 0.01, 80))] for name in ("ACME", "BOLT")
    }


@pytest.fixture
def long_run(run: RunFolder) -> RunFolder:
    """The small run, said to be longer, with statistics of made-up accounts."""
    whole: Any = {"ALL": SimpleNamespace(sessions=80, trades=25, average_holding_sessions=5.0)}
    baselines = {"buy_and_hold": equity_paths(paths(2)), "random": equity_paths(paths(3))}
    run.header["sessions"] = 80
    run.header["statistics"] = run_statistics(equity_paths(paths(1)), whole, baselines, sampling=Sampling(400, 7))
    run.header["power"] = power_of(79, forecasts=79, symbols=2, correlation=0.4, correlation_sessions=252).to_plain()
    for name, trades in (("ALL", 25), ("ACME", 16), ("BOLT", 9)):
        run.header["metrics"][name]["trades"] = trades
    return run


def test_a_run_has_statistics_of_its_own_accounts(costly_run: RunFolder) -> None:
    header = costly_run.header
    found, power = header["statistics"], header["power"]
    assert (found["sessions"], found["enough"]) == (header["sessions"], False)
    assert found["reason"].startswith(f"only {header['sessions']} of 60 sessions")
    for name, metrics in header["metrics"].items():
        for metric in ("total_return_fraction", "sharpe_ratio"):
            assert found["metrics"][name][metric]["value"] == metrics[metric]
            lead = found["differences"]["buy_and_hold"][name][metric]
            held = header["baselines"]["buy_and_hold"][name][metric]
            assert lead["value"] == (None if metrics[metric] is None or held is None else metrics[metric] - held)
    rows = [row for row in costly_run.equity() if row["symbol"] == "AAA"]
    returns = session_returns(np.array([row["equity_usd"] for row in rows]))
    assert power["returns"] == len(returns) == header["sessions"] - 1
    assert power["symbols"] == 2
    # The bundle is too short for a base rate: nothing can be compared, and nothing was.
    assert (power["forecasts"], power["forecast_skill"]) == (0, None)
    assert header["forecasts"]["ALL"]["skill"] is None
    assert costly_run.summary()["statistics"] == found


def test_check_tells_the_power_that_the_run_then_has(costly_run: RunFolder) -> None:
    project = Project(costly_run.path.parents[2])
    plan = estimate(project, load_experiment(project, "study"))
    assert plan["power"] == costly_run.header["power"]
    line = power_line(plan)
    assert line is not None
    assert line.text.startswith(f"{costly_run.header['sessions']} sessions of 2 symbols can show a Sharpe difference to buy and hold from")
    without = estimate(project, load_experiment(project, "study", [Override("agents_enabled", False, "test")]))
    assert (without["power"], power_line(without)) == (None, None)


def test_too_few_sessions_or_round_trips_are_said_in_place_of_intervals(run: RunFolder) -> None:
    run.header["statistics"] = {"enough": False}
    assert f"(-1.47 points, no interval: {REASON})" in headline(run)
    for text in (text_show(run), text_result(run), text_overview(run)):
        assert f"no Sharpe ratio and no interval: {REASON}" in unwrapped(text)
        assert "SPR" not in text
        assert "0.80" not in text
    assert "0.80" not in text_variants([run])


def test_intervals_stand_where_there_is_enough(long_run: RunFolder) -> None:
    lead = long_run.header["statistics"]["differences"]["buy_and_hold"]["ALL"]["total_return_fraction"]
    ends = f"{lead['low'] * 100:+.2f} to {lead['high'] * 100:+.2f}"
    assert f"points, 95 % interval {ends})" in headline(long_run)
    whole = text_show(long_run)
    assert "SPR  Sharpe ratio" in whole
    assert "95 % intervals of ALL" in whole
    assert f"less buy and hold {ends} points" in unwrapped(text_overview(long_run))
    assert "400 windows drawn in blocks of" in unwrapped(whole)
    assert "p of 2 together (Holm)" in unwrapped(whole)
    for text in (whole, text_overview(long_run), text_result(long_run)):
        assert max(map(len, text.splitlines())) <= 80


def test_a_symbol_with_too_few_round_trips_has_no_ratio_of_its_own(long_run: RunFolder) -> None:
    page = text_show(long_run)
    table = page[page.index("by symbol") :].splitlines()
    rows = {line.split()[0]: line for line in table[1:4]}
    assert "0.80" in rows["ACME"]
    assert "0.80" not in rows["BOLT"]


def test_power_says_what_it_rests_on() -> None:
    measured = power_of(229, forecasts=229, symbols=5, correlation=0.4, correlation_sessions=252).to_plain()
    assert "230 sessions of 5 symbols can show a Sharpe difference to buy and hold from" in power_text(measured)
    assert "symbols correlated by 0.40 (252 sessions before)" in power_text(measured)
    assumed = power_of(229, forecasts=0, symbols=5, correlation=None, correlation_sessions=0).to_plain()
    assert "symbols correlated by 0.30 (assumed)" in power_text(assumed)
    assert "skill" not in power_text(assumed)
    alone = power_of(229, forecasts=9, symbols=1, correlation=None, correlation_sessions=0).to_plain()
    assert "correlated" not in power_text(alone)


def test_a_run_of_an_older_version_says_nothing_of_intervals(run: RunFolder) -> None:
    assert "statistics" not in run.header
    assert "(-1.47 points)" in headline(run)
    assert "can show a Sharpe difference" not in text_show(run)
