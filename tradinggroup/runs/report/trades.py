"""Trades on the price charts, and as a table."""

from __future__ import annotations

from tradinggroup.runs.figures import NONE, counted, number, percent, usd
from tradinggroup.runs.folder import Line
from tradinggroup.runs.report.charts_price import legend, price_chart
from tradinggroup.runs.report.html import Child, Html, joined, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import decision_link, nothing, remark, section, table
from tradinggroup.runs.text.trades import exit_text

OPENED_CHARTS = 6
"""Charts that are unfolded at first; of a run with more symbols the others are folded."""
HEADS = ("symbol", "entry", "exit", "style", "shares", "in", "out", "profit, USD", "return", "sessions", "why it ended")


def trades(material: Material) -> Html:
    """A chart a symbol, then the round trips, latest last."""
    drawn = [(symbol, made) for symbol in sorted(material.run.symbols) if (made := price_chart(material, symbol)) is not None]
    charts = [
        tag(
            "details",
            tag("summary", tag("b", symbol), " ", tag("span", _summary(material, symbol), class_="muted")),
            made,
            open="" if place < OPENED_CHARTS else None,
        )
        for place, (symbol, made) in enumerate(drawn)
    ]
    entries = {(fill["symbol"], fill["session"]): fill["decision_session"] for fill in material.fills if fill["shares"] > 0}
    sales = {(fill["symbol"], fill["session"]): fill["decision_session"] for fill in material.fills if fill["shares"] < 0}
    rows = [_row(material, trade, entries, sales) for trade in material.trades]
    if not material.fills and not material.trades:
        note = nothing("No order was filled, so there is no trade.")
    else:
        note = table(HEADS, rows, left=4) if rows else remark("No round trip ended, and a run that did not end lists no open position.")
    return section("trades", "Trades", legend() if material.fills else None, charts, tag("h3", "Round trips") if rows else None, note)


def _summary(material: Material, symbol: str) -> str:
    fills = sum(fill["symbol"] == symbol for fill in material.fills)
    return f"{percent(material.figures(None, symbol).get('total_return_fraction'))}, {counted(fills, 'fill')}"


def _row(material: Material, trade: Line, entries: dict[tuple[str, str], str], sales: dict[tuple[str, str], str]) -> list[Child]:
    symbol = trade["symbol"]
    return [
        symbol,
        _linked(material, symbol, trade["entry_session"], entries),
        _linked(material, symbol, trade["exit_session"], sales) if trade["exit_session"] else "open",
        trade["entry_style"],
        number(trade["shares"]),
        usd(trade["entry_price_usd"]),
        usd(trade["exit_price_usd"]),
        usd(trade["profit_usd"], decimals=0, signed=True),
        percent(trade["return_fraction"], decimals=1),
        number(trade["sessions_held"]),
        exit_text(trade["exit_reason"]),
    ]


def _linked(material: Material, symbol: str, session: str, decided: dict[tuple[str, str], str]) -> Html:
    """The session of a fill, leading to the decision behind it."""
    found = decided.get((symbol, session))
    return decision_link(material, symbol, found, session) if found else joined([session or NONE])
