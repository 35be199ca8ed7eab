"""How much of one bar a cap by volume lets an account trade: its purchases share one room, its sales another."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VolumeRoom:
    """What is left of one bar. Two rooms, so that a purchase never takes the place of a stop in the same bar."""

    purchase_shares: int
    sale_shares: int

    @classmethod
    def of(cls, shares: int) -> VolumeRoom:
        """A bar of which nothing has been traded yet."""
        return cls(shares, shares)

    def for_order(self, shares: int) -> int:
        """How many shares an order of signed `shares` may still trade, zero or positive."""
        return self.purchase_shares if shares > 0 else self.sale_shares

    def after(self, shares: int) -> VolumeRoom:
        """What a fill of signed `shares` leaves."""
        if shares > 0:
            return VolumeRoom(max(0, self.purchase_shares - shares), self.sale_shares)
        return VolumeRoom(self.purchase_shares, max(0, self.sale_shares + shares))
