"""Equity, the table of metrics with intervals, the lead over each baseline, and the symbols."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.backtest.statistics.enough import WITHHELD
from tradinggroup.runs.figures import NONE, figure, number, percent
from tradinggroup.runs.report.charts_equity import equity_chart
from tradinggroup.runs.report.head import interval_of
from tradinggroup.runs.report.html import Child, Html, joined, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import nothing, prose, remark, section, table
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.baselines import GUARDED_MARK, guard_lines, is_guarded, random_texts
from tradinggroup.runs.text.ledger import ledger_texts
from tradinggroup.runs.text.show import BUY_AND_HOLD, METRIC_NAMES
from tradinggroup.runs.text.statistics import enough_of, sharpe_by_block_text

NO_STATISTICS = "this run has no intervals"
WITH_INTERVALS = ("total_return_fraction", "sharpe_ratio")


def equity(material: Material) -> Html:
    """The equity chart and how the random runs lie."""
    drawn = equity_chart(material)
    said = ". ".join(text[:1].upper() + text[1:] for text in random_texts(material.run))
    return section(
        "equity",
        "Equity and drawdown",
        drawn or nothing("There is no equity of all symbols together to draw."),
        tag(
            "p",
            tag("span", tag("span", class_="key b90"), "90 % of the random runs"),
            tag("span", tag("span", class_="key b50"), "half of them"),
            class_="legend",
        )
        if material.band
        else None,
        remark(f"{said}.") if said else None,
    )


def metrics(material: Material) -> Html:
    """All metrics of ALL beside the baselines, with intervals where they mean something."""
    sides = _sides(material)
    if not sides:
        return section("metrics", "Metrics", _baselines_alone(material) or nothing("No metrics: the run reached no end."))
    reason, enough = shortage(material), enough_of(material.run)
    rows = [
        [METRIC_NAMES[name], *_cells(material, name, sides, withheld=not enough and name in WITHHELD)]
        for name in METRIC_NAMES
        if any(name in values for values in sides.values())
    ]
    head = [ALL if len(material.run.symbols) != 1 else material.run.symbols[0], *_heads(material, sides)]
    return section(
        "metrics",
        "Metrics",
        table(head, rows, class_="metrics"),
        remark(f"No interval: {reason}.") if reason else None,
        None if enough else remark(f"No ratio of the agents: {enough.reason}."),
        None if reason or not _falls(material) else remark(_falls(material)),
        *(remark(line) for line in [prose(guard_lines(material.run))] if line),
        _missing(material),
        _leads(material, reason),
        _symbols(material, reason),
        _trials(material),
    )


def _baselines_alone(material: Material) -> Html | None:
    """Of a run whose baselines have no sum over the symbols, such as those of the convention finsaber: each by symbol."""
    names = ("total_return_fraction", "annual_return_fraction", "sharpe_ratio", "max_drawdown_fraction", "trades")
    rows = [
        [name.replace("_", " "), symbol, *(figure(metric, values.get(metric)) for metric in names)]
        for name, by_symbol in (material.header.get("baselines") or {}).items()
        for symbol, values in by_symbol.items()
    ]
    return table(["baseline", "symbol", *(METRIC_NAMES[name] for name in names)], rows, left=2) if rows else None


def points(fraction: float | None) -> str:
    """A difference of two returns, in points of percent."""
    return NONE if fraction is None else f"{100 * fraction:+.2f}"


def shortage(material: Material) -> str:
    """Why there are no intervals; empty where there are."""
    if not material.statistics:
        return NO_STATISTICS
    enough = enough_of(material.run)
    if "metrics" not in material.statistics:
        return str(material.statistics.get("reason") or NO_STATISTICS)
    return "" if enough else enough.reason


def _sides(material: Material) -> dict[str, Mapping[str, Any]]:
    sides = {"agents": material.figures(), **{name: material.figures(name) for name in material.header.get("baselines") or {}}}
    return {name: values for name, values in sides.items() if values}


def _heads(material: Material, sides: Mapping[str, Any]) -> Iterator[Child]:
    for name in sides:
        mark = GUARDED_MARK if is_guarded(material.run, name) else ""
        yield f"{name.replace('_', ' ')}{mark}"
        if name == "agents" and not shortage(material):
            yield "95 % interval"


def _cells(material: Material, name: str, sides: Mapping[str, Mapping[str, Any]], *, withheld: bool) -> Iterator[Child]:
    for side, values in sides.items():
        reason = (values.get("undefined") or {}).get(name)
        yield (
            NONE
            if withheld and side == "agents"
            else tag("span", figure(name, values.get(name)), title=reason)
            if reason
            else figure(name, values.get(name))
        )
        if side == "agents" and not shortage(material):
            yield _interval(material, name)


def _interval(material: Material, name: str) -> str:
    """Empty for a drawdown, which has none."""
    return interval_of((material.statistics.get("metrics") or {}).get(ALL) or {}, name)


def _falls(material: Material) -> str:
    """How deep falls are in the resampled windows; empty where they were not computed."""
    own = (material.statistics.get("metrics") or {}).get(ALL) or {}
    quantiles = (own.get("max_drawdown_fraction") or {}).get("quantiles") or {}
    if not quantiles:
        return ""
    return (
        f"A drawdown has no interval. Of the resampled windows 5 % fell by {percent(quantiles['q05'])} or deeper, and 5 % by "
        f"{percent(quantiles['q95'])} or less: how deep such falls are."
    )


def _missing(material: Material) -> Html | None:
    """Baselines that could not be run, and those with hindsight."""
    missing = material.header.get("baselines_missing") or {}
    lines = [f"{name.replace('_', ' ')} is missing: {reason}" for name, reason in missing.items()]
    names = " and ".join(name.replace("_", " ") for name in material.header.get("baselines_hindsight") or ())
    lines += [f"{names} know the agents' weights of the whole window (hindsight)"] if names else []
    return joined(remark(f"{line}.") for line in lines) if lines else None


def _leads(material: Material, reason: str) -> Html | None:
    """Return and Sharpe ratio of ALL less those of each baseline, with intervals."""
    differences = material.statistics.get("differences") or {}
    rows = []
    for name, by_symbol in differences.items() if not reason else ():
        found = by_symbol.get(ALL) or {}
        gain, ratio = (found.get(metric) or {} for metric in WITH_INTERVALS)
        rows.append(
            [
                name.replace("_", " "),
                points(gain.get("value")),
                interval_of(found, WITH_INTERVALS[0], is_difference=True) or NONE,
                number(gain.get("p_value"), decimals=3),
                number(ratio.get("value")),
                interval_of(found, WITH_INTERVALS[1]) or NONE,
                number(ratio.get("p_value"), decimals=3),
            ]
        )
    if not rows:
        return None
    heads = ["agents less …", "return, points", "95 % interval", "p", "Sharpe", "95 % interval", "p"]
    return joined([tag("h3", "Lead over each baseline"), table(heads, rows), _blocks(material)])


def _trials(material: Material) -> Html | None:
    """How many configurations were tried, and what the best of so many is worth."""
    texts = [f"{label}: {text}" if label == "hold-out" else text for label, text in ledger_texts(material.run)]
    return joined([tag("h3", "Trials"), *(remark(f"{text[:1].upper()}{text[1:]}.") for text in texts)]) if texts else None


def _blocks(material: Material) -> Html:
    """How the intervals were made, and what other block lengths give for the first of them."""
    statistics = material.statistics
    lead = ((((statistics.get("differences") or {}).get(BUY_AND_HOLD) or {}).get(ALL)) or {}).get("total_return_fraction") or {}
    others = [
        f"{length} sessions {points(ends['low'])} to {points(ends['high'])} points"
        for length, ends in (lead.get("by_block_length") or {}).items()
        if ends.get("low") is not None
    ]
    beside = f" The lead over buy and hold with other blocks: {'; '.join(others)}." if others else ""
    ratio = sharpe_by_block_text(statistics)
    beside += f" But {ratio}." if ratio else ""
    return remark(
        f"Stationary block bootstrap, {number(statistics.get('draws'))} draws of whole sessions in blocks of "
        f"{number(statistics.get('block_length'), decimals=1)} sessions on average.{beside}"
    )


def _symbols(material: Material, reason: str) -> Html | None:
    if len(material.run.symbols) < 2 or not material.header.get("metrics"):
        return None
    leads = (material.statistics.get("differences") or {}).get(BUY_AND_HOLD) or {}
    rows = []
    for symbol in (ALL, *material.run.symbols):
        own, held, lead = material.figures(None, symbol), material.figures(BUY_AND_HOLD, symbol), leads.get(symbol) or {}
        rows.append(
            [
                symbol,
                percent(own.get("total_return_fraction")),
                percent(held.get("total_return_fraction")),
                (interval_of(lead, WITH_INTERVALS[0], is_difference=True) or NONE) if not reason else NONE,
                number((lead.get(WITH_INTERVALS[0]) or {}).get("p_value_holm"), decimals=3) if not reason else NONE,
                number(own.get("sharpe_ratio")) if enough_of(material.run) else NONE,
                percent(own.get("max_drawdown_fraction")),
                percent(own.get("exposure_fraction"), decimals=0, signed=False),
                number(own.get("trades")),
            ]
        )
    heads = ["symbol", "return", "buy and hold", "difference in points, 95 %", "p (Holm)", "Sharpe", "drawdown", "exposure", "round trips"]
    return joined([tag("h3", "By symbol"), table(heads, rows)])
