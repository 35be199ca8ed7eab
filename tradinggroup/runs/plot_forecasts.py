"""A picture of a run's forecasts: how well they are calibrated, and their skill over the base rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tradinggroup.reflection.calibration import CONFIDENCE, calibration
from tradinggroup.reflection.records import DIRECTIONS
from tradinggroup.reflection.scores import scored_by_symbol
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.plot import AGENTS_COLOUR, RunFigure
from tradinggroup.runs.summary import ALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CLASS_COLOURS = {"up": "#2e7d32", "down": "#b71c1c", "sideways": "#777777", CONFIDENCE: AGENTS_COLOUR}
MOVE_COLOURS = {"close to close": AGENTS_COLOUR, "from the open": "#e69f00"}
LARGEST_MARKER = 260.0
"""Area of the mark of the fullest bin."""


def plot_forecasts(run: RunFolder, *, symbol: str | None = None) -> RunFigure:
    """Left the calibration: what was said against how often it came, a mark as large as its bin is full. Right the skill.

    Args:
        run: the run.
        symbol: whose forecasts the calibration is of; all without one. The skill is shown for every symbol.
    """
    figure = RunFigure(figsize=(9, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_calibration(left, _bins(run, symbol))
    _draw_skill(right, run.summary()["forecasts"])
    figure.suptitle(f"{run.header['experiment']}: forecasts of {symbol or ALL}; {run.header.get('title')}", fontsize=10)
    return figure


def _bins(run: RunFolder, symbol: str | None) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    lines = [line for line in run.outcomes() if line["kind"] == "forecast" and symbol in {None, line["symbol"]}]
    lines.sort(key=lambda line: (line["symbol"], line["decision_session"]))
    scored = scored_by_symbol(lines, "close_to_close", {})
    return calibration([each for found in scored.values() for each in found if not each.is_fallback])


def _draw_calibration(axes: Axes, bins: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    fullest = max((each["count"] for found in bins.values() for each in found), default=1)
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1, linestyle="--", label="calibrated")
    for name in (*DIRECTIONS, CONFIDENCE):
        found = bins.get(name, ())
        said, came = [each["mean_probability"] for each in found], [each["observed_fraction"] for each in found]
        label = "most probable" if name == CONFIDENCE else name
        axes.plot(said, came, color=CLASS_COLOURS[name], linewidth=2 if name == CONFIDENCE else 1, label=label)
        axes.scatter(said, came, s=[LARGEST_MARKER * each["count"] / fullest for each in found], color=CLASS_COLOURS[name], alpha=0.5)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability given", ylabel="share that came")
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    axes.grid(alpha=0.25)


def _draw_skill(axes: Axes, forecasts: Mapping[str, Mapping[str, Any]]) -> None:
    """One row a symbol, ALL at the bottom; both moves, each with its interval. In percent."""
    names = list(forecasts)
    for shift, (move, colour) in zip((-0.12, 0.12), MOVE_COLOURS.items(), strict=True):
        for place, name in enumerate(names):
            figures = forecasts[name] if move == "close to close" else forecasts[name].get("fill_to_close", {})
            _draw_interval(axes, place + shift, figures, colour)
        axes.plot([], [], "o-", color=colour, label=move)
    axes.axvline(0, color="#bbbbbb", linewidth=1, linestyle="--")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlabel("skill over the base rate, % (95 % interval over sessions)")
    axes.legend(fontsize=8, frameon=False)
    axes.grid(alpha=0.25)


def _draw_interval(axes: Axes, height: float, figures: Mapping[str, Any], colour: str) -> None:
    if figures.get("skill") is not None:
        axes.plot([100 * figures["skill"]], [height], "o", color=colour)
    if figures.get("skill_low") is not None:
        axes.plot([100 * figures["skill_low"], 100 * figures["skill_high"]], [height, height], color=colour, linewidth=1.5)
