"""Is the ledger whole? Its chain, the last line that is known to have been written, and what the run folders say stood in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tradinggroup.project import Project
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.ledger.file import Fault, Ledger, places_of, read_ledger
from tradinggroup.runs.ledger.trials import Trial, ledger_figures, trials_of
from tradinggroup.runs.locate import list_runs


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """The ledger of a project, looked at."""

    ledger: Ledger
    trials: Sequence[Trial]
    fault: Fault | None
    """The first thing that is wrong; None for a whole ledger."""
    deleted: tuple[str, ...]
    """Ids of runs that it has and that have no folder any more; their trials count."""
    unlisted: tuple[str, ...]
    """Ids of run folders that it never had: made before there was a ledger, or under another one. They are in no count."""
    figures: dict[str, Any]
    """`trials`, `effective_trials`, `overlapping_trials`, `sharpe_variance`, `as_of_trial`."""

    def to_plain(self) -> dict[str, Any]:
        """The page as `runs --ledger --json` prints it."""
        fault = {"line": self.fault.line, "problem": self.fault.text} if self.fault is not None else None
        return {
            "lines": self.ledger.lines,
            "ok": self.fault is None,
            "fault": fault,
            **self.figures,
            "runs": sum(len(trial.runs) for trial in self.trials),
            "deleted_runs": list(self.deleted),
            "unlisted_runs": list(self.unlisted),
            "unsealed": [entry for entry in self.ledger.entries if entry.get("kind") == "unseal"],
            "list": [trial.to_plain() for trial in self.trials],
        }


def look_at_ledger(project: Project) -> LedgerPage:
    """Read the ledger beside the run folders. Raises DataError LEDGER_UNWRITABLE where it can't be read."""
    ledger = read_ledger(project)
    folders = list_runs(project)
    trials = trials_of(ledger.entries)
    listed = [run for trial in trials for run in trial.runs]
    there = {folder.run_id for folder in folders}
    return LedgerPage(
        ledger=ledger,
        trials=trials,
        fault=ledger.fault or _fault_by_folders(ledger, folders),
        deleted=tuple(run for run in listed if run not in there),
        unlisted=tuple(folder.run_id for folder in folders if folder.run_id not in listed),
        figures=ledger_figures(trials),
    )


def _fault_by_folders(ledger: Ledger, folders: Sequence[RunFolder]) -> Fault | None:
    """A line that a run's header names and that is not there as it was; runs of another ledger say nothing of this one."""
    missing = [
        (place.line, folder.run_id)
        for folder in folders
        for place in places_of(folder.header.get("ledger") or {})
        if (folder.header["ledger"].get("id") or ledger.id) == ledger.id and not ledger.holds(place)
    ]
    if not missing:
        return None
    line, run = min(missing)
    return Fault(line, f"is {'missing' if line > ledger.lines else 'not as it was written'}: run {run} was written there")
