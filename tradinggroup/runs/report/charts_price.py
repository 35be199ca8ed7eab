"""The closes of one symbol with every fill on them; each fill links to its decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from tradinggroup.runs.figures import counted, usd
from tradinggroup.runs.folder import Line
from tradinggroup.runs.report.html import Html, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import decision_link
from tradinggroup.runs.report.svg import Plot, chart, line, plot_of, ticks_of

WIDTH, HEIGHT = 1080, 250
LEFT, RIGHT, TOP, BOTTOM = 62, 1066, 12, 218
LEAST_SPLIT_RATIO = 1.2
MARKS = {
    "buy": "M0 -7L6 5L-6 5Z",
    "sell": "M0 7L6 -5L-6 -5Z",
    "forced": "M0 7L6 0L0 -7L-6 0Z",
}
"""Shapes, so that colour alone tells nothing: up, down, and a diamond for what the risk layer sold."""


def price_chart(material: Material, symbol: str) -> Html | None:
    """The chart, or None where the symbol has no close."""
    rows = [row for row in material.equity if row["symbol"] == symbol and row["close_usd"] is not None]
    if not rows:
        return None
    places = {row["session"]: place for place, row in enumerate(rows)}
    fills = [fill for fill in material.fills if fill["symbol"] == symbol and fill["session"] in places]
    factors = split_factors(rows, material.outcomes)
    drawn_usd = [row["close_usd"] * factors[row["session"]] for row in rows]
    values = [*drawn_usd, *(fill["price_usd"] * factors[fill["session"]] for fill in fills)]
    plot = plot_of(len(rows), values, left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM, margin=0.09)
    sessions = [row["session"] for row in rows]
    closes = plot.points(list(enumerate(drawn_usd)))
    parts = [
        *_held(plot, rows),
        *plot.grid(ticks_of(plot.upward.low, plot.upward.high, count=4), "{:,g}"),
        line(closes, "s-price"),
        plot.hover([f"{row['session']}: close {usd(row['close_usd'])} USD, {counted(row['shares'], 'share')} held" for row in rows]),
        *_marks(material, plot, places, fills, factors),
        *plot.months(sessions),
    ]
    kinds = [kind_of(material, fill) for fill in fills]
    counts = f"{kinds.count('buy')} purchases, {kinds.count('sell')} sales and {kinds.count('forced')} forced sales"
    said = f"{symbol} closes from {sessions[0]} to {sessions[-1]} with {counts}."
    return chart(WIDTH, HEIGHT, f"{symbol}: closes and fills", said, parts)


def split_factors(rows: Sequence[Line], outcomes: Sequence[Line]) -> dict[str, float]:
    """Session -> what its prices are multiplied by, so that all are on the scale of the last one.

    A close that moved otherwise than the return of the outcome, which knows splits, by more than any dividend would explain is a split.
    """
    symbol = rows[0]["symbol"]
    changes = {
        line["decision_session"]: line["return_fraction"]
        for line in outcomes
        if line["symbol"] == symbol and line["kind"] == "forecast" and line["return_fraction"] is not None
    }
    factors = {rows[-1]["session"]: 1.0}
    for row, following in reversed(list(pairwise(rows))):
        expected = row["close_usd"] * (1 + changes.get(row["session"], following["close_usd"] / row["close_usd"] - 1))
        ratio = following["close_usd"] / expected if expected > 0 else 1.0
        is_split = not 1 / LEAST_SPLIT_RATIO < ratio < LEAST_SPLIT_RATIO
        factors[row["session"]] = factors[following["session"]] * (ratio if is_split else 1.0)
    return factors


def kind_of(material: Material, fill: Line) -> str:
    """`buy`, `sell`, or `forced` for a sale by the risk layer."""
    if fill["shares"] > 0:
        return "buy"
    return "forced" if (material.order_of.get(fill["order_id"]) or {}).get("forced") else "sell"


def legend() -> Html:
    """What the marks and the shade mean."""
    texts = {"buy": "bought", "sell": "sold", "forced": "sold by the risk layer"}
    marks = [
        tag(
            "span",
            tag("svg", tag("path", d=MARKS[kind], class_=f"mark {kind}"), viewBox="-8 -8 16 16", class_="key", aria_hidden="true"),
            text,
        )
        for kind, text in texts.items()
    ]
    return tag(
        "p",
        marks,
        tag("span", tag("span", class_="key shade"), "held"),
        tag("span", "each mark leads to its decision; prices before a split are drawn on the scale after it"),
        class_="legend",
    )


def _held(plot: Plot, rows: Sequence[Line]) -> Iterator[Html]:
    """Shades over the sessions at whose close there was a position, one a stretch."""
    start: int | None = None
    for place, (row, following) in enumerate(pairwise([*rows, {"shares": 0}])):
        if row["shares"] and start is None:
            start = place
        if start is not None and not following["shares"]:
            x, end = plot.across.at(start), plot.across.at(min(place + 1, len(rows) - 1))
            yield tag("rect", x=f"{x:.1f}", y=TOP, width=f"{max(1.0, end - x):.1f}", height=BOTTOM - TOP, class_="held")
            start = None


def _marks(
    material: Material, plot: Plot, places: Mapping[str, int], fills: Sequence[Line], factors: Mapping[str, float]
) -> Iterator[Html]:
    for fill in fills:
        kind = kind_of(material, fill)
        x, y = plot.across.at(places[fill["session"]]), plot.upward.at(fill["price_usd"] * factors[fill["session"]])
        mark = tag(
            "path", tag("title", _fill_text(material, fill)), d=MARKS[kind], transform=f"translate({x:.1f} {y:.1f})", class_=f"mark {kind}"
        )
        yield decision_link(material, fill["symbol"], fill["decision_session"], mark)


def _fill_text(material: Material, fill: Line) -> str:
    order = material.order_of.get(fill["order_id"]) or {}
    verb = {"buy": "bought", "sell": "sold", "forced": "sold by force"}[kind_of(material, fill)]
    return (
        f"{fill['session']}: {verb} {counted(abs(fill['shares']), 'share')} at {usd(fill['price_usd'])} USD, "
        f"decided {fill['decision_session']} ({order.get('style', '-')}, {order.get('reason_code', '-')})"
    )
