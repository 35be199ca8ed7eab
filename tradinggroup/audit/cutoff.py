"""Cutoff: what a run earned before, and after, its models' training data end. What is not known is never counted as safe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np

from tradinggroup.audit.subject import keep_check, require_ended
from tradinggroup.backtest.metrics.drawdowns import max_drawdown_fraction
from tradinggroup.backtest.metrics.returns import sharpe_ratio, total_return_fraction
from tradinggroup.backtest.metrics.series import UndefinedError
from tradinggroup.runs.claim_card import BUY_AND_HOLD
from tradinggroup.runs.cutoffs import NO_TRAINING_DATA
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.progress import NoProgress, Progress

NAME = "cutoff"
Side = Literal["before", "after", "unknown"]
SIDES: tuple[Side, ...] = ("before", "after", "unknown")


@dataclass(frozen=True, slots=True)
class SideFigures:
    """The sessions on one side, and what ALL came to in them; None where there are too few."""

    side: Side
    sessions: int
    total_return_fraction: float | None
    sharpe_ratio: float | None
    max_drawdown_fraction: float | None
    buy_and_hold_fraction: float | None


@dataclass(frozen=True, slots=True)
class CutoffAudit:
    """What came of it."""

    run_id: str
    agents: Mapping[str, Mapping[str, Any]]
    """Agent -> its model, cutoff, source, gap and session counts, as in the header."""
    sides: tuple[SideFigures, ...]
    """A session is `unknown` where any agent's cutoff is, else `before` where it is so for any."""

    @property
    def ok(self) -> bool:
        """Whether every session is after every cutoff, with the gap."""
        return all(side.side == "after" or not side.sessions for side in self.sides)

    def to_plain(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        sides = [asdict(side) for side in self.sides]
        return {"audit": NAME, "run_id": self.run_id, "ok": self.ok, "agents": dict(self.agents), "sides": sides}


def audit_cutoff(run: RunFolder, progress: Progress | None = None) -> CutoffAudit:
    """Split a run that has ended at its models' cutoffs; kept in `checks.jsonl`. Raises DataError where it did not end."""
    require_ended(run)
    agents = run.header.get("cutoffs") or {}
    equity, held = _summed(run.equity()), _summed(run.baseline_equity(BUY_AND_HOLD)) if BUY_AND_HOLD in run.baseline_names else {}
    side_of = {session: _side(date.fromisoformat(session), agents) for session in equity}
    rate = float(run.settings.get("cash_rate_per_year", 0.0))
    audit = CutoffAudit(run.run_id, agents, tuple(_figures(side, side_of, equity, held, rate) for side in SIDES))
    keep_check(run, NAME, {"ok": audit.ok, "sides": [asdict(side) for side in audit.sides]}, progress or NoProgress())
    return audit


def _summed(rows: Sequence[Line]) -> dict[str, float]:
    """Equity of ALL by session, in order."""
    total: dict[str, float] = {}
    for row in rows:
        total[str(row["session"])] = total.get(str(row["session"]), 0.0) + row["equity_usd"]
    return dict(sorted(total.items()))


def _side(session: date, agents: Mapping[str, Mapping[str, Any]]) -> Side:
    trained = [each for each in agents.values() if each.get("source") != NO_TRAINING_DATA]
    if not agents or any(each.get("training_cutoff") is None for each in trained):
        return "unknown"
    ends = [date.fromisoformat(each["training_cutoff"]) + timedelta(days=each["gap_days"]) for each in trained]
    return "before" if any(session <= end for end in ends) else "after"


def _figures(side: Side, side_of: Mapping[str, Side], equity: Mapping[str, float], held: Mapping[str, float], rate: float) -> SideFigures:
    sessions = list(equity)
    own = [place for place, session in enumerate(sessions) if side_of[session] == side]
    # The close before the first session is where its return starts; sides are runs of sessions, since a cutoff is a day.
    places = [own[0] - 1, *own] if own and own[0] > 0 else own
    values, bench = (
        np.array([series[sessions[place]] for place in places if sessions[place] in series], dtype=np.float64) for series in (equity, held)
    )
    return SideFigures(
        side=side,
        sessions=len(own),
        total_return_fraction=_defined(lambda: total_return_fraction(values)),
        sharpe_ratio=_defined(lambda: sharpe_ratio(values, cash_rate_per_year=rate)),
        max_drawdown_fraction=_defined(lambda: max_drawdown_fraction(values)),
        buy_and_hold_fraction=_defined(lambda: total_return_fraction(bench)),
    )


def _defined(metric: Any) -> float | None:
    try:
        return float(metric())
    except UndefinedError:
        return None
