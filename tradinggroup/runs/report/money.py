"""Model calls, tokens and what everything cost."""

from __future__ import annotations

from collections.abc import Iterator

from tradinggroup.runs.figures import number, usd
from tradinggroup.runs.report.charts_small import waterfall_chart
from tradinggroup.runs.report.html import Html, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import nothing, remark, section, table
from tradinggroup.runs.summary import ALL

STEPS = (("commission", "commission_usd"), ("slippage", "slippage_usd"), ("model's bill", "model_bill_usd"))


def money(material: Material) -> Html:
    """The waterfall of ALL, by symbol, and the calls by agent."""
    return section("costs", "Calls and costs", *_waterfall(material), *_by_symbol(material), *_calls(material))


def _waterfall(material: Material) -> Iterator[Html]:
    costs = (material.header.get("costs") or {}).get(ALL)
    if not costs:
        yield nothing("No agents traded to the end, so there is nothing to count costs from.")
        return
    steps = [
        ("gross", costs["gross_usd"], True),
        *((name, -(costs[key] or 0.0), False) for name, key in STEPS),
        ("net", costs["net_usd"], True),
    ]
    yield waterfall_chart(steps)
    bill = "" if costs["model_bill_usd"] is not None else " The model's bill is not known, so net is before it."
    even = costs["break_even_bps"]
    said = (
        f"Another {number(even, decimals=1)} bps of every fill would use up the profit."
        if even is not None
        else f"No break-even: {costs['undefined'].get('break_even_bps', 'not known')}."
    )
    yield remark(said + bill)


def _by_symbol(material: Material) -> Iterator[Html]:
    costs = material.header.get("costs") or {}
    symbols = [symbol for symbol in costs if symbol != ALL]
    if len(symbols) < 2:
        return
    keys = ("gross_usd", "commission_usd", "slippage_usd", "net_before_model_usd")
    rows = [[name, *(usd(costs[name][key]) for key in keys), number(costs[name]["break_even_bps"], decimals=1)] for name in (ALL, *symbols)]
    yield table(["costs, USD", "gross", "commission", "slippage", "net before the model's bill", "break-even, bps"], rows)


def _calls(material: Material) -> Iterator[Html]:
    calls = material.header.get("calls") or {}
    by_agent = calls.get("by_agent") or {}
    yield tag("h3", "Model calls")
    if not by_agent:
        yield nothing("No model was asked.")
        return
    rows = [
        [
            agent.replace("_", " "),
            *(number(each.get(key, 0)) for key in ("calls", "failed", "prompt_tokens", "completion_tokens")),
            usd(each.get("cost_usd"), decimals=4),
        ]
        for agent, each in by_agent.items()
    ]
    yield table(["agent", "calls", "failed", "tokens in", "tokens out", "USD"], rows)
    total = material.run.summary()["calls"]
    cost, spent = material.header.get("cost_usd"), material.header.get("spent_usd")
    bill = "" if not cost else f" The answers cost {usd(cost, decimals=4)} USD; this run paid {usd(spent, decimals=4)} of it."
    yield remark(f"{total['total']:,d} calls: {total['recorded']:,d} recorded, {total['live']:,d} live, {total['failed']:,d} failed.{bill}")
