"""The state of one account, as the risk layer and the trading agents see it."""

from __future__ import annotations

from dataclasses import dataclass

from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.risk.volume import VolumeRoom


@dataclass(frozen=True, slots=True)
class Account:
    """One symbol's account, valued at a session's close. Cash and prices in USD, whole shares, never negative."""

    cash_usd: float
    shares: int
    average_cost_usd: float | None
    """Quantity-weighted entry price without commission, on today's share scale; None when flat."""
    close_usd: float
    peak_equity_usd: float
    """Highest equity at any close so far, this one included."""
    previous_equity_usd: float | None = None
    """Equity at the close before; None on the first session."""
    sessions_since_stop: int | None = None
    """Sessions since a STOP_LOSS sale last filled: 0 where one filled in this session; None where none ever did."""
    orders_filled: int = 0
    """Orders that filled in this session, exits inside the bar included."""
    sessions_held: int | None = None
    """Sessions since the first purchase of the open position filled: 0 where it did in this session; None when flat or not known."""
    waiting_shares: int = 0
    """Signed rest of an earlier order that a bar's volume has held back; it waits on unless a new order takes its place."""
    waiting_exit: ReasonCode | None = None
    """STOP_LOSS or TAKE_PROFIT where that order is a forced exit, which no answer removes; else None."""
    volume_room: VolumeRoom | None = None
    """What is left of this session's bar; None without a cap by volume."""

    @property
    def is_exit_waiting(self) -> bool:
        """Whether the rest of a forced exit waits: inside a bar none is set off anew while it does."""
        return self.waiting_exit is not None

    @property
    def position_usd(self) -> float:
        """Value of the shares at the close."""
        return self.shares * self.close_usd

    @property
    def equity_usd(self) -> float:
        """Cash and shares together."""
        return self.cash_usd + self.position_usd

    @property
    def weight_fraction(self) -> float:
        """Share of the equity that is invested, 0 to 1."""
        return self.position_usd / self.equity_usd if self.equity_usd > 0 else 0.0

    @property
    def unrealised_fraction(self) -> float | None:
        """Close over average cost, less one (spec 6.1); None when flat."""
        if self.shares == 0 or not self.average_cost_usd:
            return None
        return self.close_usd / self.average_cost_usd - 1

    @property
    def drawdown_fraction(self) -> float:
        """Equity over its peak, less one; zero or negative."""
        return min(0.0, self.equity_usd / self.peak_equity_usd - 1) if self.peak_equity_usd > 0 else 0.0

    @property
    def session_return_fraction(self) -> float | None:
        """Equity over that of the close before, less one; None on the first session, or where nothing was left."""
        before_usd = self.previous_equity_usd
        return None if before_usd is None or before_usd <= 0 else self.equity_usd / before_usd - 1
