"""The round trips of a run."""

from __future__ import annotations

import math

from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.runs.figures import NONE, columns, counted, number, percent, usd
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.text_warnings import with_warnings


def text_trades(run: RunFolder, *, symbol: str | None = None) -> str:
    """One line a trade, by exit; an open position stands at the last close."""
    trades = [trade for trade in run.trades() if symbol in {None, trade["symbol"]}]
    if not trades:
        return with_warnings(run, f"no trades{f' of {symbol}' if symbol else ''}")
    heading = ["symbol", "entry", "exit", "shares", "in", "out", "profit", "return", "why"]
    table = columns([heading, *map(_row, trades)])
    return with_warnings(run, f"{table}\n\n{_totals(trades)}")


def _row(trade: Line) -> list[str]:
    return [
        trade["symbol"],
        trade["entry_session"],
        trade["exit_session"] or "open",
        number(trade["shares"]),
        usd(trade["entry_price_usd"]),
        usd(trade["exit_price_usd"]),
        usd(trade["profit_usd"], decimals=0, signed=True),
        percent(trade["return_fraction"], decimals=1),
        _why(trade["exit_reason"]),
    ]


def _why(reason: str | None) -> str:
    """A forced exit by its code; `agent` where the decision agent sold."""
    return NONE if reason is None else "agent" if reason == ReasonCode.ALLOWED else reason.lower().replace("_", " ")


def _totals(trades: list[Line]) -> str:
    closed = [trade for trade in trades if trade["status"] == "closed"]
    won = [trade for trade in closed if trade["profit_usd"] > 0]
    lines = [
        f"{counted(len(closed), 'round trip')}, {len(won)} with a profit, {counted(len(trades) - len(closed), 'position')} still open",
        f"profit {usd(math.fsum(trade['profit_usd'] for trade in trades), signed=True)} USD after commission of "
        f"{usd(math.fsum(trade['commission_usd'] for trade in trades))} USD",
    ]
    return "\n".join(lines)
