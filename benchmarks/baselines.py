"""All rule baselines over 30 shares and 14 years, beside as many runs of an empty strategy on backtrader's own PandasData feed.

Both sides run over the same bars, in turn, in the same two processes, share by share. Ours include reading the bundle's views,
the signals, the account and its rows. Momentum starts 252 sessions after a share's first bar, and so does its other side. Needs the
prices of ../shared beside the checkout.

    python benchmarks/baselines.py [--processes 2] [--symbols A,B]
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pandas as pd

from tradinggroup.backtest.baselines.history import history_of
from tradinggroup.backtest.baselines.rules import Costs
from tradinggroup.backtest.baselines.runner import run_baselines
from tradinggroup.backtest.baselines.shared import BaselineSettings
from tradinggroup.backtest.baselines.signals import MOMENTUM_CLOSES, RULES
from tradinggroup.backtest.feed import bt
from tradinggroup.backtest.market import SymbolMarket, market_of
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.importing import import_folder
from tradinggroup.data.records import PriceBasis
from tradinggroup.risk.costs import Commission

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
OTHER_SPANS = ("QQQ", "SPY")
START, END = date(2010, 1, 4), date(2024, 3, 8)
SETTINGS = BaselineSettings(100_000.0, Costs(Commission(0.0049, 0.99, 0.01), 0.01), 0.0, 7, 999)
FROM_THE_START = ["buy_and_hold", *(name for name in RULES if name != "momentum")]
LIMIT, AIM = 1.2, 1.0


def prepare(folder: str, symbols: list[str]) -> tuple[str, float]:
    """The bundle of `symbols`, and the peak MB of making it."""
    bundle = import_folder(DATA, name="long", bundles_folder=Path(folder), symbols=symbols, basis=PriceBasis.SPLIT_ADJUSTED)
    return str(bundle.folder), peak_megabytes()


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(task: tuple[str, str]) -> tuple[float, float, int, int, float]:
    """(seconds of ours, seconds of the empty runs, runs, bars, peak MB of this process) for one share."""
    folder, symbol = task
    bundle = Bundle.open(Path(folder))
    market = market_of(bundle, symbol, START, END)
    later = market_of(bundle, symbol, market.sessions[market.bar_positions[MOMENTUM_CLOSES - 1]], END)
    seconds = [0.0, 0.0]
    runs = bars = 0
    for names, window in ((FROM_THE_START, market), (["momentum"], later)):
        frame = pandas_frame(window)
        seconds[0] += timed(lambda names=names, window=window: ours(bundle, symbol, names, window))
        for _ in names:
            seconds[1] += timed(lambda frame=frame: empty_run(frame))
        runs += len(names)
        bars += len(names) * len(window.bar_positions)
    return seconds[0], seconds[1], runs, bars, peak_megabytes()


def ours(bundle: Bundle, symbol: str, names: list[str], window: SymbolMarket) -> None:
    """Everything that a run does for these baselines, files and metrics aside."""
    market = market_of(bundle, symbol, window.sessions[0], window.sessions[-1])
    history = history_of(bundle, symbol, window.sessions[-1])
    report = run_baselines(names, {symbol: market}, histories={symbol: history}, settings=SETTINGS, agents=None)
    for result in report.results.values():
        assert result.is_whole, result.explanation
        assert len(result.equity[symbol]) == len(window.sessions)
        assert result.fills[symbol]


def pandas_frame(window: SymbolMarket) -> pd.DataFrame:
    """The bars as PandasData wants them."""
    sessions = [window.sessions[position] for position in window.bar_positions]
    columns = {
        "open": window.open_usd,
        "high": window.high_usd,
        "low": window.low_usd,
        "close": window.close_usd,
        "volume": window.volume_shares,
    }
    return pd.DataFrame(columns, index=pd.to_datetime(sessions))


def empty_run(frame: pd.DataFrame) -> None:
    """backtrader alone: a strategy that does nothing."""
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(bt.Strategy)
    cerebro.run()


def timed(work: Callable[[], None]) -> float:
    """Seconds of processor time, so that a busy machine slows neither side more."""
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--symbols", default="", help="some shares only, A,B")
    options = parser.parse_args()
    if not DATA.is_dir():
        print("no ../shared/data beside this checkout: nothing to measure")
        return 0
    known = sorted(path.stem for path in (DATA / "prices").glob("*.csv") if path.stem not in OTHER_SPANS)
    symbols = options.symbols.split(",") if options.symbols else known
    with tempfile.TemporaryDirectory() as folder:
        spawn = get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as pool:
            place, import_peak = pool.submit(prepare, folder, symbols).result()
        start = time.perf_counter()
        with ProcessPoolExecutor(options.processes, mp_context=spawn) as pool:
            found = list(pool.map(measure, [(place, symbol) for symbol in symbols]))
        wall = time.perf_counter() - start
    mine, empty = sum(each[0] for each in found), sum(each[1] for each in found)
    runs, bars = sum(each[2] for each in found), sum(each[3] for each in found)
    peak = options.processes * max(each[4] for each in found) + peak_megabytes()
    print(f"{len(symbols)} shares, {START}..{END}, {len(RULES) + 1} baselines: {runs} runs, {bars:,} bars, {wall:.0f} s for both sides")
    print(f"ours     {mine:7.1f} s of one core   {1e6 * mine / bars:5.1f} us a bar")
    print(f"empty    {empty:7.1f} s of one core   {1e6 * empty / bars:5.1f} us a bar   PandasData, no strategy")
    print(f"ratio    {mine / empty:7.2f}   (limit {LIMIT}, aim below {AIM:g})")
    print(f"memory   {peak:7.0f} MB, the peaks of all {options.processes + 1} processes added (limit 1000)")
    print(f"         {import_peak:7.0f} MB for the import before")
    return 0 if mine / empty <= LIMIT and peak < 1000 else 1


if __name__ == "__main__":
    sys.exit(main())
