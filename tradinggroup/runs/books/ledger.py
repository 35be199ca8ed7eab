"""A second set of books: orders -> fills -> cash -> equity of one account, by code that shares nothing with the engine.

What was ordered (at the decision), the tape and the settings go in; what every order filled at and what the account then held
come out. Nothing of the engine, the broker, the risk layer or the costs is imported here (an import contract sees to it), so that
a mistake there does not repeat itself. `runs/books/crosscheck.py` compares the result with the run's files.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tradinggroup.data.records import Bar
from tradinggroup.runs.books.rules import BookRules, Exits
from tradinggroup.runs.books.tape import Tape

Row = Mapping[str, Any]
Order = dict[str, Any]
"""A row of `orders.csv`, with `limits` where they bind it, and what the books add: `left` to fill, `shares_filled`, `fill_session`,
`is_cut`, `is_exit`, and at its end `status`."""

WHOLE_SHARES = 1e-6
"""A share count within this of a whole number is that number: a ratio such as 1/3 has no exact float."""


FORCED = ("STOP_LOSS", "TAKE_PROFIT")


class Books:
    """One account as the ledger has it. `orders`, `fills` and `equity` are the rows it wrote, by session.

    `exits` are those that each session's decision set; `ended` the sessions at whose close a limit ended the rest of a purchase.
    """

    def __init__(
        self,
        symbol: str,
        tape: Tape,
        rules: BookRules,
        exits: Mapping[str, Exits | None] | None = None,
        *,
        ended: Collection[str] = (),
    ) -> None:
        self._symbol, self._tape, self._rules, self._exits, self._ended = symbol, tape, rules, exits or {}, ended
        self._cash_usd, self._shares, self._cost_usd, self._mark_usd = rules.cash_usd, 0, 0.0, tape.mark_usd
        self._waiting: Order | None = None
        self._guard: Exits | None = None
        self._session = ""
        self._rooms: dict[bool, float] = {}
        self.orders: list[Order] = []
        self.fills: list[dict[str, Any]] = []
        self.equity: list[dict[str, Any]] = []

    def keep(self, ordered: Sequence[Row]) -> Books:
        """Take the account through the window with the orders as they were decided; those that the books must find are passed over.

        A row has the `limits` of a profile, by name, where they bind it at its fill.
        """
        decided = {str(row["session"]): row for row in ordered if row["order_id"] == f"{self._symbol}-{row['session']}"}
        delisted_at = self._tape.delisted_at(self._rules.execution.get("delisting_sessions", 5))
        for place, session in enumerate(self._tape.sessions):
            self._session = session
            self._before_open(place)
            bar = self._tape.bars.get(session)
            if bar is not None:
                self._trade(bar, decided.get(session))
            elif place == delisted_at:
                self._delist()
            self._value()
        if self._waiting is not None:
            self._end(self._waiting)
        self.orders.sort(key=lambda order: str(order["session"]))
        return self

    def _before_open(self, place: int) -> None:
        """Interest; then splits, with the rest of a share paid at the mark; then dividends, to the shares held before."""
        if place:
            self._cash_usd += self._cash_usd * (self._rules.cash_rate_per_year / 252)
        entitled = float(self._shares)
        for action in self._tape.actions.get(place, ()):
            if action.ratio is None:
                self._cash_usd += entitled * (action.cash_usd or 0.0)
                continue
            entitled *= action.ratio
            if self._waiting is not None:
                self._waiting["left"] = _rebased(self._waiting["left"], action.ratio)
            if self._mark_usd is not None:
                self._mark_usd, self._cost_usd = self._mark_usd / action.ratio, self._cost_usd / action.ratio
                exact, self._shares = self._shares * action.ratio, _rebased(self._shares, action.ratio)
                self._cash_usd += max(0.0, exact - self._shares) * self._mark_usd

    def _trade(self, bar: Bar, decided: Row | None) -> None:
        """A session with a bar: the open, what happens inside, the close, the decision."""
        self._rooms = dict.fromkeys((True, False), self._rules.room_shares(bar))
        if self._waiting is not None and self._rules.fill == "next_open":
            self._fill(self._waiting, bar.open_usd)
        if self._guard is not None and self._shares:
            self._exit_inside(bar, self._guard)
        if self._waiting is not None and self._rules.fill != "next_open" and str(self._waiting["session"]) < self._session:
            self._fill(self._waiting, bar.close_usd)
        self._mark_usd = bar.close_usd
        self._guard = self._exits.get(self._session, self._guard)
        if self._session in self._ended:
            self._end_purchase()
        if decided is not None:
            self._decide(self._order(decided), bar)

    def _decide(self, order: Order, bar: Bar) -> None:
        """A new order goes before one that waits, but only by force before an exit."""
        is_forced = order["forced"] and order["reason_code"] in FORCED
        if self._waiting is not None and self._waiting["is_exit"] and not order["forced"]:
            self._end(order, "denied")
            return
        if self._waiting is not None:
            self._end(self._waiting)
        self._waiting = order
        order["is_exit"] = is_forced
        if self._rules.fill == "same_close":
            self._fill(order, bar.close_usd)

    def _end_purchase(self) -> None:
        if self._waiting is not None and self._waiting["left"] > 0:
            self._end(self._waiting)

    def _exit_inside(self, bar: Bar, guard: Exits) -> None:
        is_selling = self._waiting is not None and self._waiting["is_exit"] and self._waiting["left"]
        found = None if is_selling else guard.inside(bar, self._cost_usd)
        if found is None:
            return
        count = min(self._shares, max(1, math.floor(self._shares * guard.sell_fraction)))
        order = self._forced("stop" if found[0] == "STOP_LOSS" else "target", found[0], count)
        order["is_exit"] = True
        self._fill(order, found[1])
        self._end_purchase()
        if order["status"]:
            return
        waiting = self._waiting
        if waiting is not None and waiting["left"] <= order["left"]:  # a sale that sells as much goes on in its place
            self._end(order)
            waiting["is_exit"] = True
            return
        if waiting is not None:
            self._end(waiting)
        self._waiting = order

    def _delist(self) -> None:
        if self._waiting is not None:
            self._end(self._waiting)
        if self._shares and self._mark_usd is not None:
            price_usd = self._mark_usd * (1 - self._rules.execution.get("delisting_haircut_fraction", 0.0))
            self._book(self._forced("delisted", "DELISTED", self._shares), -self._shares, price_usd, fee=0.0, slippage_usd=0.0)

    def _order(self, row: Row) -> Order:
        begun = {"shares_filled": 0, "fill_session": None, "is_cut": False, "is_exit": False, "status": ""}
        return {**row, **begun, "left": row["shares_ordered"]}

    def _forced(self, name: str, code: str, count: int) -> Order:
        order = {"session": self._session, "order_id": f"{self._symbol}-{self._session}-{name}", "reason_code": code, "forced": True}
        return self._order({**order, "shares_ordered": -count})

    def _fill(self, order: Order, quoted_usd: float) -> None:
        """Fill of an order what this price and this bar allow; one that they allow nothing of is over, and a purchase of a stranger."""
        if order["left"] > 0 and not self._tape.belongs(self._session):
            self._end(order)
            return
        fitting = self._fitting(order, order["left"], quoted_usd)
        if not fitting:
            self._end(order, "denied")
            return
        order["is_cut"] |= fitting != order["left"]
        order["left"] = fitting
        room = self._rooms[fitting > 0]
        if abs(fitting) > room:
            fitting = self._fitting(order, int(math.copysign(room, fitting)), quoted_usd)
        if fitting:
            price_usd = self._rules.price_usd(fitting, quoted_usd)
            slippage_usd = abs(fitting) * quoted_usd * self._rules.slippage_fraction
            self._book(order, fitting, price_usd, fee=self._rules.commission_usd(fitting, price_usd), slippage_usd=slippage_usd)

    def _fitting(self, order: Order, shares: int, quoted_usd: float) -> int:
        """What of an order the cash, the shares held and the limits allow at this price."""
        price_usd = self._rules.price_usd(shares, quoted_usd)
        if shares <= 0:
            sold = -min(-shares, self._shares)
            return sold if self._rules.is_paid(sold, price_usd, self._cash_usd) else 0
        position_usd = self._shares * quoted_usd
        equity_usd = self._cash_usd + position_usd
        limits, rules = order.get("limits", {}), self._rules
        weight, buffer = limits.get("maximum_weight_fraction", 1.0), limits.get("cash_buffer_fraction", 0.0)
        count = shares if rules.is_paid(shares, price_usd, self._cash_usd) else min(shares, rules.bought_for(self._cash_usd, price_usd))
        if weight < 1:
            count = min(count, rules.bought_for(weight * equity_usd - position_usd, price_usd))
        return min(count, rules.bought_for(self._cash_usd - buffer * equity_usd, price_usd)) if buffer > 0 else count

    def _book(self, order: Order, shares: int, price_usd: float, *, fee: float, slippage_usd: float) -> None:
        self._cash_usd = self._cash_usd - shares * price_usd - fee
        if shares > 0:
            self._cost_usd = (self._shares * self._cost_usd + shares * price_usd) / (self._shares + shares)
        self._shares += shares
        self._rooms[shares > 0] = self._rooms.get(shares > 0, math.inf) - abs(shares)
        order.update(left=order["left"] - shares, shares_filled=order["shares_filled"] + shares, fill_session=self._session)
        if not order["left"]:
            self._end(order, "cut" if order["is_cut"] else "filled")
        self.fills.append(
            {
                "session": self._session, "order_id": order["order_id"], "decision_session": str(order["session"]), "shares": shares,
                "price_usd": price_usd, "commission_usd": fee, "slippage_usd": slippage_usd,
            }
        )  # fmt: skip

    def _end(self, order: Order, status: str = "unfilled") -> None:
        """The order is over, its row is written. One that has filled in part is `partial`, whatever ended it."""
        is_whole = status in ("filled", "cut")
        order["status"] = status if is_whole or not order["shares_filled"] else "partial"
        columns = ("session", "order_id", "reason_code", "shares_ordered", "shares_filled", "status", "fill_session")
        self.orders.append({**{name: order[name] for name in columns}, "session": str(order["session"])})
        if order is self._waiting:
            self._waiting = None

    def _value(self) -> None:
        held_usd = self._shares * self._mark_usd if self._mark_usd is not None else 0.0
        self.equity.append(
            {
                "session": self._session, "equity_usd": self._cash_usd + held_usd, "cash_usd": self._cash_usd, "shares": self._shares,
                "close_usd": self._mark_usd,
            }
        )  # fmt: skip


def _rebased(shares: int, ratio: float) -> int:
    """Whole shares after a split, towards zero."""
    return int(math.copysign(math.floor(abs(shares) * ratio + WHOLE_SHARES), shares))
