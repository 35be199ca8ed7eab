"""Runs side by side in words and tables, at 80 columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tradinggroup.runs.comparison import RETURN, SHARPE, Comparison, Pair
from tradinggroup.runs.figures import NONE, columns, counted, number, percent, wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.header import PLACEBO_MEANINGS
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.show import BUY_AND_HOLD
from tradinggroup.runs.text.warnings import run_warnings

LONGEST_NAME = 24
MOST_SETTINGS = 8
MOST_EXAMPLES = 5
MOST_CAUSES = 5


def text_comparison(comparison: Comparison) -> str:
    """A line a run, then a block for each that is held against the first."""
    blocks = ["\n".join(pair_lines(pair)) for pair in comparison.pairs]
    warnings = "\n".join(line for run in comparison.runs for text in run_warnings(run) for line in wrapped(text, first=_mark(run)))
    parts = [_table(comparison), warnings, *blocks]
    if len(comparison.pairs) > 1:
        parts.append("\n".join(wrapped(f"p is adjusted for {len(comparison.pairs)} comparisons at once (Holm)")))
    return "\n\n".join(part for part in parts if part)


def _mark(run: RunFolder) -> str:
    return f"WARNING  {run.run_id}  "


def _table(comparison: Comparison) -> str:
    heads = ["run", "experiment", "return", "buy-hold", "Sharpe", "drawdown", "trips", "sessions"]
    enough = all(pair.enough for pair in comparison.pairs)
    return columns([heads, *(_row(run, is_enough=enough) for run in comparison.runs)], left=2)


def _row(run: RunFolder, *, is_enough: bool) -> list[str]:
    summary = run.summary()
    own, held = summary["metrics"].get(ALL, {}), summary["baselines"].get(BUY_AND_HOLD, {}).get(ALL, {})
    return [
        run.run_id,
        _short(str(run.header.get("variant") or run.header["experiment"]), LONGEST_NAME),
        percent(own.get("total_return_fraction")),
        percent(held.get("total_return_fraction")),
        number(own.get("sharpe_ratio")) if is_enough else NONE,
        percent(own.get("max_drawdown_fraction")),
        number(own.get("trades")),
        number(run.header.get("sessions")),
    ]


def pair_lines(pair: Pair) -> Iterator[str]:
    """One run held against the first, in lines of at most 80 characters: settings, differences, decisions."""
    yield from wrapped(f"{pair.second.run_id} less {pair.first.run_id}, {_span(pair)}")
    yield from wrapped(_settings_text(pair), first="settings   ")
    yield from wrapped(_difference_text(pair, RETURN), first="return     ")
    if pair.enough:
        yield from wrapped(_difference_text(pair, SHARPE), first="Sharpe     ")
    else:
        yield from wrapped(f"no interval and no Sharpe ratio: {pair.enough.reason}", first="           ")
    if pair.real_beats_placebo is not None:
        yield from wrapped(_placebo_text(pair), first="placebo    ")
    yield from _decision_lines(pair)


def _span(pair: Pair) -> str:
    text = f"{counted(len(pair.sessions), 'session')} {pair.sessions[0]}..{pair.sessions[-1]} of {', '.join(pair.symbols)}"
    if not pair.is_same_window:
        text += f"; other windows: only the common sessions are compared, {pair.only_first} and {pair.only_second} are left out"
    if set(pair.first.symbols) != set(pair.second.symbols):
        text += "; other symbols: ALL is the sum of the common ones here"
    return text


def _settings_text(pair: Pair) -> str:
    if not pair.settings:
        return "the same"
    shown = [f"{key} {_value(old)} -> {_value(new)}" for key, (old, new) in list(pair.settings.items())[:MOST_SETTINGS]]
    more = len(pair.settings) - len(shown)
    return "; ".join(shown) + (f"; and {more} more (--json)" if more else "")


def _difference_text(pair: Pair, metric: str) -> str:
    found = pair.differences[metric]
    if found.difference is None:
        return "not defined"
    if metric == RETURN:
        values, lead = f"{percent(found.first)} -> {percent(found.second)}", f"{_points(found.difference)} points"
        ends = f"{_points(found.low)} to {_points(found.high)}" if found.low is not None else ""
    else:
        values, lead = f"{number(found.first)} -> {number(found.second)}", f"{found.difference:+.2f}"
        ends = f"{found.low:+.2f} to {found.high:+.2f}" if found.low is not None else ""
    text = f"{values}: {lead}"
    if not pair.enough:
        return text
    if not ends:
        return f"{text}, no interval: {found.reason}"
    told = "they differ" if found.excludes_zero else "no difference is shown: the interval holds zero"
    return f"{text}, 95 % interval {ends}, p {number(found.p_value_adjusted, decimals=3)}; {told}"


def _placebo_text(pair: Pair) -> str:
    real, placebo = pair.placebo or (pair.first, pair.second)
    parts = ", ".join(PLACEBO_MEANINGS[part] for part in placebo.settings["placebo"])
    told = "real beats placebo" if pair.real_beats_placebo else "not shown that real beats placebo"
    others = [key for key in pair.settings if key != "placebo"]
    caution = f"; they differ in {', '.join(others[:MOST_SETTINGS])} too, which may be why" if others else ""
    return f"{told}: {real.run_id} is real, in {placebo.run_id} {parts}{caution}"


def _decision_lines(pair: Pair) -> Iterator[str]:
    found = pair.decisions
    actions = counted(len(found.actions_differ), "other action")
    text = f"{actions} on {counted(found.compared, 'decision')}, {found.sizes_differ:,d} of another size"
    if found.only_first or found.only_second:
        text += f"; {found.only_first:,d} and {found.only_second:,d} decisions stand alone"
    yield from wrapped(text, first="decisions  ")
    causes = list(found.causes.items())[:MOST_CAUSES]
    if causes:
        yield from wrapped("first difference: " + ", ".join(f"{name} {count:,d}" for name, count in causes), first="           ")
    for each in found.actions_differ[:MOST_EXAMPLES]:
        where = f"{each.session} {each.symbol} {each.first_action} -> {each.second_action}"
        yield from wrapped(f"{where}: {each.agent} {each.field}, {each.first_value} -> {each.second_value}", first="  ", then=" " * 13)
    if len(found.actions_differ) > MOST_EXAMPLES:
        yield f"  and {len(found.actions_differ) - MOST_EXAMPLES:,d} more (--json)"


def _points(fraction: float | None) -> str:
    return NONE if fraction is None else f"{fraction * 100:+.2f}"


def _value(value: Any) -> str:
    text = ", ".join(map(str, value)) or "none" if isinstance(value, list) else "none" if value is None else str(value)
    return _short(text, LONGEST_NAME)


def _short(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 3]}..."
