"""Write docs/table1.md's tables: the paper's baselines as printed, run again by their own rules, and put right.

Needs the data of ../shared/data/table1 (or --data) and the extra `baselines`. Fits ARIMA and XGBoost twice: half a minute.

`python tools/table1.py` writes the page; with `--check` it writes nothing and exits 1 where the page differs.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from generate_docs import with_block
from real_pages import project_with, write_or_check

from tradinggroup.backtest.finsaber.bars import DayBars, SymbolWindow, window_of
from tradinggroup.backtest.finsaber.runner import finsaber_figures, run_finsaber
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.importing import import_folder
from tradinggroup.experiment import load_experiment
from tradinggroup.project import Project
from tradinggroup.runs.execute import RunOptions, run_experiment
from tradinggroup.runs.folder import RunFolder

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "table1.md"
DATA = ROOT.parent / "shared" / "data" / "table1"
EXPERIMENTS = ("table1", "table1-sessions")
SYMBOLS = ("TSLA", "NFLX", "MSFT", "AMZN", "COIN")
BASELINES = {
    "Buy and Hold": "buy_and_hold",
    "SMA Cross": "sma_cross",
    "WMA Cross": "wma_cross",
    "ATR Band": "atr_band",
    "Bollinger Bands": "bollinger",
    "Turn of The Month": "turn_of_month",
    "ARIMA": "arima",
    "XGBoost": "xgboost",
}
"""Name in the paper -> ours."""
METRICS = {
    "CR": ("total_return_fraction", 100),
    "SPR": ("sharpe_ratio", 1),
    "MDD": ("max_drawdown_fraction", 100),
    "AV": ("annual_volatility_fraction", 100),
}
"""Heading -> our metric, and what it is multiplied by to be printed."""
Figures = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Baseline -> symbol -> metrics."""


class SessionsOnly(SymbolWindow):
    """The rules of the convention on bars of sessions: what is left when weekends are not repeated and every open is real."""

    def trading_bars(self) -> DayBars:
        return self.sessions.between(self.start, self.end)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or compare it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page differs")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with prices/ and expected_cells.csv")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        project = project_in(Path(folder), options.data)
        runs = [run_experiment(project, load_experiment(project, name), RunOptions()) for name in EXPERIMENTS]
        text = page_of(PAGE.read_text(encoding="utf-8"), project, runs, options.data)
    return write_or_check(PAGE, text, check=options.check, tool="table1.py")


def project_in(folder: Path, data: Path) -> Project:
    """A project with both experiments and the bundle that they name."""
    project = project_with(folder, EXPERIMENTS)
    import_folder(data, name="table1", bundles_folder=project.bundles_folder)
    return project


def page_of(page: str, project: Project, runs: Sequence[RunFolder], data: Path) -> str:
    """`page` with its blocks as the two runs (by the paper's rules, put right) have them."""
    rerun, corrected = (run.summary()["baselines"] for run in runs)
    bundle = Bundle.open(project.bundle_folder("table1"))
    page = with_block(page, "side by side", "\n\n".join(side_by_side(printed_cells(data), rerun, corrected)))
    page = with_block(page, "closed days", closed_days(bundle, runs[0]))
    return with_block(page, "sessions only", sessions_only(bundle, project, rerun))


def printed_cells(data: Path) -> dict[tuple[str, str, str], str]:
    """(symbol, baseline, heading) -> what the paper prints."""
    with (data / "expected_cells.csv").open(encoding="utf-8", newline="") as text:
        return {(row["ticker"], BASELINES[row["strategy"]], row["metric"]): row["paper"] for row in csv.DictReader(text)}


def side_by_side(printed: Mapping[tuple[str, str, str], str], rerun: Figures, corrected: Figures) -> Iterator[str]:
    """One table for each symbol; the paper's columns where there are printed values."""
    for symbol in SYMBOLS:
        sides = ("paper", "re-run", "corrected") if any(place[0] == symbol for place in printed) else ("re-run", "corrected")
        head = [symbol, *(f"{metric} {side}" for metric in METRICS for side in sides)]
        rows = []
        for title, name in BASELINES.items():
            cells = []
            for metric in METRICS:
                values = {
                    "paper": printed.get((symbol, name, metric), "–"),
                    "re-run": shown(rerun, name, symbol, metric),
                    "corrected": shown(corrected, name, symbol, metric),
                }
                cells += [values[side] for side in sides]
            rows.append([title, *cells])
        yield table(head, rows)


def shown(figures: Figures, name: str, symbol: str, metric: str) -> str:
    """One figure as the paper prints it; a dash where there is none."""
    key, scale = METRICS[metric]
    value = figures.get(name, {}).get(symbol, {}).get(key)
    return "–" if value is None else f"{value * scale:.3f}".replace("-0.000", "0.000")


def closed_days(bundle: Bundle, run: RunFolder) -> str:
    """How many fills of the paper's rules fall on days on which the exchange was closed, over all five symbols."""
    rows, total = [], [0, 0]
    for title, name in BASELINES.items():
        fills = run.baseline_fills(name)
        closed = sum(not bundle.calendar.is_session(date.fromisoformat(fill["session"])) for fill in fills)
        total = [total[0] + len(fills), total[1] + closed]
        rows.append([title, str(len(fills)), str(closed)])
    rows.append(["together", *map(str, total)])
    return table(["baseline", "fills", "on closed days, at an open that was past"], rows)


def sessions_only(bundle: Bundle, project: Project, rerun: Figures) -> str:
    """Total return by the paper's rules on calendar days, and by the very same rules on sessions."""
    experiment = load_experiment(project, EXPERIMENTS[0]).experiment
    names = [name for name in BASELINES.values() if name != "xgboost"]
    windows = {}
    for symbol in SYMBOLS:
        window = window_of(bundle, symbol, start=experiment.start, end=experiment.end, training_years=experiment.training_years_of(symbol))
        windows[symbol] = SessionsOnly(window.sessions, window.start, window.end, window.training_years)
    report = run_finsaber(names, windows, cash_usd=experiment.cash_usd)
    figures = {name: finsaber_figures(result, cash_usd=experiment.cash_usd) for name, result in report.results.items()}
    rows = []
    for title, name in BASELINES.items():
        if name in names:
            cells = [(shown(rerun, name, symbol, "CR"), shown(figures, name, symbol, "CR")) for symbol in SYMBOLS]
            rows.append([title, *(f"{before} → {after}" for before, after in cells)])
    return table(["CR %, calendar days → sessions", *SYMBOLS], rows)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, figures to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
