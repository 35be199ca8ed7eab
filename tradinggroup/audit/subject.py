"""What an audit is of: a run, or an experiment that need not have been run. One word may mean either; an experiment's file comes first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tradinggroup.clock import iso_utc, utc_now
from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.project import Project
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.progress import Progress
from tradinggroup.runs.writer import append_check

ENDED = ("success", "invalid")


def is_experiment(project: Project, name: str) -> bool:
    """Whether `name` means an experiment: a TOML file, or one of the project's by its name."""
    return name.endswith(".toml") or (project.root / "backtests" / f"{name}.toml").is_file()


def require_ended(run: RunFolder) -> None:
    """Raise DataError RUN_INVALID for a run that did not end, or USAGE for one without agents."""
    if run.status not in ENDED:
        remedy = f"Go on with: tradinggroup backtest --resume {run.run_id}."
        raise DataError(ErrorCode.RUN_INVALID, f"run {run.run_id} did not end (status {run.status})", remedy=remedy)
    if not run.settings.get("agents_enabled", True):
        raise UsageError(ErrorCode.USAGE, f"run {run.run_id} asked no agents", remedy="Audit a run with agents_enabled = true.")


def keep_check(run: RunFolder, audit: str, found: Mapping[str, Any], progress: Progress) -> None:
    """Append what an audit found to the run's `checks.jsonl`; a run that cannot be written can be audited all the same."""
    try:
        append_check(run.path, {"check": f"audit {audit}", "at": iso_utc(utc_now()), **found})
    except DataError as problem:
        progress.message(str(problem))
