"""The variants of one experiment side by side: the figures of a paper's table, for ALL and each symbol, at 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tradinggroup.backtest.statistics.enough import is_enough
from tradinggroup.runs.figures import NONE, columns, counted, number, percent, wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.show import BUY_AND_HOLD, without_text
from tradinggroup.runs.text.statistics import enough_of
from tradinggroup.runs.text.warnings import run_warnings

HEADS = ("CR", "SPR", "MDD", "AV", "round trips")
LONGEST_NAME = 32
"""Characters of a variant's name that fit beside the figures."""
MOST_SYMBOLS = 12
"""Up to so many symbols have a block of their own; `show` has all of them for each run."""


def text_variants(runs: Sequence[RunFolder]) -> str:
    """A block for ALL and one for each symbol, a line a variant, buy and hold last; then what must be said about the runs."""
    symbols = list(dict.fromkeys(symbol for run in runs for symbol in run.symbols))
    shown = symbols if 1 < len(symbols) <= MOST_SYMBOLS else []
    blocks = [_rows(runs, symbol) for symbol in (ALL, *shown)]
    table = columns([("", *HEADS), *(row for block in blocks for row in block)])
    notes = [line for run in runs for text in _notes(run) for line in wrapped(text, first=f"{run.run_id}  ")]
    if len(symbols) > MOST_SYMBOLS:
        notes += wrapped(f"{counted(len(symbols), 'symbol')}; tradinggroup show RUN has each of them")
    return "\n".join([table, "", *notes, *wrapped(_meaning())])


def variant_name(run: RunFolder) -> str:
    """The variant's name, or the experiment's where the run is none."""
    return str(run.header.get("variant") or run.header["experiment"])


def _rows(runs: Sequence[RunFolder], symbol: str) -> Iterator[tuple[str, ...]]:
    yield (symbol, *("" for _ in HEADS))
    for run in runs:
        yield (
            f"  {_short(variant_name(run))}",
            *_figures(run.summary()["metrics"].get(symbol, {}), has_ratio=bool(enough_of(run, symbol))),
        )
    held = [run.summary()["baselines"].get(BUY_AND_HOLD, {}).get(symbol) for run in runs]
    if held[0] and all(each == held[0] for each in held):
        yield ("  buy and hold", *_figures(held[0], has_ratio=bool(is_enough(runs[0].header.get("sessions")))))


def _figures(metrics: dict[str, float | None], *, has_ratio: bool) -> tuple[str, ...]:
    trades = metrics.get("trades")
    return (
        percent(metrics.get("total_return_fraction")),
        number(metrics.get("sharpe_ratio")) if has_ratio else NONE,
        percent(metrics.get("max_drawdown_fraction")),
        percent(metrics.get("annual_volatility_fraction"), signed=False),
        number(trades),
    )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def _notes(run: RunFolder) -> Iterator[str]:
    yield f"{variant_name(run)}: {without_text(run.settings) or 'with all parts'}; {run.header.get('title')}"
    yield from (f"WARNING {warning}" for warning in run_warnings(run))


def _meaning() -> str:
    return (
        "CR cumulative return, SPR Sharpe ratio, MDD maximum drawdown, AV annual volatility. One path each: differences between rows "
        "are not tested."
    )
