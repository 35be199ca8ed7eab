"""How far the figures of a run can be trusted, in words: intervals, p-values, power; and the reason where there are none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.backtest.statistics.enough import Enough, is_enough
from tradinggroup.runs.claim_card import blocks_of_another_sign, sign_of
from tradinggroup.runs.figures import NONE, columns, counted, number, percent, wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.summary import ALL

BUY_AND_HOLD = "buy_and_hold"
RETURN, SHARPE = "total_return_fraction", "sharpe_ratio"
REMARKABLE = 0.05


def enough_of(run: RunFolder, symbol: str = ALL) -> Enough:
    """Whether intervals and ratios of the agents' account of `symbol` may be shown; of a run without agents, those of its baselines."""
    metrics = (run.header.get("metrics") or {}).get(symbol)
    return is_enough(run.header.get("sessions"), metrics.get("trades", 0) if metrics else None)


def interval_of_lead(run: RunFolder) -> str:
    """What the headline says behind the points of the lead: `, 95 % interval -3.10 to +9.04`, or why there is none; else empty."""
    statistics = run.header.get("statistics") or {}
    if not statistics:
        return ""
    enough = enough_of(run)
    if not enough:
        return f", no interval: {enough.reason}"
    lead = _lead(statistics, BUY_AND_HOLD)
    return f", 95 % interval {_points(lead['low'])} to {_points(lead['high'])}" if lead and lead["low"] is not None else ""


def shortage_lines(run: RunFolder) -> Iterator[str]:
    """Why the table above has no Sharpe ratio; nothing where it has one."""
    enough = enough_of(run)
    if not enough and (run.header.get("metrics") or run.header.get("baselines")):
        yield from wrapped(f"no Sharpe ratio and no interval: {enough.reason}")


def text_statistics(run: RunFolder) -> str:
    """The part of a run's whole page; empty where nothing was resampled."""
    statistics = run.header.get("statistics") or {}
    if "metrics" not in statistics or not enough_of(run):
        return "\n".join(power_lines(run))
    return "\n".join([_table(statistics), *_remarks(statistics), *power_lines(run)])


def short_intervals(run: RunFolder) -> str:
    """The intervals of ALL in one sentence; empty where there are none."""
    statistics = run.header.get("statistics") or {}
    if "metrics" not in statistics or not enough_of(run):
        return ""
    own, lead = statistics["metrics"][ALL], _lead(statistics, BUY_AND_HOLD)
    parts = [f"return {_ends(own[RETURN], percent)}"]
    if lead is not None:
        parts.append(f"less buy and hold {_ends(lead, _points)} points")
    if own[SHARPE]["low"] is not None:
        parts.append(f"Sharpe ratio {_ends(own[SHARPE], number)}")
    return "95 %: " + "; ".join(parts)


def power_lines(run: RunFolder) -> Iterator[str]:
    """What the window could have shown at all."""
    if run.header.get("power"):
        yield from wrapped(power_text(run.header["power"]), first="power: ", then="  ")


def power_text(power: Mapping[str, Any]) -> str:
    """The smallest effects that a window can show, and what that rests on."""
    skill, symbols = power["forecast_skill"], power["symbols"]
    one = f" (of one symbol among them from {number(power['sharpe_difference_one_symbol'])})" if symbols > 1 else ""
    shown = f"a Sharpe difference to buy and hold from {number(power['sharpe_difference'])} up{one}"
    if skill is not None:
        shown += f", a forecast skill from {percent(skill, decimals=1, signed=False)}"
    exposure = percent(power["exposure_fraction"], decimals=0, signed=False)
    return (
        f"{counted(power['returns'] + 1, 'session')} of {counted(symbols, 'symbol')} can show {shown}; 80 % power, 5 % two-sided, "
        f"agents {exposure} of the time in the market{_correlation(power)}; more seeds do not help, they share the market"
    )


def _correlation(power: Mapping[str, Any]) -> str:
    """Of symbols with one another: measured before the window, or assumed; nothing for one symbol."""
    if power["symbols"] == 1:
        return ""
    sessions = power["symbol_correlation_sessions"]
    origin = f"{counted(sessions, 'session')} before" if sessions else "assumed"
    return f", symbols correlated by {number(power['symbol_correlation'])} ({origin})"


def _lead(statistics: Mapping[str, Any], baseline: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = statistics.get("differences", {}).get(baseline, {}).get(ALL, {}).get(RETURN)
    return found


def _table(statistics: Mapping[str, Any]) -> str:
    """ALL: return and Sharpe ratio, each with its lead over every baseline below it."""
    rows = [["95 % intervals of ALL", "value", "from", "to", "p"]]
    for metric, name, whole, lead in ((RETURN, "return", percent, _points), (SHARPE, "Sharpe ratio", number, number)):
        rows.append([name, *_cells(statistics["metrics"][ALL][metric], whole), ""])
        for baseline, by_symbol in statistics["differences"].items():
            if ALL in by_symbol:
                difference = by_symbol[ALL][metric]
                rows.append([f"  less {baseline.replace('_', ' ')}", *_cells(difference, lead), number(difference["p_value"], decimals=3)])
    return columns(rows)


def _remarks(statistics: Mapping[str, Any]) -> Iterator[str]:
    yield from wrapped(
        f"{statistics['draws']:,d} windows drawn in blocks of {number(statistics['block_length'], decimals=1)} sessions on average, "
        "the same for agents and baselines; p of no difference, two-sided",
        first="  ",
    )
    lead = _lead(statistics, BUY_AND_HOLD)
    if lead is not None and lead["by_block_length"]:
        others = "; ".join(f"{length}: {_ends(each, _points)}" for length, each in lead["by_block_length"].items())
        yield from wrapped(f"return less buy and hold by length of the blocks, points: {others}", first="  ")
    said = sharpe_by_block_text(statistics)
    if said:
        yield from wrapped(said, first="  ")
    yield from _by_symbol(statistics["differences"].get(BUY_AND_HOLD, {}))
    quantiles = statistics["metrics"][ALL]["max_drawdown_fraction"]["quantiles"]
    yield from wrapped(
        f"maximum drawdown of the drawn windows: half {percent(quantiles['q50'])} or deeper, 5 % {percent(quantiles['q05'])} or deeper",
        first="  ",
    )
    yield from _record(statistics["sharpe"], statistics["sessions"])


def sharpe_by_block_text(statistics: Mapping[str, Any]) -> str:
    """At which other lengths of the blocks the Sharpe ratio's lead over buy and hold has another sign; empty where at none."""
    lead = ((statistics.get("differences") or {}).get(BUY_AND_HOLD) or {}).get(ALL, {}).get(SHARPE) or {}
    if lead.get("low") is None:
        return ""
    parts = []
    for says, sign in (("includes zero", 0), ("is above zero", 1), ("is below zero", -1)):
        lengths = [length for length in blocks_of_another_sign(lead) if sign_of(lead["by_block_length"][length]) == sign]
        parts += [f"{says} in blocks of {', '.join(lengths)} sessions"] if lengths else []
    return f"the interval of the Sharpe ratio less buy and hold {' and '.join(parts)}" if parts else ""


def _by_symbol(differences: Mapping[str, Any]) -> Iterator[str]:
    """The smallest p-values of single symbols, adjusted for their number."""
    adjusted = {name: each[RETURN]["p_value_holm"] for name, each in differences.items() if each[RETURN]["p_value_holm"] is not None}
    if len(adjusted) < 2:
        return
    found = [f"{name} {number(value, decimals=3)}" for name, value in adjusted.items() if value < REMARKABLE]
    least = min(adjusted, key=lambda name: (adjusted[name], name))
    said = ", ".join(found) if found else f"none below {REMARKABLE}, least {number(adjusted[least], decimals=3)} ({least})"
    yield from wrapped(f"single symbols against buy and hold, p of {len(adjusted)} together (Holm): {said}", first="  ")


def _record(sharpe: Mapping[str, Any], sessions: int) -> Iterator[str]:
    probability, needed = sharpe["probability_above_zero"], sharpe["minimum_track_record_sessions"]
    if probability is None:
        return
    text = f"probabilistic Sharpe ratio {number(probability)} (above 0)"
    if needed is not None:
        text += f"; 0.95 takes {needed:,.0f} sessions like these, there are {sessions:,d}"
    yield from wrapped(text, first="  ")


def _cells(interval: Mapping[str, Any], shown: Any) -> list[str]:
    return [shown(interval[name]) if interval[name] is not None else NONE for name in ("value", "low", "high")]


def _ends(interval: Mapping[str, Any], shown: Any) -> str:
    return f"{shown(interval['low'])} to {shown(interval['high'])}" if interval["low"] is not None else NONE


def _points(fraction: float | None) -> str:
    """`+3.41` of 0.0341: a difference of two returns, in points."""
    return NONE if fraction is None else f"{fraction * 100:+.2f}"
