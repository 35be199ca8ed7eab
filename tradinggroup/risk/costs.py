"""Commission of the simulated broker."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Commission:
    """A price a share, capped by a share of the trade's value, and then at least a minimum (spec 6.3)."""

    per_share_usd: float
    """USD a share, zero or positive."""
    minimum_usd: float
    """Smallest commission of an order in USD; applied last, so that it may pass the cap."""
    maximum_fraction: float
    """Largest commission as a share of the trade's value, 0 to 1."""

    def usd(self, shares: int, price_usd: float) -> float:
        """Commission of one fill in USD, positive; zero for no shares.

        `max(minimum, min(per_share * n, maximum_fraction * n * price))` (spec 6.3).

        Args:
            shares: how many, of either sign.
            price_usd: price a share.
        """
        count = abs(shares)
        if count == 0:
            return 0.0
        return max(self.minimum_usd, min(self.per_share_usd * count, self.maximum_fraction * count * price_usd))
