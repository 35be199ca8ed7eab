"""How good the forecasts were, as forecasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.runs.figures import NONE, number, percent
from tradinggroup.runs.report.charts_small import calibration_chart
from tradinggroup.runs.report.html import Child, Html, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import nothing, prose, remark, section, table
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.forecasts import remarks

NAMES = {"confidence": "the most probable class", "up": "up", "sideways": "sideways", "down": "down"}
HEADS = ("", "scored", "right", "Brier", "base rate", "skill", "95 % interval", "log score")


def forecasts(material: Material) -> Html:
    """Scores beside the base rate, and calibration curves."""
    found: Mapping[str, Any] = material.header.get("forecasts") or {}
    if not found:
        return section("forecasts", "Forecasts", nothing("No forecast was scored."))
    pooled = found.get(ALL) or {}
    shown = {ALL: pooled, **{symbol: figures for symbol, figures in found.items() if symbol != ALL}} if len(found) > 2 else found
    rows = [_row(symbol, figures) for symbol, figures in shown.items() if figures]
    if pooled.get("fill_to_close"):
        rows.append(_row("from the open", pooled["fill_to_close"]))
    bins = pooled.get("calibration") or {}
    charts = [calibration_chart(NAMES[name], bins[name]) for name in NAMES if bins.get(name)]
    said = prose(remarks(pooled))
    return section(
        "forecasts",
        "Forecasts and their calibration",
        table(HEADS, rows),
        remark(said) if said else None,
        tag("div", charts, class_="calibration") if charts else None,
        remark("On the dashed line a class comes exactly as often as it was said to.") if charts else None,
    )


def _row(name: str, figures: Mapping[str, Any]) -> list[Child]:
    return [name, *_figures(figures)]


def _figures(figures: Mapping[str, Any]) -> Iterator[str]:
    low, high = figures.get("skill_low"), figures.get("skill_high")
    yield number(figures.get("count"))
    yield percent(figures.get("accuracy"), decimals=0, signed=False)
    yield number(figures.get("brier"), decimals=3)
    yield number(figures.get("brier_base_rate"), decimals=3)
    yield percent(figures.get("skill"), decimals=1)
    yield NONE if low is None or high is None else f"{percent(low, decimals=1)} to {percent(high, decimals=1)}"
    yield number(figures.get("log_score"), decimals=3)
