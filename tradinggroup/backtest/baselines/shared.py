"""What all baselines of a run share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tradinggroup.backtest.baselines.guarded import Guard
from tradinggroup.backtest.baselines.rules import Costs
from tradinggroup.backtest.execution import DEFAULT_EXECUTION, Execution

DEFAULT_TRAINING_YEARS = 2


@dataclass(frozen=True, slots=True)
class BaselineSettings:
    """Cash, costs and fills as the agents have them, and the settings of single baselines."""

    cash_usd: float
    costs: Costs
    cash_rate_per_year: float
    seed: int
    random_draws: int
    training_years: Mapping[str, int] = field(default_factory=dict)
    """Symbol -> years before the window that the fitted baselines are fitted on."""
    execution: Execution = DEFAULT_EXECUTION
    guard: Guard | None = None
    """What stands between the signals of a rule or a model and its orders; None for nothing."""
