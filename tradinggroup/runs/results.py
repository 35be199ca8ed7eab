"""What a run amounts to, computed from its own rows: metrics, baselines, forecasts, holds. These are the header's figures.

Everything is read back from the files of the folder, so that a reader of the files gets the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tradinggroup.backtest.baselines.runner import AgentRows, BaselineReport, BaselineResult
from tradinggroup.backtest.cost_waterfall import waterfalls
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.metrics import metrics_by_symbol
from tradinggroup.backtest.orders import ORDER_STATUSES
from tradinggroup.backtest.stop_statistics import stop_statistics
from tradinggroup.data.records import ActionKind
from tradinggroup.models.bill import Bill
from tradinggroup.models.gateway import CallStatistics
from tradinggroup.runs.baseline_figures import BaselineJob, random_figures
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.forecast_figures import forecast_figures
from tradinggroup.runs.inputs import RunInputs
from tradinggroup.runs.statistics_figures import power_figures, statistics_figures
from tradinggroup.runs.summary import HOLD_KINDS

Rows = Sequence[Mapping[str, Any]]

FINSABER_WARNING = (
    "convention finsaber: bars of calendar days (weekends repeat Friday), fills at opens that may be past, the source's adjusted prices, "
    "commission floor before cap, Sharpe less 3 % a year: compare with the paper's baselines only"
)


def call_figures(statistics: CallStatistics, bill: Bill) -> dict[str, Any]:
    """`calls`, `cost_usd`, `spent_usd`, the models that answered, and a warning of each that changed on the way.

    `cost_usd` is what the run's answers cost when they were asked for, `spent_usd` what the run itself paid: recorded answers cost it
    nothing. A bill that nobody knows is None, never zero.
    """
    by_agent = {
        agent: {
            "calls": calls.calls,
            "failed": calls.failed,
            "prompt_tokens": calls.prompt_tokens,
            "completion_tokens": calls.completion_tokens,
            "cost_usd": bill.of_agent(agent),
        }
        for agent, calls in statistics.by_agent.items()
    }
    return {
        "calls": {
            "total": statistics.total,
            "recorded": statistics.recorded,
            "live": statistics.live,
            "failed": statistics.failed,
            "by_agent": by_agent,
        },
        "models_returned": sorted({name for names in statistics.models_returned.values() for name in names}),
        "warnings": [
            *(
                f"what answered as {asked} changed within the run: {', '.join(names)}"
                for asked, names in statistics.models_returned.items()
                if len(names) > 1
            ),
            *([_unmetered(bill.unmetered)] if bill.unmetered else []),
        ],
        "cost_usd": bill.cost_usd,
        "spent_usd": bill.spent_usd,
    }


def _unmetered(answers: int) -> str:
    """The warning of answers without a count."""
    return f"answers that came without a usable count of tokens: {answers}; their cost is unknown, and a budget takes an estimate by bytes"


def hold_figures(run: RunFolder) -> dict[str, int]:
    """Decision lines without an order, by kind of hold."""
    kinds = [line["hold_kind"] for line in run.decisions()]
    return {kind: kinds.count(kind) for kind in HOLD_KINDS}


def order_figures(run: RunFolder) -> dict[str, int]:
    """The agents' orders, exits inside a bar included, and how they ended."""
    statuses = [row["status"] for row in run.orders()]
    return {"sent": len(statuses), **{status: statuses.count(status) for status in ORDER_STATUSES}}


def stop_figures(run: RunFolder, markets: Mapping[str, SymbolMarket]) -> dict[str, Any]:
    """How the agents' stops ended, by symbol and ALL."""
    splits = {
        symbol: [
            (action.ex_session.isoformat(), action.ratio or 1.0)
            for actions in market.actions
            for action in actions
            if action.kind is ActionKind.SPLIT
        ]
        for symbol, market in markets.items()
    }
    return _plain(stop_statistics(run.decisions(), orders=run.orders(), fills=run.fills(), splits=splits))


def result_figures(
    inputs: RunInputs,
    run: RunFolder,
    *,
    markets: Mapping[str, SymbolMarket],
    model_bill_usd: float | None,
    made: Mapping[str, BaselineResult],
) -> tuple[dict[str, Any], BaselineReport]:
    """The figures of a run that reached its end, and its baselines for their files.

    A bill that nobody knows is None. `made` are baselines that were run beside the agents.
    """
    rate = inputs.experiment.cash_rate_per_year
    agents = _agent_rows(run, inputs.experiment.symbols) if inputs.experiment.agents_enabled else None
    report, baselines = BaselineJob(inputs, markets).run_rest(agents, made)
    measured = metrics_by_symbol(agents.equity, agents.fills, cash_rate_per_year=rate) if agents is not None else {}
    metrics, power = _plain(measured), power_figures(inputs, markets)
    figures = {
        "holds": hold_figures(run),
        "orders": order_figures(run),
        "metrics": metrics,
        "stops": stop_figures(run, markets) if agents is not None else {},
        "costs": _costs(agents, cash_usd=inputs.experiment.cash_usd, model_bill_usd=model_bill_usd),
        "baselines": baselines,
        "baselines_missing": {name: result.explanation for name, result in report.results.items() if result.explanation is not None},
        "baselines_hindsight": [name for name in baselines if report.results[name].hindsight],
        "baselines_guarded": [name for name in baselines if report.results[name].guarded],
        "random": random_figures(report.draws, metrics=metrics, baselines=baselines),
        "forecasts": forecast_figures(inputs, run.outcomes()),
        "statistics": statistics_figures(inputs, agents, measured, report),
        "power": power.to_plain() if power is not None else {},
        "warnings": [FINSABER_WARNING] if inputs.experiment.convention == "finsaber" else [],
    }
    return figures, report


def _costs(agents: AgentRows | None, *, cash_usd: float, model_bill_usd: float | None) -> dict[str, Any]:
    """The cost waterfall of the agents, by symbol and ALL; empty without agents."""
    if agents is None:
        return {}
    return _plain(waterfalls(agents.equity, agents.fills, cash_usd=cash_usd, model_bill_usd=model_bill_usd))


def _agent_rows(run: RunFolder, symbols: Sequence[str]) -> AgentRows:
    return AgentRows(equity=_by_symbol(run.equity(), symbols), fills=_by_symbol(run.fills(), symbols))


def _by_symbol(rows: Rows, symbols: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows of each symbol, with sessions as dates."""
    found: dict[str, list[dict[str, Any]]] = {symbol: [] for symbol in symbols}
    for row in rows:
        found[row["symbol"]].append({**row, "session": date.fromisoformat(row["session"])})
    return found


def _plain(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {symbol: each.to_plain() for symbol, each in metrics.items()}
