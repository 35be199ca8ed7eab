"""What the second set of books must know of a run's settings: costs, limits, exits. See `runs/books/ledger.py`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tradinggroup.data.records import Bar

REACHED = 1e-12
"""A price this near to a level, as a share of the average cost, has reached it."""


@dataclass(frozen=True, slots=True)
class Exits:
    """Stop and target that one decision set, relative to the average cost, and the share of the position that they sell."""

    stop_fraction: float
    target_fraction: float
    sell_fraction: float

    def inside(self, bar: Bar, cost_usd: float) -> tuple[str, float] | None:
        """Reason and quoted price of an exit inside a bar: the open where it lies beyond a level, else the stop before the target."""
        stop_usd, target_usd, near_usd = cost_usd * (1 + self.stop_fraction), cost_usd * (1 + self.target_fraction), cost_usd * REACHED
        if bar.open_usd <= stop_usd + near_usd:
            return "STOP_LOSS", bar.open_usd
        if bar.open_usd >= target_usd - near_usd:
            return "TAKE_PROFIT", bar.open_usd
        if bar.low_usd <= stop_usd + near_usd:
            return "STOP_LOSS", max(bar.low_usd, stop_usd)
        if bar.high_usd >= target_usd - near_usd:
            return "TAKE_PROFIT", min(bar.high_usd, target_usd)
        return None


@dataclass(frozen=True, slots=True)
class BookRules:
    """The settings that the books depend on, as plain tables of `resolved.toml` and `risk.toml`."""

    cash_usd: float
    cash_rate_per_year: float = 0.0
    costs: Mapping[str, Any] = field(default_factory=dict)
    fill: str = "next_open"
    execution: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> BookRules:
        """Those of a run's resolved settings."""
        return cls(
            cash_usd=settings["cash_usd"],
            cash_rate_per_year=settings["cash_rate_per_year"],
            costs=settings["costs"],
            fill=settings.get("fill", "next_open"),
            execution=settings.get("execution", {}),
        )

    def commission_usd(self, shares: int, price_usd: float) -> float:
        """A price a share with cap and floor, the last named of which wins; or a share of the value; or nothing (spec 6.3)."""
        costs, count = self.costs, abs(shares)
        kind = costs.get("commission", "per_share")
        if not count or kind == "none":
            return 0.0
        if kind == "basis_points":
            return float(costs["commission_bps"]) / 10_000 * (count * price_usd)
        fee, cap, floor = costs["per_share_usd"] * count, costs["maximum_fraction"] * count * price_usd, costs["minimum_usd"]
        return float(min(max(fee, floor), cap) if costs.get("order") == "minimum_then_cap" else max(min(fee, cap), floor))

    @property
    def slippage_fraction(self) -> float:
        """How much worse than the tape a fill is."""
        return float((self.costs.get("slippage_bps", 0.0) + self.costs.get("half_spread_bps", 0.0)) / 10_000)

    def price_usd(self, shares: int, quoted_usd: float) -> float:
        """What signed shares pay or get where the tape quotes so much."""
        return quoted_usd * (1 + math.copysign(self.slippage_fraction, shares))

    def room_shares(self, bar: Bar) -> float:
        """How many shares of a bar may be bought, and as many sold."""
        cap = self.execution.get("volume_cap_fraction", 0.0)
        return math.floor(cap * bar.volume_shares) if cap else math.inf

    def is_paid(self, shares: int, price_usd: float, cash_usd: float) -> bool:
        """Whether the cash stays at zero or more, whichever of price and commission is subtracted first."""
        value_usd, fee = shares * price_usd, self.commission_usd(shares, price_usd)
        return min(cash_usd - value_usd - fee, cash_usd - (value_usd + fee)) >= 0

    def bought_for(self, budget_usd: float, price_usd: float) -> int:
        """Whole shares for a budget: as many as it holds, less what the commission of so many takes away (spec 6.2)."""
        most = math.floor(max(0.0, budget_usd) / price_usd)
        count = min(most, max(0, math.floor((budget_usd - self.commission_usd(most, price_usd)) / price_usd)))
        while count and not self.is_paid(count, price_usd, budget_usd):
            count -= 1
        return count


@dataclass(frozen=True, slots=True)
class StageRules:
    """What a decision alone depends on, and what a fork may change from a session on: the profile, and how stops work."""

    settings: Mapping[str, Any]
    profile: Mapping[str, Any]
    until: str | None = None
    """The first session, ISO, at which it is no longer in force; None for the last stage."""

    @property
    def limits(self) -> Mapping[str, Any]:
        """Those that hold at the fill of an order decided in this stage."""
        limits: Mapping[str, Any] = self.profile.get("limits", {})
        return limits

    @property
    def is_intraday(self) -> bool:
        """Whether stops live inside the bar."""
        mode = self.settings.get("stops", "profile")
        return bool((self.profile.get("stops", {}).get("mode", "close") if mode == "profile" else mode) == "intraday")

    def exits(self, decision: Mapping[str, Any]) -> Exits | None:
        """Those that a decision line sets; None where it set none, or stops work at the close."""
        levels = decision["risk"]["thresholds"]
        if levels is None or not self.is_intraday:
            return None
        sells = 1.0 if self.profile["stops"].get("forced_exit_full") else self.profile["styles"][levels["style"]]["sell_position_fraction"]
        return Exits(levels["stop_loss_fraction"], levels["take_profit_fraction"], sells)


def stage_at(stages: Sequence[StageRules], session: str) -> StageRules:
    """The stage that a session was decided in; all but the last have an end, in order."""
    return next(stage for stage in stages if stage.until is None or session < stage.until)
