"""The round trips of a run."""

from __future__ import annotations

import math

from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.runs.figures import NONE, columns, counted, number, percent, usd, wrapped
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.text.warnings import with_warnings

ENDED = ("success", "invalid")
"""Statuses of a run that reached its last session, where the open positions were written."""


def text_trades(run: RunFolder, *, symbol: str | None = None) -> str:
    """One line a trade, by exit; an open position stands at the last close. A run that did not end has no rows of its open ones."""
    held = [] if run.status in ENDED else _held(run, symbol)
    trades = [trade for trade in run.trades() if symbol in {None, trade["symbol"]}]
    if not trades:
        return with_warnings(run, "\n".join([f"no trades{f' of {symbol}' if symbol else ''}", *held]))
    heading = ["symbol", "entry", "exit", "shares", "in", "out", "profit", "return", "why"]
    table = columns([heading, *map(_row, trades)])
    return with_warnings(run, f"{table}\n\n{_totals(trades, held)}")


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
        exit_text(trade["exit_reason"]),
    ]


def exit_text(reason: str | None) -> str:
    """A forced exit by its code; `agent` where the decision agent sold."""
    return NONE if reason is None else "agent" if reason == ReasonCode.ALLOWED else reason.lower().replace("_", " ")


def _held(run: RunFolder, symbol: str | None) -> list[str]:
    """What the last lines of `equity.csv` hold, for a run whose open positions were not written yet."""
    last = {row["symbol"]: row for row in run.equity() if symbol in {None, row["symbol"]}}
    held = [row for row in last.values() if row["shares"]]
    each = ", ".join(f"{row['symbol']} {counted(row['shares'], 'share')} at the close of {row['session']}" for row in held)
    return wrapped(f"{counted(len(held), 'position')} still open: {each}" if held else "no position still open")


def _totals(trades: list[Line], held: list[str]) -> str:
    closed = [trade for trade in trades if trade["status"] == "closed"]
    won = [trade for trade in closed if trade["profit_usd"] > 0]
    open_positions = "" if held else f", {counted(len(trades) - len(closed), 'position')} still open"
    lines = [
        f"{counted(len(closed), 'round trip')}, {len(won)} with a profit{open_positions}",
        *held,
        f"profit {usd(math.fsum(trade['profit_usd'] for trade in trades), signed=True)} USD after commission of "
        f"{usd(math.fsum(trade['commission_usd'] for trade in trades))} USD",
    ]
    return "\n".join(lines)
