"""What worked: what followed on what the agents saw and said, and where the profit came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tradinggroup.backtest.what_worked import HORIZONS_SESSIONS, GroupReturns, MeanReturn, ProfitSplit, profit_split, returns_by_group
from tradinggroup.runs.figures import NONE, counted, number, percent, usd
from tradinggroup.runs.report.charts_small import interval_mark
from tradinggroup.runs.report.html import Child, Html, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import nothing, remark, section, table
from tradinggroup.runs.summary import ALL


def worked(material: Material) -> Html:
    """Mean returns by group over three horizons, then the split of the profit."""
    if not material.decisions:
        return section("worked", "What worked", nothing("Nothing was decided, so nothing can have worked."))
    seed = int(material.header.get("seed") or 0)
    groups = returns_by_group(material.decisions, material.outcomes, seed=seed)
    is_known = any(each.mean_fraction is not None for group in groups for each in group.by_horizon.values())
    made = _groups(groups) if is_known else [nothing("No outcome says what followed on a fill.")]
    return section(
        "worked",
        "What worked",
        *made,
        *_split(material),
        intro="Mean return from the price at which an order of the decision would have filled, sent or not, to the close 1, 5 and 20 "
        "sessions on. Compare a group with all decisions, not with zero.",
    )


def _groups(groups: Sequence[GroupReturns]) -> Iterator[Html]:
    widest = {horizon: _widest([group.by_horizon[horizon] for group in groups]) for horizon in HORIZONS_SESSIONS}
    heads: list[Child] = ["group", "", "decisions"]
    for horizon in HORIZONS_SESSIONS:
        heads += [counted(horizon, "session"), f"95 %, ±{widest[horizon] * 100:.1f} %"]
    rows = [_row(group, widest) for group in groups]
    yield table(heads, rows, left=2, class_="worked")
    reasons = sorted({each.reason for group in groups for each in group.by_horizon.values() if each.reason})
    tests = sum(each.low_fraction is not None for group in groups for each in group.by_horizon.values())
    few = " A hollow dot has no interval: too few sessions." if reasons else ""
    yield remark(
        "Intervals over sessions drawn in blocks as long as the horizon, all symbols together. "
        f"Of {counted(tests, 'interval')} one in twenty misses by chance alone.{few} Thirds of the news score are cut in hindsight."
    )


def _row(group: GroupReturns, widest: dict[int, float]) -> list[Child]:
    cells: list[Child] = [group.kind, tag("b", group.name), number(group.by_horizon[HORIZONS_SESSIONS[0]].decisions)]
    for horizon, each in group.by_horizon.items():
        cells += [percent(each.mean_fraction), _mark(each, widest[horizon])]
    return cells


def _mark(each: MeanReturn, widest: float) -> Child:
    if each.mean_fraction is None:
        return NONE
    said = each.reason or f"{percent(each.low_fraction)} to {percent(each.high_fraction)}"
    return tag(
        "span",
        interval_mark(each.mean_fraction, each.low_fraction, each.high_fraction, widest=widest),
        title=f"{counted(each.decisions, 'decision')}: {said}",
    )


def _widest(found: Sequence[MeanReturn]) -> float:
    """Half the width that shows every interval of a column."""
    ends = [end for each in found for end in (each.low_fraction, each.high_fraction) if end is not None]
    means = [each.mean_fraction for each in found if each.mean_fraction is not None]
    return max((abs(value) for value in ends or means), default=0.01) or 0.01


def _split(material: Material) -> Iterator[Html]:
    split = profit_split(
        material.run.symbols,
        cash_usd=float(material.run.settings.get("cash_usd") or 0.0),
        decisions=material.decisions,
        outcomes=material.outcomes,
        equity=material.equity,
        orders=material.orders,
        fills=material.fills,
    )
    if not split:
        return
    shown = split if len(split) > 2 else {ALL: split[ALL]}
    yield tag("h3", "Where the profit came from")
    yield table(
        ["USD", "profit", "the agents' decisions", "forced exits", "sizing"],
        [[name, *_amounts(each)] for name, each in sorted(shown.items(), key=lambda item: item[0] != ALL)],
    )
    yield remark(
        "Forced exits: what the risk layer's sales saved or forwent, against holding until the agent next asked to buy or sell. "
        "Sizing: what positions above or below the account's mean weight added. Decisions: the rest, all costs in it. "
        "One of several sensible splits."
    )


def _amounts(split: ProfitSplit) -> Iterator[str]:
    return (usd(amount, decimals=0, signed=True) for amount in split.to_plain().values())
