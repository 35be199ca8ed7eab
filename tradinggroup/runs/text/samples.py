"""Several runs of the same configurations in a table at 80 columns: the runs of one, or a line for each of several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tradinggroup.backtest.statistics.enough import is_enough
from tradinggroup.runs.figures import NONE, columns, counted, figure, percent, wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.samples import Samples
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.variants import variant_name
from tradinggroup.runs.text.warnings import run_warnings

LONGEST_NAME = 30
HEADS = {
    "total_return_fraction": "CR",
    "sharpe_ratio": "SPR",
    "max_drawdown_fraction": "MDD",
    "annual_volatility_fraction": "AV",
    "trades": "round trips",
}
MEANING = "CR cumulative return, SPR Sharpe ratio, MDD maximum drawdown, AV annual volatility, all of ALL accounts together."


def text_samples(cells: Sequence[Samples]) -> str:
    """The runs of one configuration with their spread, or one line a configuration; then the flips, and what must be said."""
    table = _runs_table(cells[0]) if len(cells) == 1 else _cells_table(cells)
    said = [line for cell in cells for text in _said(cell, is_one=len(cells) == 1) for line in wrapped(text)]
    notes = [line for cell in cells for run in cell.runs for text in run_warnings(run) for line in _note(run, text)]
    return "\n".join([table, "", *said, *notes, *wrapped(MEANING)])


def _runs_table(cell: Samples) -> str:
    names = _shown(cell)
    rows = [[f"{run.run_id}  seed {run.header.get('seed', NONE)}", *_figures(run, names)] for run in cell.runs]
    spread = [
        [title, *(figure(name, getattr(cell.spread[name], key)) if name in cell.spread else NONE for name in names)]
        for title, key in (("mean", "mean"), ("lowest", "lowest"), ("highest", "highest"), ("deviation", "deviation"))
    ]
    return columns([["run", *(HEADS[name] for name in names)], *rows, *spread])


def _cells_table(cells: Sequence[Samples]) -> str:
    rows = [
        [
            _short(variant_name(cell.runs[0])),
            str(len(cell.runs)),
            *(percent(getattr(cell.spread.get("total_return_fraction"), key, None)) for key in ("mean", "lowest", "highest", "deviation")),
            percent(cell.flip_rate_fraction, decimals=1, signed=False),
        ]
        for cell in cells
    ]
    return columns([["return of ALL", "runs", "mean", "lowest", "highest", "deviation", "flips"], *rows])


def _shown(cell: Samples) -> list[str]:
    """The metrics of the table; a ratio that rests on too little is left out (and stays in --json)."""
    return [name for name in HEADS if name != "sharpe_ratio" or not _too_little(cell)]


def _too_little(cell: Samples) -> str:
    """Why no Sharpe ratio is shown; empty where there is enough behind each."""
    for run in cell.runs:
        metrics = run.summary()["metrics"].get(ALL, {})
        enough = is_enough(run.header.get("sessions"), metrics.get("trades", 0))
        if metrics and not enough:
            return enough.reason
    return ""


def _figures(run: RunFolder, names: Sequence[str]) -> list[str]:
    metrics = run.summary()["metrics"].get(ALL, {})
    return [figure(name, metrics.get(name)) for name in names]


def _said(cell: Samples, *, is_one: bool) -> Iterator[str]:
    name = "" if is_one else f"{variant_name(cell.runs[0])}: "
    if cell.flip_rate_fraction is not None:
        rate, pairs = percent(cell.flip_rate_fraction, decimals=1, signed=False), counted(cell.pairs, "decision")
        yield f"{name}flips: on {rate} of {pairs} not all {len(cell.runs)} runs chose the same action"
    if cell.is_without_model and not cell.flipped:
        yield (
            f"{name}the rule-based analyst does not sample: the same prompt has the same answer, so these decisions must be equal; "
            "only the seed of random streams differs, such as the random baseline's"
        )
    elif cell.is_without_model:
        yield f"{name}the rule-based analyst does not sample: what differs comes from the seed of random streams, such as a placebo's"
    if is_one and _too_little(cell):
        yield f"no Sharpe ratio is shown: {_too_little(cell)}"
    ended = next(iter(cell.spread.values())).runs if cell.spread else 0
    if ended < len(cell.runs):
        yield f"{name}the spread is over {ended} of {len(cell.runs)} runs: the others have no result"


def _note(run: RunFolder, text: str) -> list[str]:
    return wrapped(f"WARNING {text}", first=f"{run.run_id}  ")


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."
