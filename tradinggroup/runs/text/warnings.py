"""What every page of a run must say first: that it did not end well, is optimistic, or is damaged."""

from __future__ import annotations

from collections.abc import Iterator

from tradinggroup.runs.figures import wrapped
from tradinggroup.runs.folder import RunFolder

STATUS_MEANINGS = {
    "running": "the run is still going, or ended without a word; go on with: tradinggroup backtest --resume {id}",
    "invalid": "the run is INVALID: too many model calls failed, so its figures are no result",
    "budget": "the run stopped at its budget; go on with: tradinggroup backtest --resume {id}",
    "provider": "the run stopped, the model server failed; go on with: tradinggroup backtest --resume {id}",
    "interrupted": "the run was interrupted; go on with: tradinggroup backtest --resume {id}",
    "error": "the run ended with an error",
}


def status_text(run: RunFolder) -> str:
    """What a status other than success means, and how to go on; empty for success."""
    return "" if run.status == "success" else STATUS_MEANINGS.get(run.status, run.status).format(id=run.run_id)


def run_warnings(run: RunFolder) -> list[str]:
    """Status, warnings of the header, and damage found while reading; empty for a clean run."""
    status = status_text(run)
    changed = [
        f"{name} was changed since the run ended"
        for name in run.changed_files
        if not any(text.startswith(f"{name} ") for text in run.problems)
    ]
    return [*([status] if status else []), *map(str, run.header.get("warnings", ())), *run.problems, *changed]


def warning_lines(run: RunFolder) -> Iterator[str]:
    """The warnings as lines of at most 80 characters."""
    for warning in run_warnings(run):
        yield from wrapped(warning, first="WARNING  ")


def with_warnings(run: RunFolder, text: str) -> str:
    """A page with the warnings above it."""
    lines = "\n".join(warning_lines(run))
    return f"{lines}\n\n{text}" if lines else text
