"""What a label is worked out from: the terms that every fill of the run obeys, and the sessions as they came after a decision."""

from __future__ import annotations

from dataclasses import dataclass

from tradinggroup.data.records import Bar
from tradinggroup.risk.costs import NO_SLIPPAGE, Commission, Slippage
from tradinggroup.risk.exits import ExitRules
from tradinggroup.risk.profile import RiskProfile
from tradinggroup.settings import FillMode


@dataclass(frozen=True, slots=True)
class TradeTerms:
    """The terms of a run's fills; an action that was not taken is measured under the same ones."""

    profile: RiskProfile
    commission: Commission
    slippage: Slippage = NO_SLIPPAGE
    fill: FillMode = "next_open"
    gap_buffer_fraction: float = 0.0
    """As in `size_action`."""
    cash_rate_per_year: float = 0.0
    """What cash earns; one session of it comes before each open."""
    volume_cap_fraction: float = 0.0
    """Largest share of a bar's volume that purchases take together, and sales together; 0 for no cap."""

    @property
    def sessions_to_label(self) -> int:
        """Sessions from a decision to the close at which its outcome is known: 1, or 2 where it fills at the close of the first."""
        return 2 if self.fill == "next_close" else 1


@dataclass(frozen=True, slots=True)
class SessionAfter:
    """A session after a decision: what took effect before its open, its bar, and the exits that lived inside it."""

    bar: Bar
    split_ratio: float = 1.0
    """New shares for one old; 1 without a split."""
    dividend_per_share_usd: float = 0.0
    """Cash a share, on the scale after the split, to the shares held at the close before."""
    exits: ExitRules | None = None
    """Stop and target in force inside the bar; None where stops work at the close."""
    has_new_order: bool = False
    """Whether a later decision than the one that is judged sent an order before it, which took the place of what still waited."""
