"""What trading and the model cost a run: the waterfall of `show`, and the run again at other costs (`show --costs`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tradinggroup.runs.figures import NONE, columns, counted, number, percent, usd, wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.summary import ALL

if TYPE_CHECKING:
    from tradinggroup.runs.cost_replay import CostScenario

FACTOR_NAMES = {0: "no costs", 1: "as run", 2: "twice"}
LINES = ("gross_usd", "commission_usd", "slippage_usd", "net_before_model_usd")
HEADING = ("costs, USD", "gross", "commission", "slippage", "net", "break-even bps")


def text_costs(run: RunFolder) -> str:
    """The waterfall by symbol and of ALL, and what the model's bill leaves of it; empty for a run without agents or without an end."""
    costs = run.summary()["costs"]
    if not costs:
        return ""
    symbols = [symbol for symbol in costs if symbol != ALL]
    cents = {symbol: _cents(costs[symbol]) for symbol in costs}
    shown = [*symbols, ALL] if len(symbols) > 1 else symbols
    break_even = {**costs, **({} if len(symbols) > 1 else {symbols[0]: costs[ALL]})}
    rows = [
        [symbol, *(usd(amount / 100) for amount in cents[symbol]), number(break_even[symbol]["break_even_bps"], decimals=1)]
        for symbol in shown
    ]
    return "\n".join([columns([HEADING, *rows]), *_bill_lines(costs[ALL], net_cents=cents[ALL][-1])])


def _cents(waterfall: Mapping[str, Any]) -> list[int]:
    """Gross, commission, slippage and net in whole cents; gross is the sum of the others, so that the printed line adds up."""
    commission, slippage, net = (round(waterfall[name] * 100) for name in LINES[1:])
    return [net + commission + slippage, commission, slippage, net]


def _bill_lines(waterfall: Mapping[str, Any], *, net_cents: int) -> Iterator[str]:
    bill_usd = waterfall["model_bill_usd"]
    if bill_usd is None:
        yield from wrapped("the model's bill is not known: net is before it")
    elif bill_usd:
        bill_cents = round(bill_usd * 100)
        yield from wrapped(
            f"model's bill {usd(bill_cents / 100)} USD: {usd((net_cents - bill_cents) / 100)} left of {usd(net_cents / 100)}"
        )
    if waterfall["break_even_bps"] is None:
        yield from wrapped(f"no break-even: {waterfall['undefined'].get('break_even_bps', NONE)}")


def text_scenarios(run: RunFolder, scenarios: Sequence[CostScenario]) -> str:
    """The run's orders at other costs: what ALL made, and how many orders filled otherwise than in the run."""
    if not scenarios:
        return "no agents, so no orders to place at other costs"
    heading = ["costs", "return", "Sharpe", "drawdown", "commission", "slippage", "net, USD", "break-even bps"]
    rows = [
        [
            _name(each),
            percent(each.metrics[ALL].total_return_fraction),
            number(each.metrics[ALL].sharpe_ratio),
            percent(each.metrics[ALL].max_drawdown_fraction),
            usd(each.costs[ALL].commission_usd),
            usd(each.costs[ALL].slippage_usd),
            usd(each.costs[ALL].net_before_model_usd),
            number(each.costs[ALL].break_even_bps, decimals=1),
        ]
        for each in scenarios
    ]
    said = [f"run {run.run_id}: its own orders at other costs, {ALL if len(run.symbols) > 1 else run.symbols[0]}", *_fitting(scenarios)]
    return "\n\n".join(
        ["\n".join(wrapped(said[0])), columns([heading, *rows]), "\n".join(line for text in said[1:] for line in wrapped(text))]
    )


def _fitting(scenarios: Sequence[CostScenario]) -> Iterator[str]:
    yield (
        "Decisions are held fixed: the same share counts are ordered at the same closes. At other costs the agents would have seen "
        "another account, and might have decided otherwise."
    )
    for each in scenarios:
        counts = {"fewer": each.orders_filled_less, "more": each.orders_filled_more}
        parts = [f"{count:,d} filled {word} shares than in the run" for word, count in counts.items() if count]
        if parts:
            yield f"{_name(each)}: of {counted(each.orders, 'order')}, {' and '.join(parts)}."


def _name(scenario: CostScenario) -> str:
    return FACTOR_NAMES.get(scenario.factor, f"{scenario.factor} times")
