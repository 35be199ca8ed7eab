"""The book of trades: one round trip of an account from its first share to its last (average cost).

A trade opens when the shares go from 0 and closes when they are back at 0; purchases and partial sales in between are part of it.
Prices are those of the fills. After a split inside a trade everything is kept on the new scale, so that entry and exit can
be compared; the money of a trade (`profit_usd`) is the same on every scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tradinggroup.backtest.sink import Row
from tradinggroup.risk.rebasing import rebase_shares

CASH_IN_LIEU = "CASH_IN_LIEU"
"""Exit reason of a position that a reverse split left without one whole share."""


@dataclass(slots=True)
class _OpenTrade:
    entry_session: date
    entry_position: int
    entry_style: str | None
    held_shares: int = 0
    most_shares: int = 0
    bought_shares: float = 0.0
    bought_usd: float = 0.0
    sold_shares: float = 0.0
    sold_usd: float = 0.0
    commission_usd: float = 0.0
    dividends_usd: float = 0.0


class TradeBook:
    """Follows the fills of one account. A session is told by its date and its position in the window."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._trade: _OpenTrade | None = None

    def fill(
        self,
        session: date,
        position: int,
        *,
        shares: int,
        price_usd: float,
        commission_usd: float,
        style: str | None,
        reason: str,
    ) -> Row | None:
        """Take a fill of signed shares; the row of the trade that it closes, else None."""
        trade = self._trade
        if trade is None:
            trade = self._trade = _OpenTrade(session, position, style)
        trade.commission_usd += commission_usd
        trade.held_shares += shares
        trade.most_shares = max(trade.most_shares, trade.held_shares)
        if shares > 0:
            trade.bought_shares += shares
            trade.bought_usd += shares * price_usd
        else:
            trade.sold_shares -= shares
            trade.sold_usd -= shares * price_usd
        return None if trade.held_shares else self._close(session, position, reason)

    def sessions_held(self, position: int) -> int | None:
        """Sessions from the first fill of the open position to the one at `position`; None when flat."""
        return None if self._trade is None else position - self._trade.entry_position

    def dividend(self, usd: float) -> None:
        """Cash paid to the shares held."""
        if self._trade is not None:
            self._trade.dividends_usd += usd

    def split(self, session: date, position: int, *, ratio: float, shares: int, rest_shares: float, rest_usd: float) -> Row | None:
        """Go to the new scale: `shares` whole ones are left, `rest_shares` were paid out for `rest_usd`, which counts as a sale.

        Returns the trade's row where no whole share is left, else None.
        """
        trade = self._trade
        if trade is None:
            return None
        trade.bought_shares *= ratio
        trade.sold_shares = trade.sold_shares * ratio + rest_shares
        trade.sold_usd += rest_usd
        trade.held_shares = shares
        trade.most_shares = max(shares, rebase_shares(trade.most_shares, ratio))
        return None if shares else self._close(session, position, CASH_IN_LIEU)

    def open_row(self, session: date, position: int, *, close_usd: float) -> Row | None:
        """The row of the trade that is still open at the end, its held shares valued at `close_usd`; None when flat."""
        trade = self._trade
        if trade is None:
            return None
        marked_usd = trade.sold_usd + trade.held_shares * close_usd
        return self._row(trade, session, position, status="open", out_usd=marked_usd, reason=None)

    def _close(self, session: date, position: int, reason: str) -> Row:
        trade, self._trade = self._trade, None
        assert trade is not None
        return self._row(trade, session, position, status="closed", out_usd=trade.sold_usd, reason=reason)

    def _row(self, trade: _OpenTrade, session: date, position: int, *, status: str, out_usd: float, reason: str | None) -> Row:
        out_shares = trade.sold_shares + trade.held_shares
        profit_usd = out_usd - trade.bought_usd - trade.commission_usd + trade.dividends_usd
        return {
            "session": session,
            "symbol": self._symbol,
            "entry_session": trade.entry_session,
            "exit_session": session if status == "closed" else None,
            "status": status,
            "shares": trade.most_shares,
            "entry_price_usd": trade.bought_usd / trade.bought_shares,
            "exit_price_usd": out_usd / out_shares,
            "commission_usd": trade.commission_usd,
            "profit_usd": profit_usd,
            "return_fraction": profit_usd / trade.bought_usd,
            "sessions_held": position - trade.entry_position,
            "entry_style": trade.entry_style,
            "exit_reason": reason,
        }
