"""The one object that describes a run's result: what `backtest --json` and `show --json` print (design 8)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOLD_KINDS = ("model", "unreadable", "provider", "budget", "risk")
CALL_COUNTS = ("total", "recorded", "live", "failed")
ALL = "ALL"
"""The sum of all accounts by session: the headline."""


def summary_of(header: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The summary of a run's header. What a run that did not end has not got is empty, zero or None; `variant` is there for a variant."""
    calls, holds, random = (header.get(key) or {} for key in ("calls", "holds", "random"))
    return {
        "run_id": header["run_id"],
        "path": str(folder.resolve()),
        "status": header["status"],
        "experiment": header["experiment"],
        **({"variant": header["variant"]} if header.get("variant") else {}),
        "start": header.get("start"),
        "end": header.get("end"),
        "symbols": list(header["symbols"]),
        "metrics": header.get("metrics") or {},
        "baselines": header.get("baselines") or {},
        "random": {"draws": random.get("draws", 0), "agents_percentile": random.get("agents_percentile")},
        "calls": {key: calls.get(key, 0) for key in CALL_COUNTS},
        "cost_usd": header.get("cost_usd"),
        "spent_usd": header.get("spent_usd"),
        "costs": header.get("costs") or {},
        "holds": {key: holds.get(key, 0) for key in HOLD_KINDS},
        "forecasts": header.get("forecasts") or {},
        "statistics": header.get("statistics") or {},
        "power": header.get("power") or {},
        "ledger": header.get("ledger") or {},
        "holdout": header.get("holdout") or {},
    }


def shown_path(folder: Path) -> str:
    """`backtests/runs/NAME` where the folder stands in a project, else the absolute path."""
    in_project = folder.parent.name == "runs" and folder.parent.parent.name == "backtests"
    return f"backtests/runs/{folder.name}" if in_project else str(folder.resolve())
