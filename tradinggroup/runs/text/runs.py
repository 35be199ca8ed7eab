"""The list of runs."""

from __future__ import annotations

from collections.abc import Sequence

from tradinggroup.runs.figures import NONE, columns, percent, wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.show import BUY_AND_HOLD, without_text

LONGEST_NAME = 18
"""Characters of an experiment's name; a variant's own name stands below the table."""


def text_runs(runs: Sequence[RunFolder]) -> str:
    """One line a run, oldest first: id, start, experiment, status, return of ALL beside buy and hold, model, note."""
    if not runs:
        return "no runs yet\nnext  tradinggroup backtest backtests/demo.toml"
    table = columns([["run", "started, UTC", "experiment", "status", "model", "return", "buy and hold"], *map(_row, runs)], left=5)
    notes = [line for run in runs for note in _notes(run) for line in wrapped(note, first=f"{run.run_id}  ")]
    return "\n".join([table, *notes])


def _notes(run: RunFolder) -> list[str]:
    """What keeps a figure of the table from being taken at face value; a status speaks for itself."""
    own = ": ".join(part for part in (run.header.get("variant"), without_text(run.settings)) if part)
    return [*([own] if own else []), *(f"WARNING {warning}" for warning in (*run.header.get("warnings", ()), *run.problems))]


def _row(run: RunFolder) -> list[str]:
    summary = run.summary()
    held = summary["baselines"].get(BUY_AND_HOLD, {})
    started = run.header.get("started_at") or NONE
    return [
        run.run_id,
        started[:16].replace("T", " "),
        _short(summary["experiment"]),
        run.status,
        str(run.header.get("title") or NONE)[:20],
        percent(summary["metrics"].get(ALL, {}).get("total_return_fraction")),
        percent(held.get(ALL, {}).get("total_return_fraction")),
    ]


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."
