"""Figures of a run with matplotlib's object interface: nothing is shown, no window, no global state."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.text.show import headline
from tradinggroup.runs.text.warnings import run_warnings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

AGENTS_COLOUR = "#1f4e79"
BASELINE_COLOURS = {
    "buy_and_hold": "#c0504d", "constant_exposure": "#e69f00", "sma_cross": "#7f9f3f", "momentum": "#8064a2", "random": "#999999",
}  # fmt: skip
BUY_COLOUR, SELL_COLOUR, FORCED_COLOUR = "#2e7d32", "#b71c1c", "#e65100"
Values = npt.NDArray[np.float64]


class RunFigure(Figure):
    """A figure that a notebook can draw without pyplot."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=75)
        return stream.getvalue()


def plot_run(run: RunFolder, *, symbol: str | None = None) -> RunFigure:
    """Equity beside the baselines, with the drawdown below; of one `symbol` its price with the fills in between.

    Equity in USD; drawdown in percent, negative; sessions on the horizontal axis.
    """
    heights = [3, 1] if symbol is None else [2, 2, 1]
    figure = RunFigure(figsize=(9, 5 if symbol is None else 7), layout="constrained")
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    sessions, equity_usd = equity_path(run.equity(), symbol)
    if symbol is not None:
        draw_price(axes[0], run, symbol)
    _draw_equity(axes[-2], run, symbol, sessions, equity_usd)
    _draw_drawdown(axes[-1], sessions, equity_usd)
    date_axis(axes[-1])
    figure.suptitle(_title(run, symbol), fontsize=10, wrap=True)
    return figure


def date_axis(axes: Axes) -> None:
    """Few, short labels of dates on the horizontal axis."""
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def equity_path(rows: Sequence[Line], symbol: str | None) -> tuple[list[date], Values]:
    """Sessions and equity in USD, of one symbol or of ALL (the sum by session)."""
    total: dict[str, float] = {}
    for row in rows:
        if symbol in {None, row["symbol"]}:
            total[row["session"]] = total.get(row["session"], 0.0) + row["equity_usd"]
    sessions = sorted(total)
    return [date.fromisoformat(session) for session in sessions], np.array([total[session] for session in sessions])


def drawdowns(equity_usd: Values) -> Values:
    """Equity over its highest value so far, less one: zero or negative."""
    return equity_usd / np.maximum.accumulate(equity_usd) - 1 if len(equity_usd) else equity_usd


def _draw_equity(axes: Axes, run: RunFolder, symbol: str | None, sessions: list[date], equity_usd: Values) -> None:
    axes.plot(sessions, equity_usd, color=AGENTS_COLOUR, linewidth=1.8, label="agents", zorder=3)  # type: ignore[arg-type]
    if symbol is None:
        _draw_band(axes, run)
    for name in run.baseline_names:
        days, values = equity_path(run.baseline_equity(name), symbol)
        axes.plot(days, values, color=BASELINE_COLOURS.get(name), linewidth=1, label=name.replace("_", " "))  # type: ignore[arg-type]
    axes.set_ylabel(f"equity of {symbol or 'ALL'}, USD")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(fontsize=8, frameon=False, ncols=3)
    axes.grid(alpha=0.25)


def _draw_band(axes: Axes, run: RunFolder) -> None:
    """Where nine tenths and, darker, half of the random runs lie at each close."""
    rows = run.random_band()
    days = [as_date(row["session"]) for row in rows]
    for low, high, share in (("q05_usd", "q95_usd", "90 %"), ("q25_usd", "q75_usd", "50 %")) if rows else ():
        lows, highs = ([row[column] for row in rows] for column in (low, high))
        colour = BASELINE_COLOURS["random"]
        axes.fill_between(days, lows, highs, color=colour, alpha=0.2, linewidth=0, label=f"{share} of random runs")  # type: ignore[arg-type]


def _draw_drawdown(axes: Axes, sessions: list[date], equity_usd: Values) -> None:
    axes.fill_between(sessions, 100 * drawdowns(equity_usd), 0, color=AGENTS_COLOUR, alpha=0.3, linewidth=0)  # type: ignore[arg-type]
    axes.set_ylabel("drawdown, %")
    axes.grid(alpha=0.25)


def draw_price(axes: Axes, run: RunFolder, symbol: str) -> None:
    """The close of each session, shaded while shares were held, with a mark at the price of every fill."""
    rows = [row for row in run.equity() if row["symbol"] == symbol and row["close_usd"] is not None]
    axes.plot([as_date(row["session"]) for row in rows], [row["close_usd"] for row in rows], color="#444444", linewidth=1)  # type: ignore[arg-type]
    for left, right in pairwise(rows):
        if left["shares"]:
            axes.axvspan(as_date(left["session"]), as_date(right["session"]), color=AGENTS_COLOUR, alpha=0.08, linewidth=0)  # type: ignore[arg-type]
    forced = {row["order_id"] for row in run.orders() if row["forced"]}
    kinds: dict[str, tuple[str, str, Callable[[Line], bool]]] = {
        "bought": ("^", BUY_COLOUR, lambda fill: fill["shares"] > 0),
        "sold": ("v", SELL_COLOUR, lambda fill: fill["shares"] < 0 and fill["order_id"] not in forced),
        "forced sell": ("v", FORCED_COLOUR, lambda fill: fill["shares"] < 0 and fill["order_id"] in forced),
    }
    for name, (marker, colour, belongs) in kinds.items():
        fills = [fill for fill in run.fills() if fill["symbol"] == symbol and belongs(fill)]
        days, prices = [as_date(fill["session"]) for fill in fills], [fill["price_usd"] for fill in fills]
        axes.plot(days, prices, marker, color=colour, markersize=6, linestyle="none", label=name, zorder=3)  # type: ignore[arg-type]
    axes.set_ylabel(f"{symbol}, USD (shaded: held)")
    axes.legend(fontsize=8, frameon=False, ncols=3)
    axes.grid(alpha=0.25)


def as_date(session: str) -> date:
    """A session of a file as a date."""
    return date.fromisoformat(session)


def _title(run: RunFolder, symbol: str | None) -> str:
    warnings = "".join(f"\nWARNING {warning}" for warning in run_warnings(run))
    first = headline(run) if symbol is None else f"{run.header['experiment']}: {symbol}; {run.header.get('title')}"
    return f"{first}{warnings}"
