"""The header of a run, `run.json`: readable alone, written when the run starts and once more when it ends.

What must not differ between two identical runs (times, paths, ids, the bundle's name and hash) stands here only. No key, no
environment and no user name of an address ever gets in.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit, urlunsplit

from tradinggroup.clock import iso_utc
from tradinggroup.data.records import PriceBasis
from tradinggroup.runs.folder import FORMAT_VERSION
from tradinggroup.settings import Experiment

NO_LLM = "no LLM"
RULES = "rules"
PACKAGES = (
    "tradinggroup", "langgraph", "openai", "pandas", "numpy", "backtrader", "chromadb", "pydantic", "pyarrow", "exchange-calendars",
    "orjson", "yfinance",
)  # fmt: skip
"""Whose versions the header names."""
PLACEBO_MEANINGS = {
    "news": "the news read was that of other past sessions",
    "filings": "the filings read were earlier ones",
    "reflections": "lessons were drawn from outcomes dealt out anew among their cases",
}
"""What a run with a placebo must say on every page."""
_GIT_SECONDS = 10


class BundleIdentity(Protocol):
    """What the header says of a bundle."""

    @property
    def name(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def hash(self) -> str: ...
    @property
    def basis(self) -> PriceBasis: ...
    @property
    def levels_unsafe(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class RunStart:
    """What is known before the first call."""

    experiment: Experiment
    arguments: Mapping[str, Any]
    """What was passed besides the file, as plain values by dotted key."""
    bundle: BundleIdentity
    models: Mapping[str, str]
    """Model by agent."""
    sessions: Sequence[date]
    """Decision sessions of the window, in order."""
    calls_mode: str
    project_root: Path
    started_at: datetime
    warnings: Sequence[str] = ()
    """What a reader must know of the window, beside what the settings and the bundle say."""
    stop_mode: Literal["close", "intraday"] = "close"
    """How stops work in the run, by its experiment and its risk profile."""
    note: str | None = None
    base_url: str | None = None
    """Where models are asked over the network: an address, or several with commas between."""
    variant: str | None = None
    """Which of an experiment's variants this is."""
    cards: Mapping[str, str] = field(default_factory=dict)
    """Hash of each agent's card; the folder keeps the cards themselves."""
    universe: Mapping[str, Any] = field(default_factory=dict)
    """How the symbols were chosen (`note`), whether all are `dated`, and their `membership` by symbol."""
    cutoffs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By agent, its model's training cutoff and how many sessions lie before and after it."""


def start_header(start: RunStart) -> dict[str, Any]:
    """The header with status `running`."""
    experiment = start.experiment
    return {
        "format_version": FORMAT_VERSION,
        "status": "running",
        "title": model_title(start.models),
        "note": start.note,
        "experiment": experiment.name,
        "variant": start.variant,
        "symbols": list(experiment.symbols),
        "start": start.sessions[0].isoformat() if start.sessions else None,
        "end": start.sessions[-1].isoformat() if start.sessions else None,
        "sessions": len(start.sessions),
        "warnings": [*start_warnings(experiment, start.bundle), *start.warnings],
        "bundle": {
            "name": start.bundle.name,
            "id": start.bundle.id,
            "hash": start.bundle.hash,
            "basis": str(start.bundle.basis),
            "levels_unsafe": start.bundle.levels_unsafe,
        },
        "universe": dict(start.universe),
        "models": dict(start.models),
        "cards": dict(start.cards),
        "cutoffs": dict(start.cutoffs),
        "base_url": ", ".join(map(address_without_secrets, start.base_url.split(", "))) if start.base_url else None,
        "calls_mode": start.calls_mode,
        "stop_mode": start.stop_mode,
        "seed": experiment.seed,
        "arguments": dict(start.arguments),
        "settings": experiment.to_plain(),
        "versions": package_versions(),
        "git": git_state(start.project_root),
        "started_at": iso_utc(start.started_at),
        "finished_at": None,
    }


def named(header: Mapping[str, Any], run_id: str) -> dict[str, Any]:
    """The header of the run that was given this id. Everything else of it is gathered before there is a folder."""
    return {"format_version": header["format_version"], "run_id": run_id, **header}


def end_header(started: Mapping[str, Any], *, status: str, finished_at: datetime, results: Mapping[str, Any]) -> dict[str, Any]:
    """The last header. `results` holds what the run has: `calls`, `holds`, `metrics`, … (see `summary_of`); its warnings add up."""
    warnings = [*started["warnings"], *(text for text in results.get("warnings", ()) if text not in started["warnings"])]
    return {**started, **results, "status": status, "finished_at": iso_utc(finished_at), "warnings": warnings}


def model_title(models: Mapping[str, str]) -> str:
    """`no LLM` where the rule-based analyst answers for every agent, else the models' names."""
    names = sorted({name for name in models.values() if name != RULES})
    if not names:
        return NO_LLM
    return ", ".join(names) + (" and rules" if RULES in models.values() else "")


def start_warnings(experiment: Experiment, bundle: BundleIdentity) -> list[str]:
    """What every page of the run must say, because the result would be read wrongly without."""
    warnings = []
    if experiment.fill == "same_close":
        warnings.append("optimistic: orders filled at the very close that they were decided on (fill = same_close)")
    if experiment.derived_text == "allow":
        warnings.append("optimistic: texts written later than their articles were used (derived_text = allow)")
    if experiment.without:
        warnings.append(f"made without {', '.join(experiment.without)}")
    warnings += [f"placebo: {PLACEBO_MEANINGS[part]} (placebo = {part})" for part in experiment.placebo]
    if bundle.levels_unsafe:
        warnings.append(
            f"prices of basis {bundle.basis}: levels know of later splits and dividends, so share counts and per-share commissions "
            "are on the adjusted scale"
        )
    return warnings


def address_without_secrets(address: str) -> str:
    """`https://user:key@host/v1?token=x` as `https://host/v1`."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that a result can depend on; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state(folder: Path) -> dict[str, Any] | None:
    """`{"commit", "dirty"}` of the repository that `folder` belongs to; None without git, repository or commit."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    changes = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": bool(changes) if changes is not None else None}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
