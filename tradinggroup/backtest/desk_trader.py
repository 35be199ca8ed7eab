"""The agents as a trader: what the desk decides, as an order; what it learned, as rows."""

from __future__ import annotations

from datetime import date
from threading import Event

from tradinggroup.backtest.sink import RowKind, RunSink
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.desk.symbol_desk import DeskResult, SymbolDesk
from tradinggroup.risk.account import Account
from tradinggroup.risk.exits import ExitRules


class StoppedError(Exception):
    """The run was asked to stop; this symbol's thread ends at its next session."""


class DeskTrader:
    """Adapts one symbol's desk to the engine. Its rows reach the sink in one fixed order a session.

    Attributes:
        exits: stop and target that the last decision set, for a run with exits inside the bar; None without any.
    """

    def __init__(self, desk: SymbolDesk, *, symbol: str, sink: RunSink, stop: Event) -> None:
        self._desk = desk
        self._symbol = symbol
        self._sink = sink
        self._stop = stop
        self.exits: ExitRules | None = None

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        """Ask the desk at the close of `session`. Raises StoppedError once the run was asked to stop."""
        if self._stop.is_set():
            raise StoppedError
        if not self._desk.has_decision(session):
            return None
        result = self._desk.decide(session, account)
        self._send(session, result)
        self.exits = result.rules.exits(result.state["thresholds"])
        return _intent(result)

    def _send(self, session: date, result: DeskResult) -> None:
        for outcome in result.outcomes:
            self._sink.row(RowKind.OUTCOME, session, self._symbol, outcome)
        for lesson in result.lessons:
            self._sink.row(RowKind.REFLECTION, session, self._symbol, lesson.to_line())
        self._sink.row(RowKind.DECISION, session, self._symbol, result.line)


def _intent(result: DeskResult) -> OrderIntent | None:
    sizing = result.state["sizing"]
    if not sizing.shares and sizing.ends_purchase is None:
        return None
    return OrderIntent(
        shares=sizing.shares,
        wanted_shares=sizing.wanted_shares,
        action=sizing.action,
        style=result.state["style"].style,
        code=sizing.verdict.code,
        forced=result.state["forced_exit"] is not None,
        limits=result.rules.profile.limits,
        ends_purchase=sizing.ends_purchase,
    )
