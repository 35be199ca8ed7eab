"""A run in words and tables: the page of `show`, the short form at the end of a run, and the one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.backtest.orders import ORDER_STATUSES, order_id
from tradinggroup.backtest.statistics.enough import WITHHELD
from tradinggroup.clock import parse_utc
from tradinggroup.errors import DataError
from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.runs.assumptions import assumption_lines
from tradinggroup.runs.figures import NONE, columns, counted, figure, number, percent, usd, wrapped
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.summary import ALL, HOLD_KINDS
from tradinggroup.runs.text.baselines import baseline_heading, guard_lines, is_guarded, random_lines
from tradinggroup.runs.text.claims import card_of, text_claims
from tradinggroup.runs.text.costs import text_costs
from tradinggroup.runs.text.forecasts import text_forecasts
from tradinggroup.runs.text.ledger import ledger_lines
from tradinggroup.runs.text.statistics import enough_of, interval_of_lead, shortage_lines, text_statistics
from tradinggroup.runs.text.stops import stop_lines
from tradinggroup.runs.text.warnings import status_text, warning_lines

BUY_AND_HOLD = "buy_and_hold"
METRIC_NAMES = {
    "total_return_fraction": "CR   cumulative return",
    "annual_return_fraction": "annual return",
    "sharpe_ratio": "SPR  Sharpe ratio",
    "sortino_ratio": "Sortino ratio",
    "calmar_ratio": "Calmar ratio",
    "max_drawdown_fraction": "MDD  maximum drawdown",
    "annual_volatility_fraction": "AV   annual volatility",
    "worst_return_fraction": "worst session",
    "value_at_risk_fraction": "5 % value at risk",
    "expected_shortfall_fraction": "5 % expected shortfall",
    "exposure_fraction": "mean exposure",
    "turnover_per_year": "turnover a year",
    "commission_bps_per_year": "commission, bps a year",
    "slippage_bps_per_year": "slippage, bps a year",
    "commission_usd": "commission, USD",
    "trades": "round trips",
    "open_positions": "open at the end",
    "hit_rate_fraction": "with a profit",
    "profit_factor": "profit factor",
    "average_holding_sessions": "sessions held",
}
"""Figures of the table, in order, with the names that a person reads."""
SHORT_METRICS = ("total_return_fraction", "sharpe_ratio", "max_drawdown_fraction", "trades")
UNREMARKABLE = (ReasonCode.ALLOWED, ReasonCode.HOLD)
HOLD_MEANINGS = {
    "model": "said hold, or asked for what was not possible",
    "unreadable": "answer could not be read: counted as a failure",
    "provider": "model server failed",
    "budget": "budget was reached",
    "risk": "risk layer refused",
}


def text_show(run: RunFolder) -> str:
    """The whole page of one run (`show --all`)."""
    parts = [
        "\n".join(_head(run)),
        "\n".join(warning_lines(run)),
        "\n".join(wrapped(headline(run))),
        "\n".join([metrics_table(run, tuple(METRIC_NAMES)), *shortage_lines(run), *guard_lines(run), *_drawdown_lines(run)]),
        "\n".join(random_lines(run)),
        symbols_table(run),
        text_statistics(run),
        text_costs(run),
        text_forecasts(run.summary()["forecasts"]),
        "\n".join(_risk_lines(run)),
        "\n".join(stop_lines(run.header.get("stops") or {})),
        "\n".join([*_hold_lines(run), *_order_lines(run)]),
        _calls_table(run),
        "\n".join(ledger_lines(run)),
        "\n".join(text_claims(card_of(run))),
        "\n".join(_notes(run)),
    ]
    return "\n\n".join(part for part in parts if part)


def text_result(run: RunFolder) -> str:
    """What a run says when it ends: a small table, warnings, and the sentence last."""
    notes = "\n".join([*warning_lines(run), *_missing_lines(run)])
    parts = [
        "\n".join([metrics_table(run, SHORT_METRICS), *shortage_lines(run), *guard_lines(run)]),
        notes,
        "\n".join(wrapped(headline(run))),
    ]
    return "\n\n".join(part for part in parts if part)


def headline(run: RunFolder) -> str:
    """The one sentence: return of ALL against buy and hold, the difference, the place among random runs, round trips, the model."""
    summary = run.summary()
    agents = summary["metrics"].get(ALL, {})
    gained = agents.get("total_return_fraction")
    held = summary["baselines"].get(BUY_AND_HOLD, {}).get(ALL, {}).get("total_return_fraction")
    if gained is None and held is not None:
        return f"{run.header['experiment']}: baselines only, no agents; buy and hold made {percent(held)}."
    if gained is None:
        return f"{run.header['experiment']}: no result, {status_text(run) or 'there are no metrics'}."
    without = without_text(run.settings)
    parts = [f"{run.header['experiment']}{f', {without}' if without else ''}: {ALL} made {percent(gained)}"]
    if held is not None:
        parts.append(f" against {percent(held)} for buy and hold ({(gained - held) * 100:+.2f} points{interval_of_lead(run)})")
    parts.append(_place_among_random(summary["random"], agents))
    parts.append(f", in {counted(agents.get('trades', 0), 'round trip')}; {run.header.get('title') or NONE}.")
    return ("INVALID. " if run.status == "invalid" else "") + "".join(parts)


def _place_among_random(random: Mapping[str, Any], agents: Mapping[str, Any]) -> str:
    """`, more than 63 % of 999 random runs`; empty where there are none. Ties count half, so without any trade all are ties."""
    if random["agents_percentile"] is None:
        return ""
    runs = counted(random["draws"], "random run")
    if agents.get("trades") == agents.get("open_positions") == 0:
        return f", the same as {runs}, which cannot trade either"
    return f", more than {percent(random['agents_percentile'], decimals=0, signed=False)} of {runs}"


def without_text(settings: Mapping[str, Any]) -> str:
    """`without risk, style`; empty for a run with all of its parts."""
    return f"without {', '.join(settings['without'])}" if settings.get("without") else ""


def _head(run: RunFolder) -> Iterator[str]:
    header = run.header
    yield f"run {run.run_id}  {header['experiment']}  {run.status}  {model_text(header)}"
    yield from wrapped(f"{', '.join(run.symbols)}  {span(header)}  seed {header.get('seed', NONE)}")
    bundle = header.get("bundle") or {}
    basis = str(bundle.get("basis", NONE)).replace("_", " ")
    yield from wrapped(
        f"bundle {bundle.get('name', NONE)}@{_short_hash(bundle.get('hash', ''))}  prices {basis}  calls {header.get('calls_mode', NONE)}"
    )
    yield _times(header)
    if header.get("variant"):
        yield from wrapped(f"variant {header['variant']}")
    if run.settings.get("without"):
        yield from wrapped(without_text(run.settings))
    if header.get("note"):
        yield from wrapped(str(header["note"]), first="note   ")


def model_text(header: Mapping[str, Any]) -> str:
    """The model that answered, and that there was none where the rules did."""
    if (header.get("settings") or {}).get("agents_enabled") is False:
        return "no agents"
    title = header.get("title") or NONE
    return "no LLM: the rule-based analyst answered" if title == "no LLM" else f"model {title}"


def span(header: Mapping[str, Any]) -> str:
    """First and last session and how many there are."""
    if not header.get("start"):
        return "no session"
    return f"{header['start']}..{header['end']}" + (f"  {counted(header['sessions'], 'session')}" if header.get("sessions") else "")


def _short_hash(text: str) -> str:
    return text.removeprefix("sha256:")[:6]


def _times(header: Mapping[str, Any]) -> str:
    started, finished = header.get("started_at"), header.get("finished_at")
    if not started:
        return "not started"
    line = f"started {started[:19].replace('T', ' ')} UTC"
    if finished:
        line += f", took {(parse_utc(finished) - parse_utc(started)).total_seconds():.0f} s"
    versions = header.get("versions") or {}
    return line + (f"  tradinggroup {versions['tradinggroup']}" if "tradinggroup" in versions else "")


def metrics_table(run: RunFolder, names: tuple[str, ...]) -> str:
    """Agents and baselines side by side, for ALL."""
    summary = run.summary()
    sides = {"agents": summary["metrics"].get(ALL, {})} | {name: by_symbol.get(ALL, {}) for name, by_symbol in summary["baselines"].items()}
    sides = {name: values for name, values in sides.items() if values}
    if not sides:
        return ""
    title = ALL if len(run.symbols) != 1 else run.symbols[0]
    enough = enough_of(run)
    headings = [baseline_heading(name, guarded=is_guarded(run, name)) for name in sides]
    above, below = ["", *(above for above, _ in headings)], [title, *(below for _, below in headings)]
    rows = [
        [METRIC_NAMES[name], *(figure(name, values.get(name)) for values in sides.values())]
        for name in names
        if (enough or name not in WITHHELD) and any(name in values for values in sides.values())
    ]
    return columns([above, below, *rows])


def _drawdown_lines(run: RunFolder) -> Iterator[str]:
    """When the deepest fall of the agents' accounts together was."""
    agents = run.summary()["metrics"].get(ALL, {})
    peak, trough, back = (agents.get(f"max_drawdown_{place}_session") for place in ("peak", "trough", "recovery"))
    if peak is not None:
        ending = f"made good on {back}" if back is not None else "not made good by the end"
        yield from wrapped(f"the agents' deepest fall: from {peak} to {trough}, {ending}")


def symbols_table(run: RunFolder) -> str:
    """One row a symbol and ALL; empty where there is one symbol. An account with too few sessions or round trips has no Sharpe ratio."""
    if len(run.symbols) < 2:
        return ""
    summary = run.summary()
    held = summary["baselines"].get(BUY_AND_HOLD, {})
    rows = [
        [
            symbol,
            percent(values.get("total_return_fraction")),
            percent(held.get(symbol, {}).get("total_return_fraction")),
            number(values.get("sharpe_ratio")) if enough_of(run, symbol) else NONE,
            percent(values.get("max_drawdown_fraction")),
            percent(values.get("exposure_fraction"), decimals=0, signed=False),
            number(values.get("trades")),
        ]
        for symbol, values in summary["metrics"].items()
    ]
    return columns([["by symbol", "return", "buy and hold", "Sharpe", "drawdown", "exposure", "round trips"], *rows]) if rows else ""


def _risk_lines(run: RunFolder) -> Iterator[str]:
    """How often the risk layer, the sizing or the open changed what was asked."""
    decisions, orders = readable(run.decisions), readable(run.orders)
    counts = Counter(line["risk"]["reason_code"] for line in decisions)
    counts.update(row["fill_reason_code"] for row in orders if row["fill_reason_code"] is not None)
    counts.update(row["reason_code"] for row in orders if row["order_id"] != order_id(row["symbol"], row["session"]))  # inside a bar
    forced = sum(row["forced"] for row in orders)
    remarkable = sorted((code, count) for code, count in counts.items() if code not in UNREMARKABLE)
    if remarkable:
        yield f"reason codes over {counted(len(decisions), 'decision')}, {counted(forced, 'forced sell')}"
        width = max(len(code) for code, _ in remarkable)
        for code, count in remarkable:
            yield from wrapped(_meaning(code), first=f"  {code:<{width}}  {count:>5d}  ")


def _meaning(code: str) -> str:
    return ReasonCode[code].meaning if code in ReasonCode.__members__ else ""


def readable(read: Any) -> list[Line]:
    """Rows, or none where the file is damaged: `show` still shows the header; whoever reads the rows gets the error."""
    try:
        rows: list[Line] = read()
    except DataError:
        return []
    return rows


def _hold_lines(run: RunFolder) -> Iterator[str]:
    holds = run.summary()["holds"]
    total = sum(holds.values())
    if total:
        yield f"no order on {counted(total, 'decision')}"
        yield from (f"  {kind:<10}  {holds[kind]:>5d}  {HOLD_MEANINGS[kind]}" for kind in HOLD_KINDS if holds[kind])


def _order_lines(run: RunFolder) -> Iterator[str]:
    """What became of the orders, in one line; `cut` counts those that a price dearer than the buffer made smaller."""
    orders = run.header.get("orders") or {}
    if orders.get("sent"):
        ends = ", ".join(f"{orders[status]:,d} {status}" for status in ORDER_STATUSES if orders[status])
        yield from wrapped(f"{counted(orders['sent'], 'order')} sent: {ends}")


def _calls_table(run: RunFolder) -> str:
    calls = run.header.get("calls") or {}
    by_agent = calls.get("by_agent") or {}
    if not by_agent:
        return ""
    rows = [
        [agent, *(number(counts.get(key, 0)) for key in ("calls", "failed", "prompt_tokens", "completion_tokens"))]
        for agent, counts in by_agent.items()
    ]
    heading = ["model calls", "calls", "failed", "tokens in", "tokens out"]
    costs = [counts.get("cost_usd") for counts in by_agent.values()]
    if any(costs):  # neither unknown nor nothing
        heading, rows = [*heading, "USD"], [[*row, usd(cost, decimals=4)] for row, cost in zip(rows, costs, strict=True)]
    total = run.summary()["calls"]
    last = f"total {total['total']:,d} calls: {total['recorded']:,d} recorded, {total['live']:,d} live, {total['failed']:,d} failed"
    return "\n".join([columns([heading, *rows]), last, *_money_lines(run)])


def _money_lines(run: RunFolder) -> Iterator[str]:
    """What the answers cost, and what of it the run itself paid; nothing where no server is asked."""
    header = run.header
    cost_usd, spent_usd = header.get("cost_usd"), header.get("spent_usd")
    if cost_usd:
        yield from wrapped(f"the answers cost {usd(cost_usd, decimals=4)} USD; this run paid {usd(spent_usd, decimals=4)} of it")
    elif cost_usd is None and "cost_usd" in header:
        yield from wrapped("what the answers cost in USD is not known: no price in models.toml, or answers without a count of tokens")


def _missing_lines(run: RunFolder) -> Iterator[str]:
    """Baselines that could not be run, and why."""
    for name, reason in (run.header.get("baselines_missing") or {}).items():
        yield from wrapped(f"{name.replace('_', ' ')}: {reason}", first="missing  ")


def _notes(run: RunFolder) -> Iterator[str]:
    for place, assumption in enumerate(assumption_lines(run.header)):
        yield from wrapped(assumption, first="         " if place else "assumes  ")
    if run.header.get("baselines_hindsight"):
        names = " and ".join(name.replace("_", " ") for name in run.header["baselines_hindsight"])
        yield from wrapped(f"{names} know the agents' weights of the whole window (hindsight)", first="caution  ")
    yield from _missing_lines(run)
    for check in readable(run.checks):
        yield from wrapped(_check_text(check), first="checked  ")
    yield from wrapped("one path of one market: one run shows no skill", first="note     ")


def _check_text(check: Line) -> str:
    where = ", ".join(f"{key} {check[key]}" for key in ("file", "line", "field") if check.get(key) is not None)
    return f"{check.get('check', NONE)} {str(check.get('at', ''))[:10]}: {'ok' if check.get('ok') else f'FAILED, {where}'}"
