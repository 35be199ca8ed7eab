"""Rows of one run kept in memory: for baselines, whose files are written when they are complete."""

from __future__ import annotations

from datetime import date

from tradinggroup.backtest.sink import Row, RowKind


class MemorySink:
    """A `RunSink` that keeps every row in the order it came. For one account, so for one thread."""

    def __init__(self) -> None:
        self.rows: dict[RowKind, list[Row]] = {kind: [] for kind in RowKind}
        self.finished: list[date] = []
        self.complete = False

    def row(self, kind: RowKind, session: date, symbol: str, row: Row) -> None:  # noqa: ARG002 (the port's signature)
        """Keep the row."""
        self.rows[kind].append(row)

    def session_done(self, symbol: str, session: date) -> None:  # noqa: ARG002 (the port's signature)
        """Note that nothing more comes for this session."""
        self.finished.append(session)

    def symbol_done(self, symbol: str) -> None:  # noqa: ARG002 (the port's signature)
        """Note that nothing more comes at all."""
        self.complete = True
