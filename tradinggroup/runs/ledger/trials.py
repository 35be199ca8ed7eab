"""The trials of a ledger: every configuration that was tried, and what the best of so many is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tradinggroup.project import Project
from tradinggroup.runs.ledger.file import Entry, Ledger, read_ledger
from tradinggroup.runs.returns import unpacked


@dataclass
class Trial:
    """One configuration, and every run of it. A run that was looked at unfinished is one of them."""

    hash: str
    first: Entry
    """The start line of its first run."""
    runs: list[str] = field(default_factory=list)
    """Ids, in order."""
    end: Entry | None = None
    """The end line of its first run with returns, else the last end line of any; None where none ended."""

    @property
    def status(self) -> str:
        """Of that run; `unfinished` where none ended."""
        return str(self.end["status"]) if self.end is not None else "unfinished"

    @cached_property
    def returns(self) -> dict[str, float]:
        """Session -> return of ALL of that run; empty where there is none."""
        return unpacked(self.end.get("returns")) if self.end is not None else {}

    def to_plain(self) -> dict[str, Any]:
        """The trial as `runs --ledger --json` prints it."""
        end = self.end or {}
        shown = ("experiment", "variant", "model", "symbols", "start", "end", "sessions", "holdout_start")
        return {
            "trial": self.hash,
            "first_started_at": self.first["at"],
            "runs": list(self.runs),
            "status": self.status,
            **{key: self.first.get(key) for key in shown},
            **{key: end.get(key) for key in HEADLINE},
        }


@dataclass(frozen=True, slots=True)
class OpenLedger:
    """A ledger that was read, and its trials: read once, where many runs are looked up in it."""

    ledger: Ledger
    trials: Sequence[Trial]

    @classmethod
    def of(cls, project: Project) -> OpenLedger:
        """Read that of `project`. Raises DataError LEDGER_UNWRITABLE where it can't be read."""
        ledger = read_ledger(project)
        return cls(ledger, trials_of(ledger.entries))


HEADLINE = ("total_return_fraction", "sharpe_ratio", "max_drawdown_fraction", "trades")
"""Metrics of ALL that an end line holds."""


def trials_of(entries: Sequence[Entry]) -> list[Trial]:
    """The trials of a ledger's lines, in the order in which they were first started."""
    trials: dict[str, Trial] = {}
    of_run: dict[str, Trial] = {}
    for entry in entries:
        if entry.get("kind") == "start":
            trial = trials.setdefault(entry["trial"], Trial(entry["trial"], entry))
            of_run[entry["run_id"]] = trial
            if entry["run_id"] not in trial.runs:
                trial.runs.append(entry["run_id"])
        elif entry.get("kind") == "end" and entry["run_id"] in of_run:
            trial = of_run[entry["run_id"]]
            if trial.end is None or not trial.end.get("returns"):
                trial.end = entry
    return list(trials.values())


def deflation_of(trials: Sequence[Trial], *, own_trial: str, own_returns: Mapping[Any, float], cash_rate_per_year: float) -> dict[str, Any]:
    """The deflated Sharpe ratio of a run among the trials, as plain values; the terms are those of `Deflation`."""
    from tradinggroup.backtest.statistics.deflation import deflation

    others: list[Mapping[Any, float]] = [trial.returns for trial in trials if trial.hash != own_trial]
    count = len(others) + 1
    found = deflation(own_returns, [each for each in others if each], count=count, cash_rate_per_year=cash_rate_per_year)
    return {
        "trials": found.trials,
        "effective_trials": found.effective_trials,
        "overlapping_trials": found.overlapping_trials,
        "sharpe_variance": found.sharpe_variance,
        "sharpe_per_session": found.sharpe_per_session,
        "expected_maximum_per_session": found.expected_maximum_per_session,
        "deflated_sharpe": found.probability,
        "reason": found.reason,
    }


def ledger_figures(trials: Sequence[Trial]) -> dict[str, Any]:
    """N, effective N and the variance of the per-session Sharpe ratios over trials that overlap with the latest one that has returns."""
    latest = next((trial for trial in reversed(trials) if trial.returns), None)
    if latest is None:
        none = {"effective_trials": None, "overlapping_trials": 0, "sharpe_variance": None, "as_of_trial": None}
        return {"trials": len(trials), **none}
    found = deflation_of(trials, own_trial=latest.hash, own_returns=latest.returns, cash_rate_per_year=0.0)
    kept = ("trials", "effective_trials", "overlapping_trials", "sharpe_variance")
    return {**{key: found[key] for key in kept}, "as_of_trial": latest.hash}
