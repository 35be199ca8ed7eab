"""Several runs as one HTML page: their returns in one chart, and what each does otherwise than the first."""

from __future__ import annotations

from collections.abc import Iterator

from tradinggroup.runs.comparison import Comparison, Pair
from tradinggroup.runs.decision_differences import DecisionDifference
from tradinggroup.runs.figures import NONE, number, percent
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.report.charts_equity import AGENTS, return_paths, returns_chart
from tradinggroup.runs.report.html import Child, Html, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.page import document
from tradinggroup.runs.report.parts import badge, nothing, remark, section, table
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.comparison import pair_lines
from tradinggroup.runs.text.show import BUY_AND_HOLD
from tradinggroup.runs.text.statistics import enough_of

STYLES = ("agents", "buy_and_hold", "sma_cross", "constant_exposure", "momentum")
"""Colours of the first runs, as the report has them; others are grey."""
SHOWN_DIFFERENCES = 500


def comparison_page(comparison: Comparison) -> str:
    """The page. Raises nothing for rows that are damaged: they are left out and named."""
    materials = [Material.of(run) for run in comparison.runs]
    problems = [tag("li", tag("b", f"{each.run.run_id} "), text) for each in materials for text in each.problems]
    names = " and ".join(run.run_id for run in comparison.runs)
    body = [
        tag("header", tag("p", "tradinggroup compare", class_="kicker"), tag("h1", names)),
        tag("ul", problems, class_="warnings") if problems else None,
        section("runs", "Runs", _runs(comparison), _chart(materials)),
        *(_pair(place, pair) for place, pair in enumerate(comparison.pairs, 1)),
    ]
    return document(f"compare {names}", body)


def _runs(comparison: Comparison) -> Html:
    heads = ["run", "experiment", "status", "return", "buy and hold", "Sharpe", "drawdown", "round trips", "sessions"]
    return table(heads, (_row(run) for run in comparison.runs), left=3)


def _row(run: RunFolder) -> list[Child]:
    summary = run.summary()
    own, held = summary["metrics"].get(ALL, {}), summary["baselines"].get(BUY_AND_HOLD, {}).get(ALL, {})
    return [
        run.run_id,
        str(run.header.get("variant") or run.header["experiment"]),
        badge("ok" if run.status == "success" else "failed", run.status),
        percent(own.get("total_return_fraction")),
        percent(held.get("total_return_fraction")),
        number(own.get("sharpe_ratio")) if enough_of(run) else NONE,
        percent(own.get("max_drawdown_fraction")),
        number(own.get("trades")),
        number(run.header.get("sessions")),
    ]


def _chart(materials: list[Material]) -> Html:
    paths = {each.run.run_id: path for each in materials if (path := return_paths(each).get(AGENTS))}
    styles = {name: STYLES[place] if place < len(STYLES) else "random" for place, name in enumerate(paths)}
    return returns_chart(paths, styles) or nothing("No run reached a close.")


def _pair(place: int, pair: Pair) -> Html:
    first, second = pair.first.run_id, pair.second.run_id
    differ = pair.decisions.actions_differ
    heads = ["session", "symbol", first, second, "first difference", "field", f"there, {first}", f"there, {second}"]
    shown = table(heads, ([*_difference(each)] for each in differ[:SHOWN_DIFFERENCES]), left=len(heads)) if differ else None
    more = len(differ) - SHOWN_DIFFERENCES
    return section(
        f"pair-{place}",
        f"{second} less {first}",
        tag("pre", "\n".join(pair_lines(pair))),
        tag("h3", "Decisions that differ, and why") if differ else None,
        shown,
        remark(f"And {more:,d} more; compare --json has them all.") if more > 0 else None,
    )


def _difference(each: DecisionDifference) -> Iterator[Child]:
    yield tag("span", each.session, class_="day")
    yield from (each.symbol, each.first_action, each.second_action, each.agent.replace("_", " "), each.field, each.first_value)
    yield each.second_value
