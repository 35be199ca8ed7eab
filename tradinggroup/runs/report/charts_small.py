"""Small charts: an interval in a cell, a calibration curve, a cost waterfall."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tradinggroup.runs.figures import counted, percent, usd
from tradinggroup.runs.report.html import Html, tag
from tradinggroup.runs.report.svg import Plot, Scale, chart, line

CELL_WIDTH, CELL_HEIGHT = 120, 16
CALIBRATION_SIDE = 300
SMALLEST_USD = 0.005
"""Amounts below it have no sign: they print as nothing."""


def interval_mark(mean: float, low: float | None, high: float | None, *, widest: float) -> Html:
    """A dot with its interval on a line from -`widest` to `widest`, zero in the middle; hollow without an interval."""
    scale = Scale(-widest, widest, 4, CELL_WIDTH - 4)

    def at(value: float) -> str:
        return f"{scale.at(max(-widest, min(widest, value))):.1f}"

    bar = tag("path", d=f"M{at(low)} 8H{at(high)}", class_="whisker") if low is not None and high is not None else None
    dot = tag("circle", cx=at(mean), cy=8, r=3.2, class_="dot" if bar is not None else "dot hollow")
    zero = tag("path", d=f"M{CELL_WIDTH // 2} 1V15", class_="grid")
    return tag("svg", zero, bar, dot, viewBox=f"0 0 {CELL_WIDTH} {CELL_HEIGHT}", class_="cell", aria_hidden="true")


def calibration_chart(name: str, bins: Sequence[Mapping[str, Any]]) -> Html:
    """How often a class came (up) by the probability it was given (across); a dot a bin, larger where more forecasts lie."""
    side, edge = CALIBRATION_SIDE, 40
    plot = Plot(Scale(0, 1, edge + 4, side - 20), Scale(0, 1, side - edge, 10))
    most = max(each["count"] for each in bins)
    dots = [
        tag(
            "circle",
            tag("title", _bin_text(each)),
            cx=f"{plot.across.at(each['mean_probability']):.1f}",
            cy=f"{plot.upward.at(each['observed_fraction']):.1f}",
            r=f"{3 + 7 * (each['count'] / most) ** 0.5:.1f}",
            class_="bin",
        )
        for each in bins
    ]
    curve = line([(plot.across.at(each["mean_probability"]), plot.upward.at(each["observed_fraction"])) for each in bins], "s-agents thin")
    ticks = [0, 0.25, 0.5, 0.75, 1]
    frame = [
        *plot.grid(ticks, "{:.0%}"),
        *(tag("text", f"{tick:.0%}", x=f"{plot.across.at(tick):.0f}", y=side - edge + 18, class_="middle") for tick in ticks),
        line([(plot.across.at(0), plot.upward.at(0)), (plot.across.at(1), plot.upward.at(1))], "ideal"),
        tag("text", "stated probability", x=f"{plot.across.at(0.5):.0f}", y=side - 6, class_="middle"),
    ]
    said = "; ".join(map(_bin_text, bins))
    drawn = chart(side, side, f"Calibration: {name}", said, frame, curve, dots)
    return tag("figure", tag("figcaption", name), drawn)


def _bin_text(each: Mapping[str, Any]) -> str:
    said, came = (percent(each[name], decimals=0, signed=False) for name in ("mean_probability", "observed_fraction"))
    return f"{counted(each['count'], 'forecast')} of about {said}: came {came} of the time"


def waterfall_chart(steps: Sequence[tuple[str, float, bool]]) -> Html:
    """Bars from gross to net, in USD: (name, amount, whether it is a level and no step). A step starts where the last one ended."""
    width, row = 720, 30
    bars = list(_bars(steps))
    ends = [0.0, *(place for _, start, stop, _ in bars for place in (start, stop))]
    low, high = min(ends), max(ends)
    scale = Scale(low, high, 190, width - 130)
    parts = []
    for place, (name, start, stop, amount) in enumerate(bars):
        left, right = sorted((scale.at(start), scale.at(stop)))
        y = 8 + place * row
        is_level = steps[place][2]
        parts += [
            tag("text", name, x=178, y=y + 15, class_="end"),
            tag(
                "rect",
                tag("title", f"{name} {_amount(amount)} USD"),
                x=f"{left:.1f}",
                y=y,
                width=f"{max(1.5, right - left):.1f}",
                height=row - 9,
                class_="level" if is_level else "gain" if amount > 0 else "cost",
            ),
            tag("text", _amount(amount), x=f"{right + 8:.1f}", y=y + 15, class_="figure"),
        ]
    said = ", ".join(f"{name} {_amount(amount)} USD" for name, amount, _ in steps)
    zero = tag("line", x1=f"{scale.at(0):.1f}", x2=f"{scale.at(0):.1f}", y1=2, y2=8 + row * len(bars), class_="zero")
    return chart(width, 14 + row * len(bars), "From gross to net", said, zero, parts, class_="waterfall")


def _amount(amount_usd: float) -> str:
    return usd(amount_usd, signed=True).lstrip("+-") if abs(amount_usd) < SMALLEST_USD else usd(amount_usd, signed=True)


def _bars(steps: Sequence[tuple[str, float, bool]]) -> Iterator[tuple[str, float, float, float]]:
    """(name, start, end, amount) of each bar."""
    reached = 0.0
    for name, amount, is_level in steps:
        start, stop = (0.0, amount) if is_level else (reached, reached + amount)
        reached = stop
        yield name, start, stop, amount
