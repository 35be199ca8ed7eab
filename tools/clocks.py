"""Write docs/clocks.md's tables: the same agents under both clocks and every fill, on five US shares in 2025.

Needs the data of ../shared/data (or --data). Runs the five variants of backtests/us2025-clocks.toml: a minute or two.

`python tools/clocks.py` writes the page; with `--check` it writes nothing and exits 1 where the page differs.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from generate_docs import with_block
from real_pages import project_with, write_or_check

from tradinggroup.clock import NEW_YORK
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.data.importing import import_folder
from tradinggroup.experiment import ResolvedExperiment, load_variants
from tradinggroup.project import Project
from tradinggroup.runs.execute import RunOptions, run_experiment
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.text.variants import variant_name
from tradinggroup.settings import SESSIONS_PER_YEAR, Decide

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "clocks.md"
DATA = ROOT.parent / "shared" / "data"
NAME = "us2025-clocks"
FIRST_PRICE = date(2024, 6, 1)
"""As the first lines of backtests/us2025.toml say, like the folder of the prices."""
CLOCKS: tuple[Decide, ...] = ("after_close", "pre_open")
CLOSINGS = tuple(date(2025, *day) for day in ((4, 17), (7, 2), (7, 3), (11, 26), (11, 28), (12, 24)))
"""Sessions before Good Friday, and around the early closes of 3 July, 28 November and 24 December 2025."""
WIDTH_95 = 1.96
"""Standard errors to either side of a mean, for 95 %."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page, or compare it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page differs")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with prices_recent/, news/ and filings/")
    options = parser.parse_args(arguments)
    before = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        project = project_in(Path(folder), options.data)
        variants = load_variants(project, NAME)
        runs = [run_experiment(project, variant, RunOptions()) for variant in variants]
        text = page_of(before, Bundle.open(project.bundle_folder("us2025")), variants, runs)
    return write_or_check(PAGE, text, check=options.check, tool="clocks.py")


def project_in(folder: Path, data: Path) -> Project:
    """A project with the experiment and its bundle."""
    project = project_with(folder, [NAME])
    symbols = list(load_variants(project, NAME)[0].experiment.symbols)
    import_folder(data, name="us2025", bundles_folder=project.bundles_folder, prices="prices_recent", symbols=symbols, start=FIRST_PRICE)
    return project


def page_of(page: str, bundle: Bundle, variants: Sequence[ResolvedExperiment], runs: Sequence[RunFolder]) -> str:
    """`page` with its blocks as the runs have them; the first run is what the others are compared with."""
    page = with_block(page, "closings", closings(bundle))
    page = with_block(page, "seen", seen(bundle, variants, runs))
    page = with_block(page, "changed", changed(runs))
    return with_block(page, "returns", returns(runs))


def closings(bundle: Bundle) -> str:
    """The clocks of sessions around holidays and early closes, in New York."""
    clocks = [DecisionClock(bundle.calendar, decide) for decide in CLOCKS]
    rows = [[f"{day:%a %Y-%m-%d}", *(f"{clock.as_of(day).astimezone(NEW_YORK):%a %Y-%m-%d %H:%M}" for clock in clocks)] for day in CLOSINGS]
    return table(["session", "after the close", "before the open"], rows)


def seen(bundle: Bundle, variants: Sequence[ResolvedExperiment], runs: Sequence[RunFolder]) -> str:
    """What each clock sees, by symbol: news a decision, how much of it is a night's, and filings that act a session sooner."""
    places = [next(n for n, variant in enumerate(variants) if variant.experiment.decide == decide) for decide in CLOCKS]
    experiment = variants[places[1]].experiment
    at_close, before_open = DecisionClock(bundle.calendar), DecisionClock.of(experiment, bundle.calendar)
    rows = []
    for symbol in experiment.symbols:
        lines = [_decisions(runs[place], symbol) for place in places]
        sessions = sorted(lines[0])
        night = sum(len(bundle.view(before_open.as_of(day)).news(symbol, at_close.as_of(day))) for day in sessions)
        items = [sum(line["news_sentiment"]["items_seen"] for line in each.values()) for each in lines]
        first = [_first_seen(each) for each in lines]
        sooner = [name for name, day in first[1].items() if name in first[0] and day < first[0][name]]
        both = [name for name in first[1] if name in first[0] and first[0][name] > sessions[0]]
        rows.append(
            [
                symbol,
                str(len(sessions)),
                *(f"{total / len(sessions):.1f}" for total in items),
                _share(night, items[1]),
                f"{len(sooner)} of {len(both)}",
            ]
        )
    head = ["", "decisions", "news a decision, after the close", "before the open", "of that, the night's", "filings a session sooner"]
    return table(head, rows)


def _decisions(run: RunFolder, symbol: str) -> dict[date, dict[str, Any]]:
    return {date.fromisoformat(line["session"]): line for line in run.decisions() if line["symbol"] == symbol}


def _first_seen(lines: dict[date, dict[str, Any]]) -> dict[str, date]:
    """Filing -> the session whose decision first had it."""
    first: dict[str, date] = {}
    for session in sorted(lines):
        for form in lines[session]["report_retrieval"]["forms"].values():
            first.setdefault(form["filing_id"], session)
    return first


def changed(runs: Sequence[RunFolder]) -> str:
    """How often a run's decisions differ from the first run's, session by session, and what it ordered."""
    rows = []
    for run in runs:
        pairs = list(_paired(runs[0], run))
        rows.append(
            [
                variant_name(run),
                str(len(pairs)),
                *(_share(sum(differs(ours, theirs) for ours, theirs in pairs), len(pairs)) for differs in (_other_trend, _other_action)),
                str(len(run.orders())),
                str(len(run.fills())),
            ]
        )
    return table(["", "decisions", "another trend", "another action", "orders", "fills"], rows)


def _paired(first: RunFolder, other: RunFolder) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The decisions of both runs on the same session and symbol."""
    theirs = {(line["session"], line["symbol"]): line for line in first.decisions()}
    for line in other.decisions():
        if (line["session"], line["symbol"]) in theirs:
            yield line, theirs[line["session"], line["symbol"]]


def _other_trend(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return bool(ours["forecasting"]["gated_label"] != theirs["forecasting"]["gated_label"])


def _other_action(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    return bool(ours["sizing"]["action"] != theirs["sizing"]["action"])


def returns(runs: Sequence[RunFolder]) -> str:
    """Figures of ALL, the return by symbol, and the difference of the daily returns to the first run."""
    symbols = runs[0].symbols
    rows = []
    for run in runs:
        metrics = run.summary()["metrics"]
        every = metrics["ALL"]
        figures = [_percent(every["total_return_fraction"]), f"{every['sharpe_ratio']:.2f}", _percent(every["max_drawdown_fraction"])]
        apart = "–" if run is runs[0] else difference_text(_daily_returns(run), _daily_returns(runs[0]))
        rows.append([variant_name(run), *figures, apart, *(_percent(metrics[symbol]["total_return_fraction"]) for symbol in symbols)])
    held = runs[0].summary()["baselines"]["buy_and_hold"]
    every = held["ALL"]
    figures = [_percent(every["total_return_fraction"]), f"{every['sharpe_ratio']:.2f}", _percent(every["max_drawdown_fraction"])]
    rows.append(["buy and hold", *figures, "–", *(_percent(held[symbol]["total_return_fraction"]) for symbol in symbols)])
    return table(["", "return", "Sharpe", "drawdown", "a year more than the first row (95 %)", *symbols], rows)


def _daily_returns(run: RunFolder) -> list[float]:
    """Of ALL, the sum of the accounts by session."""
    equity: dict[str, list[float]] = {}
    for row in run.equity():
        equity.setdefault(str(row["session"]), []).append(row["equity_usd"])
    values = [math.fsum(equity[session]) for session in sorted(equity)]
    return [after / before - 1 for before, after in itertools.pairwise(values)]


def difference_text(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """`+3.1 (-20.4 to +26.6)`: mean difference of the daily returns, times 252, in percent, with 1.96 standard errors to either side."""
    apart = [mine - other for mine, other in zip(ours, theirs, strict=True)]
    mean, error = fmean(apart), stdev(apart) / math.sqrt(len(apart))
    low, middle, high = (SESSIONS_PER_YEAR * 100 * (mean + width * error) for width in (-WIDTH_95, 0.0, WIDTH_95))
    return f"{middle:+.1f} ({low:+.1f} to {high:+.1f})"


def _percent(fraction: float) -> str:
    return f"{fraction * 100:+.2f} %"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, figures to the right."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
