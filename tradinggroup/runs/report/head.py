"""The top of the report: the one sentence, what the run is, the figures that count, warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.clock import parse_utc
from tradinggroup.runs.assumptions import assumption_lines
from tradinggroup.runs.figures import NONE, counted, number, percent, usd
from tradinggroup.runs.report.html import Html, joined, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import badge, definitions
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.show import BUY_AND_HOLD, headline, model_text, without_text
from tradinggroup.runs.text.statistics import enough_of


def head(material: Material) -> Html:
    """Title, sentence, warnings, figures, facts."""
    header = material.header
    status = badge("ok" if material.run.status == "success" else "failed", f"{material.run.status}")
    name = str(header["experiment"])
    return tag(
        "header",
        tag("p", "tradinggroup report", class_="kicker"),
        tag("h1", name, " ", tag("span", material.run.run_id, class_="id"), " ", status),
        tag("p", header["note"], class_="note") if header.get("note") else None,
        tag("p", headline(material.run).removeprefix(f"{name}: "), class_="lead"),
        warnings(material),
        tag("div", tiles(material), class_="tiles") if material.figures() else None,
        definitions(facts(material)),
        definitions([("fills and costs", assumption_lines(header)[0])], class_="whole"),
    )


def warnings(material: Material) -> Html | None:
    """What must be said with every figure of the run."""
    if not material.problems:
        return None
    return tag("ul", (tag("li", tag("b", "Warning. "), text) for text in material.problems), class_="warnings", role="alert")


def tiles(material: Material) -> Iterator[Html]:
    """The five figures that a reader looks for first; a ratio only where there is enough behind it."""
    agents, held = material.figures(), material.figures(BUY_AND_HOLD)
    gained, other = agents.get("total_return_fraction"), held.get("total_return_fraction")
    enough = enough_of(material.run)
    found = ((material.statistics.get("differences") or {}).get(BUY_AND_HOLD) or {}).get(ALL) or {}
    lead = interval_of(found, "total_return_fraction", is_difference=True) if enough else ""
    yield _tile("Return, ALL", percent(gained), f"buy and hold {percent(other)}" if other is not None else "no buy and hold")
    if gained is not None and other is not None:
        points = f"{(gained - other) * 100:+.2f} points"
        yield _tile("Against buy and hold", points, f"95 %: {lead}" if lead else "no interval")
    yield _tile(
        "Maximum drawdown", percent(agents.get("max_drawdown_fraction")), f"buy and hold {percent(held.get('max_drawdown_fraction'))}"
    )
    random = material.header.get("random") or {}
    if random.get("agents_percentile") is not None:
        share = percent(random["agents_percentile"], decimals=0, signed=False)
        yield _tile("Better than random", share, f"of {counted(random['draws'], 'run')} with its exposure and turnover")
    holding = agents.get("average_holding_sessions")
    yield _tile("Round trips", number(agents.get("trades")), f"held {number(holding, decimals=1)} sessions on average" if holding else "")


def interval_of(figures: Mapping[str, Any], metric: str, *, is_difference: bool = False) -> str:
    """`-1.20 % to +3.40 %`; of a ratio, and of a difference of returns in points, plain numbers; empty where there is none."""
    found = figures.get(metric) or {}
    low, high = found.get("low"), found.get("high")
    if low is None or high is None:
        return ""
    if metric.endswith("_fraction") and not is_difference:
        return f"{percent(low)} to {percent(high)}"
    if metric.endswith("_fraction"):
        low, high = 100 * low, 100 * high
    return f"{low:+.2f} to {high:+.2f}"


def facts(material: Material) -> Iterator[tuple[str, str | Html]]:
    """Window, symbols, model, fills and costs, data, and when it was run."""
    header = material.header
    bundle = header.get("bundle") or {}
    sessions = f", {counted(header['sessions'], 'session')}" if header.get("sessions") else ""
    yield "window", f"{header.get('start') or NONE} to {header.get('end') or NONE}{sessions}"
    yield "symbols", ", ".join(material.run.symbols)
    yield "model", model_text(header) if material.run.settings.get("agents_enabled", True) else "no agents, baselines only"
    yield (
        "data",
        f"{bundle.get('name', NONE)}@{str(bundle.get('hash', '')).removeprefix('sha256:')[:6]}, "
        f"prices {str(bundle.get('basis', NONE)).replace('_', ' ')}",
    )
    if header.get("variant"):
        yield "variant", str(header["variant"])
    if material.run.settings.get("without"):
        yield "parts", without_text(material.run.settings)
    calls = header.get("calls") or {}
    bill = header.get("cost_usd")
    yield "model calls", f"{number(calls.get('total'))}, cost {'not known' if bill is None else usd(bill) + ' USD'}"
    yield "run", joined([_when(header), f"; seed {header.get('seed', NONE)}, calls {header.get('calls_mode', NONE)}"])


def _when(header: Mapping[str, Any]) -> str:
    started, finished = header.get("started_at"), header.get("finished_at")
    if not started:
        return "not started"
    took = f", took {(parse_utc(finished) - parse_utc(started)).total_seconds():.0f} s" if finished else ""
    return f"{started[:16].replace('T', ' ')} UTC{took}"


def _tile(name: str, value: str, below: str) -> Html:
    return tag("div", tag("span", name), tag("b", value), tag("small", below), class_="tile")
