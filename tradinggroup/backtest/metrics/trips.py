"""Round trips of one account, found in its equity rows and fills alone.

A trip begins with the fill that takes the shares from none to some, and ends where they are back at none: by a fill, or by a
reverse split that leaves no whole share. Its profit is what it brought in cash: sales less purchases less commission, and
what was paid to the shares meanwhile (dividends, cash for fractions of a share).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tradinggroup.backtest.metrics.series import UndefinedError
from tradinggroup.backtest.sink import Row
from tradinggroup.settings import SESSIONS_PER_YEAR

ROUNDING_USD = 1e-6
"""Cash that the fills and the interest leave unexplained is rounding below this, and a payment to the shares above it."""


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """One closed round trip."""

    profit_usd: float
    sessions_held: int
    """Sessions from the first fill to the last; 0 where both are in one session."""


def round_trips(rows: Sequence[Row], fills: Sequence[Row], *, cash_rate_per_year: float) -> tuple[RoundTrip, ...]:
    """The closed round trips, in order. One still open at the end is none.

    Args:
        rows: of `equity.csv`, one account, by session.
        fills: of `fills.csv`, the same account, by session and in order.
        cash_rate_per_year: what idle cash earned; interest belongs to no trip.
    """
    walk, place = _Walk(cash_rate_per_year), 0
    for position, row in enumerate(rows):
        until = place
        while until < len(fills) and fills[until]["session"] == row["session"]:
            until += 1
        walk.session(position, row, fills[place:until])
        place = until
    return tuple(walk.closed)


class _Walk:
    """The state from one session to the next."""

    def __init__(self, cash_rate_per_year: float) -> None:
        self._rate = cash_rate_per_year / SESSIONS_PER_YEAR
        self._held = 0
        self._cash_usd = 0.0
        self._entry = 0
        self._flows: list[float] = []
        self.closed: list[RoundTrip] = []

    def session(self, position: int, row: Row, fills: Sequence[Row]) -> None:
        if self._held:
            self._take_payments(position, row, fills)
        for fill in fills:
            self._take_fill(position, fill)
        self._cash_usd = row["cash_usd"]

    def _take_payments(self, position: int, row: Row, fills: Sequence[Row]) -> None:
        """What the session did to the shares held before its fills: splits and payments."""
        flows_usd = [_flow_usd(fill) for fill in fills]
        paid_usd = math.fsum([row["cash_usd"], -self._cash_usd, -self._cash_usd * self._rate, *(-flow for flow in flows_usd)])
        if abs(paid_usd) > ROUNDING_USD:
            self._flows.append(paid_usd)
        self._held = row["shares"] - sum(fill["shares"] for fill in fills)
        if not self._held:
            self._close(position)

    def _take_fill(self, position: int, fill: Row) -> None:
        if not self._held:
            self._entry, self._flows = position, []
        self._held += fill["shares"]
        self._flows.append(_flow_usd(fill))
        if not self._held:
            self._close(position)

    def _close(self, position: int) -> None:
        self.closed.append(RoundTrip(math.fsum(self._flows), position - self._entry))


def _flow_usd(fill: Row) -> float:
    """Cash that a fill brings; negative for a purchase."""
    return float(-fill["shares"] * fill["price_usd"] - fill["commission_usd"])


def hit_rate_fraction(trips: Sequence[RoundTrip]) -> float:
    """Share of the closed round trips that made more than they cost, 0 to 1; one that came out even is no hit.

    Undefined without a closed round trip. `quantstats.stats.win_rate` counts sessions, not trades.
    """
    return sum(trip.profit_usd > 0 for trip in _some(trips)) / len(trips)


def profit_factor(trips: Sequence[RoundTrip]) -> float:
    """Profits of the closed round trips that won, over the losses of those that lost; above 1 is a gain.

    Undefined without a closed round trip, or without a losing one. `quantstats.stats.profit_factor` takes returns of sessions.
    """
    lost_usd = -math.fsum(trip.profit_usd for trip in _some(trips) if trip.profit_usd < 0)
    if not lost_usd:
        raise UndefinedError("no round trip lost")
    return math.fsum(trip.profit_usd for trip in trips if trip.profit_usd > 0) / lost_usd


def average_holding_sessions(trips: Sequence[RoundTrip]) -> float:
    """Mean number of sessions from the first fill of a closed round trip to its last. Undefined without one."""
    return sum(trip.sessions_held for trip in _some(trips)) / len(trips)


def _some(trips: Sequence[RoundTrip]) -> Sequence[RoundTrip]:
    if not trips:
        raise UndefinedError("no closed round trip")
    return trips
