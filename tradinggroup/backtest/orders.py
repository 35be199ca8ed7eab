"""One order from its decision to its end, and the rows that tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from tradinggroup.backtest.sink import Row
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.risk.verdicts import ReasonCode, Status, Verdict

if TYPE_CHECKING:
    from tradinggroup.backtest.broker import Fill  # which loads backtrader: pages of runs read ORDER_STATUSES without

ORDER_STATUSES = ("filled", "cut", "partial", "denied", "unfilled")
"""How an order can end: whole; smaller than it was sent; short, after some of it had filled; without any fill; without any try."""


EXIT_NAMES = {ReasonCode.STOP_LOSS: "stop", ReasonCode.TAKE_PROFIT: "target"}
"""The codes of a forced exit -> last part of the order id of one inside a bar."""


@dataclass(slots=True)
class Order:
    """An order that waits, or that is being filled. Share counts are signed, sales negative."""

    intent: OrderIntent
    session: date
    """Of the decision; of an exit inside a bar or a delisting the session that it fills in."""
    order_id: str
    shares: int
    """What is still to fill, on today's share scale."""
    shares_filled: int = 0
    """The sum of its fills, each on the scale of its own session."""
    fill_session: date | None = None
    """Of the last fill."""
    cut: Verdict | None = None
    """Why a fill was made smaller for good."""
    exit_code: ReasonCode | None = None
    """STOP_LOSS or TAKE_PROFIT of a forced exit, and of a sale that goes on in the place of one; no answer removes it."""
    is_capped: bool = False
    """Whether a bar's volume has held back a part."""
    is_over: bool = False

    def filled_row(self, symbol: str) -> Row:
        """The row of an order that has no share left to fill."""
        if self.cut is not None:
            return self.row(symbol, status="cut", code=self.cut.code)
        return self.row(symbol, status="filled", code=ReasonCode.VOLUME_CAP if self.is_capped else None)

    def denied_row(self, symbol: str, verdict: Verdict) -> Row:
        """The row of an order that the account cannot fill, or not any further."""
        return self.row(symbol, status="partial" if self.shares_filled else "denied", code=verdict.code)

    def short_row(self, symbol: str, code: ReasonCode | None = None) -> Row:
        """The row of an order that ended before it was whole, for a reason of its own or because nothing came that filled it."""
        if self.shares_filled:
            return self.row(symbol, status="partial", code=code or ReasonCode.PARTIAL_FILL)
        return self.row(symbol, status="unfilled", code=code or (ReasonCode.VOLUME_CAP if self.is_capped else None))

    def row(self, symbol: str, *, status: str, code: ReasonCode | None) -> Row:
        """The row of `orders.csv`."""
        return {
            "session": self.session,
            "symbol": symbol,
            "order_id": self.order_id,
            "action": self.intent.action,
            "style": self.intent.style,
            "reason_code": str(self.intent.code),
            "forced": self.intent.forced,
            "shares_wanted": self.intent.wanted_shares,
            "shares_ordered": self.intent.shares,
            "shares_filled": self.shares_filled,
            "status": status,
            "fill_session": self.fill_session,
            "fill_reason_code": str(code) if code is not None else None,
        }

    def fill_row(self, symbol: str, session: date, fill: Fill) -> Row:
        """The row of `fills.csv` of one of its fills."""
        return {
            "session": session,
            "symbol": symbol,
            "order_id": self.order_id,
            "decision_session": self.session,
            "shares": fill.shares,
            "price_usd": fill.price_usd,
            "commission_usd": fill.commission_usd,
            "slippage_usd": fill.slippage_usd,
        }

    def vanished(self, held_shares: int) -> Verdict:
        """Why an order that a reverse split has left without a whole share is denied."""
        code = ReasonCode.POSITION_GONE if self.intent.shares < 0 and held_shares == 0 else ReasonCode.ZERO_SHARES
        return Verdict(Status.DENIED, code, {"wanted_shares": self.intent.shares, "held_shares": held_shares})


def decided_order(intent: OrderIntent, symbol: str, session: date) -> Order:
    """The order of a decision; a forced sale at a stop or a target is an exit."""
    is_exit = intent.forced and intent.code in EXIT_NAMES
    return Order(intent, session, order_id(symbol, session), intent.shares, exit_code=intent.code if is_exit else None)


def sale_of_position(code: ReasonCode, shares: int, *, symbol: str, session: date, style: str | None, name: str) -> Order:
    """An order nobody decided in this session: `shares` of the position (positive) go, by `code`."""
    intent = OrderIntent(shares=-shares, action="sell", style=style, code=code, forced=True, wanted_shares=-shares)
    return Order(intent, session, f"{order_id(symbol, session)}-{name}", -shares)


def leaving_intent(shares: int) -> OrderIntent:
    """The sale of a whole position (positive `shares`) whose symbol leaves the universe."""
    return OrderIntent(-shares, "sell", None, ReasonCode.MEMBERSHIP_ENDED, forced=True, wanted_shares=-shares)


def order_id(symbol: str, session: date | str) -> str:
    """`SYMBOL-SESSION`: the order that was decided in that session, which may be given as a run's files write it."""
    return f"{symbol}-{session}"
