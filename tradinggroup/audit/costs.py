"""Costs: does a result survive twice its costs, or a fill one session later? The run's own orders, every decision held fixed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from tradinggroup.audit.subject import keep_check, require_ended
from tradinggroup.project import Project
from tradinggroup.runs.claim_card import BUY_AND_HOLD
from tradinggroup.runs.cost_replay import CostScenario, replay_at_costs
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.progress import NoProgress, Progress
from tradinggroup.runs.summary import ALL

NAME = "costs"
AS_RUN = "as run"


@dataclass(frozen=True, slots=True)
class CostCase:
    """The run under one condition, of ALL."""

    name: str
    total_return_fraction: float | None
    lead_fraction: float | None
    """Less buy and hold's total return in the run, at the run's own costs; None without it."""
    sharpe_ratio: float | None
    orders: int
    orders_filled_less: int


@dataclass(frozen=True, slots=True)
class CostAudit:
    """What came of it."""

    run_id: str
    cases: tuple[CostCase, ...]

    @property
    def lost(self) -> tuple[str, ...]:
        """Conditions under which the gain, or the lead over buy and hold, that the run had is gone."""
        own = next(case for case in self.cases if case.name == AS_RUN)
        return tuple(
            case.name
            for case in self.cases
            if _is_gone(own.total_return_fraction, case.total_return_fraction) or _is_gone(own.lead_fraction, case.lead_fraction)
        )

    @property
    def ok(self) -> bool:
        """Whether nothing that the run had is lost."""
        return not self.lost

    def to_plain(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "audit": NAME,
            "run_id": self.run_id,
            "ok": self.ok,
            "lost": list(self.lost),
            "cases": [asdict(case) for case in self.cases],
        }


def audit_costs(project: Project, run: RunFolder, progress: Progress | None = None) -> CostAudit:
    """The run at no costs, its own and twice its own, and with every order placed one session later; kept in `checks.jsonl`.

    Raises DataError where the run did not end, its bundle is missing, or its orders do not give its fills; UsageError without agents.
    """
    require_ended(run)
    free, own, twice = replay_at_costs(project, run)
    (late,) = replay_at_costs(project, run, factors=[1], delay_sessions=1)
    named = ((AS_RUN, own), ("no costs", free), ("twice the costs", twice), ("one session later", late))
    audit = CostAudit(run.run_id, tuple(_case(run, name, scenario) for name, scenario in named))
    found = {key: value for key, value in audit.to_plain().items() if key not in ("audit", "run_id")}
    keep_check(run, NAME, found, progress or NoProgress())
    return audit


def _case(run: RunFolder, name: str, scenario: CostScenario) -> CostCase:
    metrics = scenario.metrics[ALL]
    hold = ((run.header.get("baselines") or {}).get(BUY_AND_HOLD) or {}).get(ALL) or {}
    total, held = metrics.total_return_fraction, hold.get("total_return_fraction")
    lead = total - held if total is not None and held is not None else None
    return CostCase(name, total, lead, metrics.sharpe_ratio, scenario.orders, scenario.orders_filled_less)


def _is_gone(had: float | None, has: float | None) -> bool:
    return had is not None and had > 0 and (has is None or has <= 0)
