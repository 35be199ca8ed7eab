"""Where a backtest sends its rows while it goes.

The engine knows nothing of files. `runs/` implements this port and keeps the rows in their order: by session, then symbol,
whatever the threads of the symbols do. Every row is a plain mapping whose keys are the documented columns of its file.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

Row = Mapping[str, Any]


class RowKind(StrEnum):
    """The row-wise files of a run folder that a backtest writes."""

    DECISION = "decisions.jsonl"
    ORDER = "orders.csv"
    FILL = "fills.csv"
    TRADE = "trades.csv"
    EQUITY = "equity.csv"
    OUTCOME = "outcomes.jsonl"
    REFLECTION = "reflections.jsonl"


COLUMNS: dict[RowKind, tuple[str, ...]] = {
    RowKind.ORDER: (
        "session", "symbol", "order_id", "action", "style", "reason_code", "forced", "shares_wanted", "shares_ordered",
        "shares_filled", "status", "fill_session", "fill_reason_code",
    ),
    RowKind.FILL: ("session", "symbol", "order_id", "decision_session", "shares", "price_usd", "commission_usd", "slippage_usd"),
    RowKind.TRADE: (
        "session", "symbol", "entry_session", "exit_session", "status", "shares", "entry_price_usd", "exit_price_usd",
        "commission_usd", "profit_usd", "return_fraction", "sessions_held", "entry_style", "exit_reason",
    ),
    RowKind.EQUITY: ("session", "symbol", "equity_usd", "cash_usd", "shares", "close_usd"),
}  # fmt: skip
"""Columns of the CSV files, in order. `session` is the one that a row is ordered by: of the decision for an order, of the
fill for a fill, of the exit (or the last session, if open) for a trade."""

BAND_COLUMNS = ("session", "q05_usd", "q25_usd", "q50_usd", "q75_usd", "q95_usd")
"""Columns of `baselines/random/band.csv`: equity of ALL that so many percent of the random draws do not pass."""


class RunSink(Protocol):
    """Receives rows from the threads of the symbols; every call is thread-safe."""

    def row(self, kind: RowKind, session: date, symbol: str, row: Row) -> None:
        """Take one row. It may be held back until every earlier row of its file is there."""
        ...

    def session_done(self, symbol: str, session: date) -> None:
        """This symbol sends no more rows for `session` or any earlier one, orders of `session` aside (they end at their fill)."""
        ...

    def symbol_done(self, symbol: str) -> None:
        """This symbol sends no more rows at all."""
        ...
