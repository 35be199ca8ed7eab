"""What a fill of the simulated broker costs: its commission, and what it pays beside the quoted price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from tradinggroup.settings import CostSettings

ONE_IN_BPS = 10_000


@dataclass(frozen=True, slots=True)
class Commission:
    """The broker's fee: a price a share with a floor and a cap (spec 6.3), a share of the trade's value, or nothing."""

    per_share_usd: float
    """USD a share, zero or positive."""
    minimum_usd: float
    """Smallest commission of a fill in USD."""
    maximum_fraction: float
    """Largest commission as a share of the trade's value, 0 to 1."""
    kind: Literal["per_share", "basis_points", "none"] = "per_share"
    """Which of the three it is. Floor and cap belong to `per_share` alone."""
    order: Literal["cap_then_minimum", "minimum_then_cap"] = "cap_then_minimum"
    """Which of floor and cap comes last, and so holds where they contradict each other."""
    basis_points: float = 0.0
    """Share of the trade's value in hundredths of a percent, under `basis_points`."""

    @classmethod
    def of(cls, settings: CostSettings) -> Self:
        """The commission of an experiment."""
        return cls(
            per_share_usd=settings.per_share_usd,
            minimum_usd=settings.minimum_usd,
            maximum_fraction=settings.maximum_fraction,
            kind=settings.commission,
            order=settings.order,
            basis_points=settings.commission_bps,
        )

    def usd(self, shares: int, price_usd: float) -> float:
        """Commission of one fill in USD, zero or positive; zero for no shares.

        `max(minimum, min(per_share * n, maximum_fraction * n * price))` (spec 6.3), or under `minimum_then_cap`
        `min(max(per_share * n, minimum), maximum_fraction * n * price)`; under `basis_points` that share of `n * price`.

        Args:
            shares: how many, of either sign.
            price_usd: price a share, slippage included.
        """
        count = abs(shares)
        if count == 0 or self.kind == "none":
            return 0.0
        if self.kind == "basis_points":
            return self.basis_points / ONE_IN_BPS * (count * price_usd)
        if self.order == "minimum_then_cap":
            return min(max(self.per_share_usd * count, self.minimum_usd), self.maximum_fraction * count * price_usd)
        return max(self.minimum_usd, min(self.per_share_usd * count, self.maximum_fraction * count * price_usd))


@dataclass(frozen=True, slots=True)
class Slippage:
    """How far a fill is from its quoted price, always against the trader: half of the spread, and what else is lost."""

    slippage_bps: float = 0.0
    """Hundredths of a percent of the quoted price, zero or positive."""
    half_spread_bps: float = 0.0
    """Half of the distance between bid and ask, likewise. A bar's price is taken as the middle of the two."""

    @classmethod
    def of(cls, settings: CostSettings) -> Self:
        """The slippage of an experiment."""
        return cls(settings.slippage_bps, settings.half_spread_bps)

    @property
    def fraction(self) -> float:
        """Both together, as a share of the quoted price."""
        return (self.slippage_bps + self.half_spread_bps) / ONE_IN_BPS

    def price_usd(self, shares: int, quoted_usd: float) -> float:
        """The price that `shares` pay (positive) or get (negative) where the bar quotes `quoted_usd`.

        It may lie outside the bar's range. Without slippage it is the quoted price itself, bit by bit.
        """
        if shares < 0:
            return quoted_usd * (1 - self.fraction)
        return quoted_usd * (1 + self.fraction)

    def usd(self, shares: int, quoted_usd: float) -> float:
        """What the difference costs a fill of `shares`, of either sign, in USD; zero or positive."""
        return abs(shares) * quoted_usd * self.fraction


NO_SLIPPAGE = Slippage()
