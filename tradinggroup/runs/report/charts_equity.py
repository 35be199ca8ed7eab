"""Equity of the agents beside the baselines and the band of random runs, with the drawdowns below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from tradinggroup.runs.figures import percent
from tradinggroup.runs.folder import Line
from tradinggroup.runs.report.html import Html, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.svg import Plot, area, chart, line, plot_of, spread, ticks_of

WIDTH, HEIGHT = 1080, 520
LEFT, RIGHT = 62, 872
EQUITY_BOTTOM, DRAWDOWN_TOP, BOTTOM = 330, 372, 484
AGENTS = "agents"
DRAWN_AS_BAND = "random"
Path = Mapping[str, float]
"""Session -> return since the opening cash."""


def equity_chart(material: Material) -> Html | None:
    """The chart, or None where nothing reached a close."""
    paths = return_paths(material)
    if not paths:
        return None
    sessions = sorted({session for path in paths.values() for session in path})
    places = {session: place for place, session in enumerate(sessions)}
    opening_usd = _opening_usd(material)
    band = [row for row in material.band if row["session"] in places]
    limits = [value for path in paths.values() for value in path.values()]
    limits += [row[column] / opening_usd - 1 for row in band for column in ("q05_usd", "q95_usd")]
    plot = plot_of(len(sessions), limits, left=LEFT, right=RIGHT, top=14, bottom=EQUITY_BOTTOM)
    parts = [
        *plot.grid(ticks_of(plot.upward.low, plot.upward.high)),
        *_band(plot, band, places, opening_usd),
        *(
            line(plot.points([(places[session], value) for session, value in path.items()]), f"s-{name}")
            for name, path in reversed(list(paths.items()))
        ),
        *_labels(plot, paths, {}),
        *_drawdowns(paths, sessions, places),
        plot.hover([_hover_text(session, paths) for session in sessions]),
    ]
    last = ", ".join(f"{_spoken(name)} {percent(path[max(path)])}" for name, path in paths.items())
    return chart(WIDTH, HEIGHT, "Return since the opening cash, and drawdown", f"From {sessions[0]} to {sessions[-1]}: {last}.", parts)


def returns_chart(paths: Mapping[str, Path], styles: Mapping[str, str]) -> Html | None:
    """Returns since the opening cash of several runs, each in the colour of the baseline or of the agents that `styles` names."""
    sessions = sorted({session for path in paths.values() for session in path})
    if not sessions:
        return None
    places = {session: place for place, session in enumerate(sessions)}
    values = [value for path in paths.values() for value in path.values()]
    plot = plot_of(len(sessions), values, left=LEFT, right=RIGHT, top=14, bottom=EQUITY_BOTTOM)
    parts = [
        *plot.grid(ticks_of(plot.upward.low, plot.upward.high)),
        *(
            line(plot.points([(places[session], value) for session, value in path.items()]), f"s-{styles[name]}")
            for name, path in reversed(list(paths.items()))
        ),
        *_labels(plot, paths, styles),
        *plot.months(sessions),
        plot.hover([_hover_text(session, paths) for session in sessions]),
    ]
    said = ", ".join(f"{name} {percent(path[max(path)])}" for name, path in paths.items())
    return chart(WIDTH, EQUITY_BOTTOM + 30, "Return since the opening cash", f"From {sessions[0]} to {sessions[-1]}: {said}.", parts)


def return_paths(material: Material) -> dict[str, Path]:
    """The agents' and each baseline's return of ALL by session; baselines without every symbol, and the random mean, are left out."""
    symbols, opening_usd = len(material.run.symbols), _opening_usd(material)
    found = {AGENTS: _path(material.equity, opening_usd, symbols)} | {
        name: _path(rows, opening_usd, symbols) for name, rows in material.baselines.items() if name != DRAWN_AS_BAND or not material.band
    }
    return {name: path for name, path in found.items() if path}


def drawdowns(values: Iterable[float]) -> list[float]:
    """Of returns since the start: equity over its highest so far, less one."""
    equity = [1 + value for value in values]
    return [value / peak - 1 if peak > 0 else -1.0 for value, peak in zip(equity, accumulate(equity, max), strict=True)]


def _opening_usd(material: Material) -> float:
    return float(material.run.settings.get("cash_usd") or 1.0) * max(1, len(material.run.symbols))


def _path(rows: Sequence[Line], opening_usd: float, symbols: int) -> Path:
    """Sums by session; sessions that lack a symbol (of a run that was cut short) are left out."""
    total: dict[str, float] = {}
    count: dict[str, int] = {}
    for row in rows:
        total[row["session"]] = total.get(row["session"], 0.0) + row["equity_usd"]
        count[row["session"]] = count.get(row["session"], 0) + 1
    return {session: total[session] / opening_usd - 1 for session in sorted(total) if count[session] == symbols}


def _band(plot: Plot, rows: Sequence[Line], places: Mapping[str, int], opening_usd: float) -> Iterator[Html]:
    for low, high, name in (("q05_usd", "q95_usd", "band-90"), ("q25_usd", "q75_usd", "band-50")) if rows else ():
        lower, upper = (plot.points([(places[row["session"]], row[column] / opening_usd - 1) for row in rows]) for column in (low, high))
        yield area(upper, lower, name)


def _labels(plot: Plot, paths: Mapping[str, Path], styles: Mapping[str, str]) -> Iterator[Html]:
    """Each line's name and last value at its right end, pushed apart where they would overlap."""
    ends = [path[max(path)] for path in paths.values()]
    wanted = [plot.upward.at(value) for value in ends]
    placed = spread(wanted, low=20, high=EQUITY_BOTTOM)
    for name, value, wish, y in zip(paths, ends, wanted, placed, strict=True):
        yield tag("path", d=f"M{RIGHT + 3} {wish:.1f}L{RIGHT + 14} {y:.1f}", class_=f"line thin s-{styles.get(name, name)}")
        yield tag(
            "text",
            f"{_spoken(name)} ",
            tag("tspan", percent(value), class_="figure"),
            x=RIGHT + 18,
            y=f"{y + 4:.1f}",
            class_=f"label t-{styles.get(name, name)}",
        )


def _drawdowns(paths: Mapping[str, Path], sessions: Sequence[str], places: Mapping[str, int]) -> Iterator[Html]:
    shown = {name: drawdowns(path.values()) for name, path in paths.items() if name in (AGENTS, "buy_and_hold")}
    plot = plot_of(
        len(sessions),
        [0.0, *(value for values in shown.values() for value in values)],
        left=LEFT,
        right=RIGHT,
        top=DRAWDOWN_TOP,
        bottom=BOTTOM,
    )
    yield tag("text", "Return since the opening cash", x=LEFT, y=10, class_="caption")
    yield tag("text", "Drawdown", x=LEFT, y=DRAWDOWN_TOP - 10, class_="caption")
    yield from plot.grid(ticks_of(plot.upward.low, 0.0, count=3), "{:.0%}")
    for name, values in reversed(shown.items()):
        points = plot.points([(places[session], value) for session, value in zip(paths[name], values, strict=True)])
        if name == AGENTS:
            yield area(points, [(x, plot.upward.at(0)) for x, _ in points], "under")
        yield line(points, f"s-{name} {'' if name == AGENTS else 'thin'}")
    yield from plot.months(sessions)


def _hover_text(session: str, paths: Mapping[str, Path]) -> str:
    return f"{session}: " + ", ".join(f"{_spoken(name)} {percent(path[session])}" for name, path in paths.items() if session in path)


def _spoken(name: str) -> str:
    return name.replace("_", " ")
