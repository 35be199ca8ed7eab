"""A small writer of SVG charts: scales, ticks, lines, areas. Colours come from the page's style, by class, and follow its theme."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tradinggroup.runs.report.html import Child, Html, tag

Point = tuple[float, float]
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LEAST_LABEL_GAP = 15.0


@dataclass(frozen=True, slots=True)
class Scale:
    """From values to places on the page."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where a value stands; the middle where low and high are the same."""
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Plot:
    """A rectangle with one place a session across and values upward."""

    across: Scale
    upward: Scale

    def points(self, values: Sequence[tuple[int, float]]) -> list[Point]:
        """(place of the session, value) on the page."""
        return [(self.across.at(place), self.upward.at(value)) for place, value in values]

    def grid(self, ticks: Sequence[float], label: str = "{:+.0%}") -> Iterator[Html]:
        """Horizontal lines with their labels, zero stronger."""
        for tick in ticks:
            y = self.upward.at(tick)
            yield tag("line", x1=_n(self.across.start), x2=_n(self.across.end), y1=_n(y), y2=_n(y), class_="zero" if tick == 0 else "grid")
            text = label.format(tick) if tick else label.format(tick).lstrip("+-")
            yield tag("text", text, x=_n(self.across.start - 8), y=_n(y + 4), class_="end")

    def months(self, sessions: Sequence[str]) -> Iterator[Html]:
        """Labels below, at the first session of a month; fewer where there are many months."""
        firsts = [place for place, day in enumerate(sessions) if place == 0 or day[:7] != sessions[place - 1][:7]]
        step = max(1, math.ceil(len(firsts) / 13))
        previous_x, year = -math.inf, ""
        for place in firsts[::step]:
            x, day = self.across.at(place), sessions[place]
            if x - previous_x < 28:
                continue
            name = MONTHS[int(day[5:7]) - 1]
            text = name if day[:4] == year else f"{name} {day[:4]}"
            yield tag("text", text, x=_n(x), y=_n(self.upward.start + 18))
            previous_x, year = x + (32 if len(text) > 3 else 0), day[:4]

    def hover(self, texts: Sequence[str]) -> Html:
        """A strip a session, unseen, that shows its text and a line under the pointer."""
        width = (self.across.end - self.across.start) / max(1, len(texts) - 1)
        top, height = self.upward.end, self.upward.start - self.upward.end
        strips = (
            tag("rect", tag("title", text), x=_n(self.across.at(place) - width / 2), y=_n(top), width=_n(width), height=_n(height))
            for place, text in enumerate(texts)
        )
        return tag("g", strips, class_="hover")


def plot_of(count: int, values: Sequence[float], *, left: float, right: float, top: float, bottom: float, margin: float = 0.06) -> Plot:
    """A plot of `count` sessions that holds all `values`, with some air."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    air = (high - low or abs(high) or 1.0) * margin
    return Plot(Scale(0, max(1, count - 1), left, right), Scale(low - air, high + air, bottom, top))


def chart(width: int, height: int, title: str, description: str, *children: Child, class_: str = "") -> Html:
    """An SVG with its text alternative, in a box that scrolls where the screen is narrower than the chart."""
    drawn = tag(
        "svg", tag("title", title), tag("desc", description), children, viewBox=f"0 0 {width} {height}", role="img", class_=class_ or None
    )
    return tag("div", drawn, class_="chart")


def line(points: Sequence[Point], class_: str) -> Html:
    """A line through the points."""
    return tag("path", d=_path(points), class_=f"line {class_}")


def area(upper: Sequence[Point], lower: Sequence[Point], class_: str) -> Html:
    """The area between two lines."""
    return tag("path", d=f"{_path([*upper, *reversed(lower)])}Z", class_=class_)


def ticks_of(low: float, high: float, *, count: int = 5) -> list[float]:
    """Round values between `low` and `high`, about `count` of them."""
    if high <= low:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first = math.ceil(low / step)
    return [round(step * place, 10) for place in range(first, math.floor(high / step) + 1)]


def spread(wanted: Sequence[float], *, gap: float = LEAST_LABEL_GAP, low: float, high: float) -> list[float]:
    """Places of labels near where they are wanted, at least `gap` apart, in the same order from top to bottom."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed: dict[int, float] = {}
    previous = low - gap
    for index in order:
        previous = placed[index] = max(wanted[index], previous + gap)
    following = high + gap
    for index in reversed(order):
        following = placed[index] = min(placed[index], following - gap)
    return [placed[index] for index in range(len(wanted))]


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points) if points else ""


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
