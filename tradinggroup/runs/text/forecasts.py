"""The scores of a run's forecasts as a table, and a small picture of their calibration: 80 columns, plain characters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.runs.figures import NONE, columns, counted, number, percent, wrapped
from tradinggroup.runs.summary import ALL

Figures = Mapping[str, Any]

BAR_CHARACTERS = 36
_HEADS = ("scored", "right", "Brier", "base rate", "skill", "95 % interval", "log score")


def text_forecasts(forecasts: Mapping[str, Figures]) -> str:
    """The part of a run's page; empty where nothing was scored."""
    if not forecasts:
        return ""
    parts = [_table(forecasts), *remarks(forecasts.get(ALL, {}))]
    picture = "\n".join(_picture(forecasts.get(ALL, {}).get("calibration") or {}))
    return "\n".join(parts) + (f"\n\n{picture}" if picture else "")


def _table(forecasts: Mapping[str, Figures]) -> str:
    """One row a symbol for the move from close to close, and the pooled one from the fill."""
    shown = {symbol: figures for symbol, figures in forecasts.items() if symbol != ALL or len(forecasts) > 2}
    rows = [_row(symbol, figures) for symbol, figures in shown.items()]
    pooled = forecasts.get(ALL, {}).get("fill_to_close")
    if pooled:
        rows.append(_row("from the open", pooled))
    return columns([["forecasts", *_HEADS], *rows])


def _row(name: str, figures: Figures) -> list[str]:
    low, high = figures.get("skill_low"), figures.get("skill_high")
    return [
        name,
        number(figures.get("count")),
        percent(figures.get("accuracy"), decimals=0, signed=False),
        number(figures.get("brier"), decimals=3),
        number(figures.get("brier_base_rate"), decimals=3),
        percent(figures.get("skill"), decimals=1),
        NONE if low is None or high is None else f"{100 * low:+.1f}..{100 * high:+.1f} %",
        number(figures.get("log_score"), decimals=3),
    ]


def remarks(pooled: Figures) -> Iterator[str]:
    """What the table means, and what was not scored."""
    if pooled.get("skill") is not None:
        yield from wrapped(
            "skill: share of the base rate's Brier score that the forecasts save; the base rate says how often each class came so far; "
            "interval over whole sessions. From the open: the move that an order on the forecast gets.",
            first="  ",
        )
    if pooled.get("skill_reason"):
        yield from wrapped(f"skill: {pooled['skill_reason']}", first="  ")
    if pooled.get("fallbacks"):
        yield from wrapped(
            f"not scored: {counted(pooled['fallbacks'], 'forecast')} without a usable answer; with one third each for them the Brier score "
            f"is {number(pooled.get('brier_with_fallbacks'), decimals=3)}",
            first="  ",
        )


def _picture(calibration: Mapping[str, Any]) -> Iterator[str]:
    """One line a bin of the most probable class: a bar as long as it came often, `|` where the forecasts said it would end."""
    bins = calibration.get("confidence") or []
    if not bins:
        return
    scale = "0 %".ljust(BAR_CHARACTERS // 2 - 2) + "50 %".ljust(BAR_CHARACTERS // 2 - 3) + "100 %"
    yield f"{'most probable class':<20}{'count':>8}  said  came  {scale}"
    for each in bins:
        said, came = each["mean_probability"], each["observed_fraction"]
        given = f"  given {each['low']:.1f} to {each['high']:.1f}"
        yield f"{given:<20}{each['count']:>8,d}  {said:4.2f}  {came:4.2f}  {_bar(said, came)}"


def _bar(said: float, came: float) -> str:
    cells = ["#" if place < round(came * BAR_CHARACTERS) else "." for place in range(BAR_CHARACTERS)]
    cells[min(BAR_CHARACTERS - 1, round(said * BAR_CHARACTERS))] = "|"
    return "".join(cells)
