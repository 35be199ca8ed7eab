"""How orders become fills: when, how much of a bar they may take, and what becomes of a symbol that is delisted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from tradinggroup.risk.costs import Commission, Slippage
from tradinggroup.risk.profile import Limits
from tradinggroup.settings import Experiment, FillMode


@dataclass(frozen=True, slots=True)
class Execution:
    """The settings of an experiment that the engine obeys, with their defaults."""

    fill: FillMode = "next_open"
    volume_cap_fraction: float = 0.0
    """Largest share of a bar's volume that purchases take together, and sales together; 0 for no cap."""
    delisting_sessions: int = 5
    """Sessions without any later bar after which a symbol counts as delisted."""
    delisting_haircut_fraction: float = 0.30
    """What the shares of a delisted symbol lose against its last price."""

    @classmethod
    def of(cls, experiment: Experiment) -> Self:
        """How the orders of an experiment fill."""
        execution = experiment.execution
        return cls(
            fill=experiment.fill,
            volume_cap_fraction=execution.volume_cap_fraction,
            delisting_sessions=execution.delisting_sessions,
            delisting_haircut_fraction=execution.delisting_haircut_fraction,
        )

    @property
    def lag_sessions(self) -> int:
        """Sessions with a bar from a decision to its fill: 1, or 0 where it fills at its own close."""
        return 0 if self.fill == "same_close" else 1


DEFAULT_EXECUTION = Execution()


@dataclass(frozen=True, slots=True)
class AccountTerms:
    """What every fill of one account obeys, and what its cash earns."""

    commission: Commission
    slippage: Slippage
    execution: Execution
    cash_rate_per_session: float
    limits: Limits | None
    """Those of an order that names none of its own."""
