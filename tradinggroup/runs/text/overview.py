"""The first page of a run: what happened, at what cost, and how far to trust it, on one screen. `show --all` has the rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tradinggroup.backtest.orders import ORDER_STATUSES
from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.runs.assumptions import assumption_lines
from tradinggroup.runs.figures import counted, number, percent, usd, wrapped
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.baselines import guard_lines
from tradinggroup.runs.text.claims import card_of
from tradinggroup.runs.text.show import (
    headline,
    metrics_table,
    model_text,
    readable,
    span,
    symbols_table,
    without_text,
)
from tradinggroup.runs.text.statistics import short_intervals, shortage_lines
from tradinggroup.runs.text.stops import short_stops
from tradinggroup.runs.text.warnings import warning_lines

FIRST_METRICS = (
    "total_return_fraction",
    "sharpe_ratio",
    "max_drawdown_fraction",
    "annual_volatility_fraction",
    "exposure_fraction",
    "turnover_per_year",
    "trades",
    "hit_rate_fraction",
)
"""What people look at first: the paper's four figures, how much was at stake, and how the round trips went."""
FEWEST_DRAWS = 20
"""Random runs of which nine tenths can be told."""
MOST_SYMBOLS = 8
"""Up to so many symbols have a line of their own here."""
LABEL_WIDTH = 11


def text_overview(run: RunFolder) -> str:
    """One screen: sentence, figures beside the baselines, symbols, and a line each for costs, forecasts, decisions and calls."""
    parts = [
        "\n".join(_head(run)),
        "\n".join(warning_lines(run)),
        "\n".join(wrapped(headline(run))),
        "\n".join([metrics_table(run, FIRST_METRICS), *shortage_lines(run), *guard_lines(run)]),
        symbols_table(run) if len(run.symbols) <= MOST_SYMBOLS else "",
        "\n".join(_facts(run)),
        "\n".join(_more(run)),
    ]
    return "\n\n".join(part for part in parts if part)


def _head(run: RunFolder) -> Iterator[str]:
    yield f"run {run.run_id}  {run.header['experiment']}  {run.status}  {model_text(run.header)}"
    names = ", ".join(run.symbols) if len(run.symbols) <= MOST_SYMBOLS else counted(len(run.symbols), "symbol")
    yield from wrapped(f"{names}  {span(run.header)}")
    if run.header.get("variant"):
        yield from wrapped(f"variant {run.header['variant']}")
    if run.settings.get("without"):
        yield from wrapped(without_text(run.settings))
    if run.header.get("note"):
        yield from wrapped(str(run.header["note"]), first="note   ")


def _facts(run: RunFolder) -> Iterator[str]:
    """One line each, with its label in a column of its own."""
    card = card_of(run)
    trials = next(claim.found for claim in card.claims if claim.topic == "trials")
    for label, text in (
        ("intervals", short_intervals(run)),
        ("random", _random(run)),
        ("costs", _costs(run)),
        ("forecasts", _forecasts(run)),
        ("decisions", _decisions(run)),
        ("exits", _exits(run)),
        ("stops", short_stops(run.header.get("stops") or {})),
        ("calls", _calls(run)),
        ("trials", trials),
        ("claims", card.verdict),
        ("assumes", "; ".join(assumption_lines(run.header))),
    ):
        if text:
            yield from wrapped(text, first=f"{label:<{LABEL_WIDTH}}")
    for name, reason in (run.header.get("baselines_missing") or {}).items():
        yield from wrapped(f"{name.replace('_', ' ')}: {reason}", first=f"{'missing':<{LABEL_WIDTH}}")


def _random(run: RunFolder) -> str:
    random = run.header.get("random") or {}
    returns = random.get("total_return_fraction")
    if not returns or random["draws"] < FEWEST_DRAWS:
        return ""
    low, high = percent(returns["q05"]), percent(returns["q95"])
    return f"nine tenths of {counted(random['draws'], 'random run')} made {low} to {high}"


def _costs(run: RunFolder) -> str:
    costs = run.summary()["costs"].get(ALL)
    if not costs:
        return ""
    commission, slippage, net = (round(costs[name] * 100) for name in ("commission_usd", "slippage_usd", "net_before_model_usd"))
    gross = usd((net + commission + slippage) / 100, signed=True)
    text = (
        f"gross {gross} USD, less commission {usd(commission / 100)} and slippage {usd(slippage / 100)}: net {usd(net / 100, signed=True)}"
    )
    bill_usd, break_even_bps = costs["model_bill_usd"], costs["break_even_bps"]
    model = f"; the model's bill {usd(bill_usd)}" if bill_usd else "; the model's bill is not known" if bill_usd is None else ""
    return text + model + (f"; break-even at {number(break_even_bps, decimals=1)} bps a side" if break_even_bps is not None else "")


def _forecasts(run: RunFolder) -> str:
    pooled = run.summary()["forecasts"].get(ALL)
    if not pooled or not pooled.get("count"):
        return ""
    right = percent(pooled.get("accuracy"), decimals=0, signed=False)
    text = f"{right} of {pooled['count']:,d} right; Brier {number(pooled['brier'], decimals=3)}, base rate"
    text += f" {number(pooled['brier_base_rate'], decimals=3)}"
    low, high = pooled.get("skill_low"), pooled.get("skill_high")
    if low is not None and high is not None:
        text += f"; skill {percent(pooled['skill'], decimals=1)}, 95 % interval {100 * low:+.1f}..{100 * high:+.1f} %"
    return text


def _decisions(run: RunFolder) -> str:
    summary, orders = run.summary(), run.header.get("orders") or {}
    held = sum(summary["holds"].values())
    parts = []
    if orders.get("sent"):
        ends = ", ".join(f"{orders[status]:,d} {status}" for status in ORDER_STATUSES if orders[status])
        parts.append(f"{counted(orders['sent'], 'order')} ({ends})")
    if held:
        kinds = ", ".join(f"{count:,d} by {kind}" for kind, count in summary["holds"].items() if count)
        parts.append(f"no order on {counted(held, 'decision')} ({kinds})")
    return "; ".join(parts)


def _exits(run: RunFolder) -> str:
    """How the round trips ended, so far as they have."""
    reasons = Counter(trade["exit_reason"] for trade in readable(run.trades) if trade["exit_reason"] is not None)
    parts = [f"{count:,d} {'by the agent' if code == ReasonCode.ALLOWED else code}" for code, count in sorted(reasons.items())]
    still = sum(trade["status"] == "open" for trade in readable(run.trades))
    return ", ".join([*parts, *([f"{still:,d} still open"] if still else [])])


def _calls(run: RunFolder) -> str:
    calls: Line = run.summary()["calls"]
    if not calls["total"]:
        return ""
    by_agent = ((run.header.get("calls") or {}).get("by_agent") or {}).values()
    tokens = sum(each.get("prompt_tokens", 0) + each.get("completion_tokens", 0) for each in by_agent)
    cost_usd = run.header.get("cost_usd")
    text = f"{calls['total']:,d} model calls, {calls['failed']:,d} failed; {calls['recorded']:,d} recorded, {calls['live']:,d} live"
    text += (f"; {tokens:,d} tokens" if tokens else "") + (f"; {usd(cost_usd, decimals=4)} USD" if cost_usd else "")
    return text + ("; no LLM" if run.header.get("title") == "no LLM" else "")


def _more(run: RunFolder) -> Iterator[str]:
    yield f"more       tradinggroup show {run.run_id} --all   every figure and assumption"
    first = run.header.get("start")
    if run.header.get("metrics") and first:
        yield f"           tradinggroup trades {run.run_id}       each round trip, and why it ended"
