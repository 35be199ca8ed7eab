"""Milliseconds per decision with the rule-based analyst, beside the floor measured in the same process.

The floor is a graph of the same shape with empty nodes, invoked at every close of an otherwise empty backtrader loop over the
same sessions, through the same event loop and threads. The five real symbols where ../shared lies beside the checkout,
else the bundled market.

    python benchmarks/overhead.py [--rounds 3]
"""

from __future__ import annotations

import argparse
import gc
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tradinggroup.backtest.engine import run_account
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.data.importing import import_folder
from tradinggroup.desk import graph, research_nodes, trading_nodes
from tradinggroup.experiment import Override, load_experiment
from tradinggroup.models.loop import LoopThread
from tradinggroup.project import Project
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.runs import agents_job, execution
from tradinggroup.runs.baseline_figures import BaselineJob
from tradinggroup.runs.execute import RunOptions, run_experiment
from tradinggroup.runs.inputs import inputs_of_project
from tradinggroup.runs.window import markets_of

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data"
SYMBOLS = ["TSLA", "NFLX", "AMZN", "MSFT", "COIN"]


def prepare(folder: Path) -> tuple[Project, Any, str]:
    """A project in `folder` with the five real symbols, or the bundled market where there are none."""
    (folder / "tradinggroup.toml").touch()
    project = Project.find(folder)
    if not REAL.is_dir():
        return project, load_experiment(project, "demo", []), "the bundled market (no ../shared here)"
    import_folder(
        REAL, name="us2025", bundles_folder=project.bundles_folder, prices="prices_recent", symbols=SYMBOLS, start=date(2024, 6, 1)
    )
    span = [Override("end", date(2025, 6, 30), "--end")]
    return project, load_experiment(project, "us2025", span), "five real symbols, 2025-02-03..2025-06-30"


@contextmanager
def stopwatch(seconds: list[float]):
    """Times `run_agents` alone: not the start-up, the baselines, which else would run beside it, or the header."""
    original = agents_job.run_agents

    def timed(*arguments: Any, **options: Any) -> None:
        gc.collect()
        start = time.perf_counter()
        original(*arguments, **options)
        seconds.append(time.perf_counter() - start)

    with patch.object(execution, "run_agents", timed), patch.object(BaselineJob, "early_names", ()):
        yield


RESEARCH_NODES = ("label_forecast", "news_sentiment", "report_retrieval", "features", "forecasting")
TRADING_NODES = ("label_decision", "style_selection", "risk_intercept", "decision", "sizing")


async def empty_node(state, runtime):
    """Does nothing."""
    return {}


def empty_graphs() -> graph.DeskGraphs:
    """The graphs of the desk with nothing in their nodes."""
    with (
        patch.multiple(research_nodes, **dict.fromkeys(RESEARCH_NODES, empty_node)),
        patch.multiple(trading_nodes, **dict.fromkeys(TRADING_NODES, empty_node), after_intercept=lambda state: "decision"),
    ):
        return graph.build_graphs()


def milliseconds_by_node(project: Project, resolved: Any) -> dict[str, float]:
    """Milliseconds a decision spent inside each node, in a run of one step after the other so that no other work is counted in.

    What is left to the whole is LangGraph, the event loop, backtrader and the rows.
    """
    spent: dict[str, float] = {}

    def timed(name: str, node: Any) -> Any:
        async def run(state, runtime):
            start = time.perf_counter()
            try:
                return await node(state, runtime)
            finally:
                spent[name] = spent.get(name, 0.0) + time.perf_counter() - start

        return run

    serial = replace(resolved, experiment=resolved.experiment.model_copy(update={"schedule": "serial"}))
    seconds: list[float] = []
    with (
        patch.multiple(research_nodes, **{name: timed(name, getattr(research_nodes, name)) for name in RESEARCH_NODES}),
        patch.multiple(trading_nodes, **{name: timed(name, getattr(trading_nodes, name)) for name in TRADING_NODES}),
        stopwatch(seconds),
    ):
        decisions = len(run_experiment(project, serial, RunOptions()).decisions())
    nodes = {name: 1000 * each / decisions for name, each in spent.items()}
    return {**nodes, "everything else": 1000 * seconds[0] / decisions - sum(nodes.values())}


class EmptyTrader:
    """Invokes both empty halves at each close and orders nothing."""

    def __init__(self, graphs: graph.DeskGraphs, loop: LoopThread) -> None:
        self._graphs = graphs
        self._loop = loop
        self.closes = 0

    def on_close(self, session: date, account: Account) -> None:
        self.closes += 1
        self._loop.run(self._invoke())

    async def _invoke(self) -> None:
        state = await self._graphs.research.ainvoke({})
        await self._graphs.trading.ainvoke(state or {})


def floor_milliseconds(markets: dict[str, Any]) -> float:
    """Milliseconds per close of the empty loop."""
    graphs = empty_graphs()
    with LoopThread() as loop:
        traders = {symbol: EmptyTrader(graphs, loop) for symbol in markets}
        start = time.perf_counter()
        with ThreadPoolExecutor(len(markets)) as pool:
            list(pool.map(lambda symbol: _empty_run(markets[symbol], traders[symbol]), markets))
        seconds = time.perf_counter() - start
    return 1000 * seconds / sum(trader.closes for trader in traders.values())


def _empty_run(market: Any, trader: EmptyTrader) -> None:
    run_account(market, trader, cash_usd=100_000, commission=Commission(0, 0, 0), sink=MemorySink())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        project, resolved, what = prepare(Path(folder))
        markets = markets_of(inputs_of_project(project, resolved))
        ours, floors, peaks = [], [], []
        for _ in range(rounds):
            seconds: list[float] = []
            with stopwatch(seconds):
                run = run_experiment(project, resolved, RunOptions())
            ours.append(1000 * seconds[0] / len(run.decisions()))
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
            floors.append(floor_milliseconds(markets))
        decisions = len(run.decisions())
        parts = milliseconds_by_node(project, resolved)
    mine, floor = statistics.median(ours), statistics.median(floors)
    print(f"{what}: {decisions} decisions, {run.summary()['calls']['total']} recorded calls, {rounds} rounds, medians")
    print(f"rules    {mine:6.2f} ms a decision   (limit 8, aim 4)   rounds {', '.join(f'{each:.2f}' for each in ours)}")
    print(f"floor    {floor:6.2f} ms a decision   empty nodes         rounds {', '.join(f'{each:.2f}' for each in floors)}")
    print(f"ratio    {mine / floor:6.2f}")
    print("where it goes, one step after the other (ms a decision):")
    print("  " + ", ".join(f"{name} {each:.2f}" for name, each in sorted(parts.items(), key=lambda part: -part[1])))
    print(f"memory   {peaks[0]:6.0f} MB at the peak of one run (limit 600), {peaks[-1]:.0f} after {rounds}")
    return 0 if mine <= 8 and peaks[0] < 600 else 1


if __name__ == "__main__":
    sys.exit(main())
