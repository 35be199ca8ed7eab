"""The trades of one symbol on its price: fills, the stops and targets they stood under, and the news that the agents read."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.plot import BUY_COLOUR, FORCED_COLOUR, SELL_COLOUR, RunFigure, as_date, date_axis, draw_price
from tradinggroup.runs.text.warnings import run_warnings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NO_NEWS_COLOUR = "#bbbbbb"
EDGE = timedelta(days=2)
"""Room beside the first and the last session, so that a mark there is whole."""


def plot_trades(run: RunFolder, *, symbol: str, start: str | None = None, end: str | None = None) -> RunFigure:
    """The price in USD with fills, stop and target while shares were held; below it the news score of each session, -1 to 1.

    `start` and `end` (ISO, inclusive) cut the picture, not the run.
    """
    figure = RunFigure(figsize=(9, 5), layout="constrained")
    price, news = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    draw_price(price, run, symbol)
    decisions = [line for line in run.decisions() if line["symbol"] == symbol]
    _draw_exits(price, decisions)
    price.legend(fontsize=8, frameon=False, ncols=3)
    _draw_news(news, decisions)
    _cut(price, run, symbol, start or "", end or "9999")
    date_axis(news)
    warnings = "".join(f"\nWARNING {warning}" for warning in run_warnings(run))
    figure.suptitle(f"{run.header['experiment']}: trades of {symbol}; {run.header.get('title')}{warnings}", fontsize=10, wrap=True)
    return figure


def exit_levels(line: Line) -> tuple[float, float] | None:
    """Prices in USD at which the stop and the target of a decision line stood; None when flat, or without stops.

    Both are measured from the average cost, as the risk layer does.
    """
    limits, account = line["risk"]["thresholds"], line["sizing"]["account"]
    if limits is None or not account["shares"] or account.get("average_cost_usd") is None:
        return None
    cost_usd = account["average_cost_usd"]
    return cost_usd * (1 + limits["stop_loss_fraction"]), cost_usd * (1 + limits["take_profit_fraction"])


def _draw_exits(axes: Axes, decisions: list[Line]) -> None:
    """A line for each holding: the levels move from session to session with the volatility."""
    labels = {"stop": FORCED_COLOUR, "target": BUY_COLOUR}
    for is_held, lines in groupby(decisions, key=lambda line: exit_levels(line) is not None):
        if not is_held:
            continue
        held = list(lines)
        days: list[date] = [as_date(line["session"]) for line in held]
        for place, (name, colour) in enumerate(labels.items()):
            levels = [found[place] for line in held if (found := exit_levels(line)) is not None]
            label = name if name not in axes.get_legend_handles_labels()[1] else None
            axes.plot(days, levels, color=colour, linewidth=0.9, linestyle="dotted", label=label)  # type: ignore[arg-type]


def _draw_news(axes: Axes, decisions: list[Line]) -> None:
    """A bar a session with news; a grey mark where the agents could not read them."""
    read = [(line, line["news_sentiment"]) for line in decisions if not line["news_sentiment"]["no_news"]]
    scored = [(line, news["score"]) for line, news in read if news["failure"] is None]
    colours = [BUY_COLOUR if score > 0 else SELL_COLOUR for _, score in scored]
    axes.bar([as_date(line["session"]) for line, _ in scored], [score for _, score in scored], color=colours, width=1.0)  # type: ignore[arg-type]
    unread = [as_date(line["session"]) for line, news in read if news["failure"] is not None]
    axes.plot(unread, [0.0] * len(unread), "x", color=NO_NEWS_COLOUR, markersize=4)  # type: ignore[arg-type]
    axes.axhline(0, color="#444444", linewidth=0.6)
    axes.set_ylim(-1, 1)
    axes.set_ylabel("news score")
    axes.grid(alpha=0.25)


def _cut(axes: Axes, run: RunFolder, symbol: str, start: str, end: str) -> None:
    """Show the sessions asked for, and the prices of those."""
    rows = [row for row in run.equity() if row["symbol"] == symbol and row["close_usd"] is not None and start <= row["session"] <= end]
    if not rows:
        return
    closes = [row["close_usd"] for row in rows]
    room = 0.08 * (max(closes) - min(closes) or max(closes))
    first, last = (as_date(row["session"]) for row in (rows[0], rows[-1]))
    axes.set_xlim(first - EDGE, last + EDGE)  # type: ignore[arg-type]
    axes.set_ylim(min(closes) - room, max(closes) + room)
