"""What trading and the model cost a run: the waterfall of `show`, and the run again at other costs (`show --costs`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.runs.figures import NONE, columns, number, usd, wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.summary import ALL

LINES = ("gross_usd", "commission_usd", "slippage_usd", "net_before_model_usd")
HEADING = ("costs, USD", "gross", "commission", "slippage", "net", "break-even bps")


def text_costs(run: RunFolder) -> str:
    """The waterfall by symbol and of ALL, and what the model's bill leaves of it; empty for a run without agents or without an end."""
    costs = run.summary()["costs"]
    if not costs:
        return ""
    symbols = [symbol for symbol in costs if symbol != ALL]
    cents = {symbol: _cents(costs[symbol]) for symbol in symbols}
    cents[ALL] = [sum(column) for column in zip(*(cents[symbol] for symbol in symbols), strict=True)]
    shown = [*symbols, ALL] if len(symbols) > 1 else symbols
    break_even = {**costs, **({} if len(symbols) > 1 else {symbols[0]: costs[ALL]})}
    rows = [
        [symbol, *(usd(amount / 100) for amount in cents[symbol]), number(break_even[symbol]["break_even_bps"], decimals=1)]
        for symbol in shown
    ]
    return "\n".join([columns([HEADING, *rows]), *_bill_lines(costs[ALL], net_cents=cents[ALL][-1])])


def _cents(waterfall: Mapping[str, Any]) -> list[int]:
    """Gross, commission, slippage and net in whole cents; gross is the sum of the others, so that the printed lines add up."""
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
