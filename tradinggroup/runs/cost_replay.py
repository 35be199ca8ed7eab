"""A run's own orders at other costs: what trading cost it, with every decision held fixed.

The share counts that were decided are ordered again at the same closes, through the same account rules, at no costs, at the run's, and
at twice the run's. The agents are not asked: at other costs they would have seen another account and might have decided otherwise.
A purchase that no longer fits the cash is cut, and counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tradinggroup.backtest.cost_waterfall import CostWaterfall, waterfalls
from tradinggroup.backtest.engine import run_account
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.market import SymbolMarket, market_of
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.metrics import Metrics, metrics_by_symbol
from tradinggroup.backtest.orders import order_id
from tradinggroup.backtest.sink import RowKind
from tradinggroup.backtest.trader import ExitRules, OrderIntent
from tradinggroup.desk.state import TradingRules
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.project import Project
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission, Slippage
from tradinggroup.risk.thresholds import Thresholds
from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.inputs import RunInputs, inputs_of_run
from tradinggroup.settings import CostSettings

FACTORS = (0, 1, 2)
ENDED = ("success", "invalid")
AMOUNTS = ("per_share_usd", "minimum_usd", "maximum_fraction", "commission_bps", "slippage_bps", "half_spread_bps")
"""The settings of `[costs]` that are amounts, and so can be twice as large."""


@dataclass(frozen=True, slots=True)
class CostScenario:
    """The run at `factor` times its costs, by symbol and ALL. The model's bill is the run's own at every factor."""

    factor: int
    metrics: Mapping[str, Metrics]
    costs: Mapping[str, CostWaterfall]
    orders: int
    """Orders decided; exits inside a bar are not among them."""
    orders_filled_less: int
    """Those that bought or sold fewer shares than in the run."""
    orders_filled_more: int

    def to_plain(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "factor": self.factor,
            "orders": self.orders,
            "orders_filled_less": self.orders_filled_less,
            "orders_filled_more": self.orders_filled_more,
            "metrics": {symbol: each.to_plain() for symbol, each in self.metrics.items()},
            "costs": {symbol: each.to_plain() for symbol, each in self.costs.items()},
        }


def replay_at_costs(project: Project, run: RunFolder, factors: Sequence[int] = FACTORS, *, delay_sessions: int = 0) -> list[CostScenario]:
    """The scenarios of a run that has ended, in the order of `factors`; none for a run without agents.

    With `delay_sessions` every order is placed so many sessions after its decision; those of the last ones are lost.
    Raises DataError: RUN_INVALID where the run did not end, or where its orders do not give its fills at its own costs; else where
    its bundle is missing or another one.
    """
    if run.status not in ENDED:
        raise DataError(
            ErrorCode.RUN_INVALID,
            f"run {run.run_id} did not end (status {run.status})",
            remedy=f"Go on with: tradinggroup backtest --resume {run.run_id}.",
        )
    inputs = inputs_of_run(project, run)
    if not inputs.experiment.agents_enabled:
        return []
    start, end = date.fromisoformat(run.header["start"]), date.fromisoformat(run.header["end"])
    markets = {symbol: market_of(inputs.bundle, symbol, start, end) for symbol in sorted(run.symbols)}
    return [_scenario(factor, run, inputs, markets, delay_sessions) for factor in factors]


def _scenario(factor: int, run: RunFolder, inputs: RunInputs, markets: Mapping[str, SymbolMarket], delay: int) -> CostScenario:
    sinks = {symbol: _played(factor, run, inputs, market, delay) for symbol, market in markets.items()}
    placed = {
        order_id(symbol, session): order_id(symbol, later) for symbol, market in markets.items() for session, later in _later(market, delay)
    }
    filled = {row["order_id"]: abs(row["shares_filled"]) for sink in sinks.values() for row in sink.rows[RowKind.ORDER]}
    if factor == 1 and not delay:
        _refuse_another_run(run, sinks)
    orders = [row for row in run.orders() if row["order_id"] == order_id(row["symbol"], date.fromisoformat(row["session"]))]
    equity, fills = ({symbol: sink.rows[kind] for symbol, sink in sinks.items()} for kind in (RowKind.EQUITY, RowKind.FILL))
    experiment = inputs.experiment
    return CostScenario(
        factor=factor,
        metrics=metrics_by_symbol(equity, fills, cash_rate_per_year=experiment.cash_rate_per_year),
        costs=waterfalls(equity, fills, cash_usd=experiment.cash_usd, model_bill_usd=run.header.get("cost_usd")),
        orders=len(orders),
        orders_filled_less=sum(filled.get(placed.get(row["order_id"], ""), 0) < abs(row["shares_filled"]) for row in orders),
        orders_filled_more=sum(filled.get(placed.get(row["order_id"], ""), 0) > abs(row["shares_filled"]) for row in orders),
    )


def _later(market: SymbolMarket, delay: int) -> Iterator[tuple[date, date]]:
    """(session of a decision, session at whose close it is ordered)."""
    return zip(market.sessions, market.sessions[delay:], strict=False)


def _played(factor: int, run: RunFolder, inputs: RunInputs, market: SymbolMarket, delay: int) -> MemorySink:
    sink, experiment, trader = MemorySink(), inputs.experiment, _OwnOrders.of(run, inputs, market.symbol)
    trader.delay({session: (later, _split_ratio(market, session, later)) for session, later in _later(market, delay)})
    costs = scaled(experiment.costs, factor)
    run_account(
        market,
        trader,
        cash_usd=experiment.cash_usd,
        commission=Commission.of(costs),
        sink=sink,
        cash_rate_per_year=experiment.cash_rate_per_year,
        slippage=Slippage.of(costs),
        execution=Execution.of(experiment),
        guard=trader,
    )
    return sink


def scaled(costs: CostSettings, factor: int) -> CostSettings:
    """Every amount of the costs times `factor`; what kind they are stays."""
    return costs.model_copy(update={name: getattr(costs, name) * factor for name in AMOUNTS})


def _refuse_another_run(run: RunFolder, sinks: Mapping[str, MemorySink]) -> None:
    """At its own costs the run must come out, or the other scenarios say nothing about it."""
    again = [(row["order_id"], row["shares"], row["price_usd"]) for sink in sinks.values() for row in sink.rows[RowKind.FILL]]
    if sorted(again) != sorted((row["order_id"], row["shares"], row["price_usd"]) for row in run.fills()):
        raise DataError(
            ErrorCode.RUN_INVALID,
            f"the orders of run {run.run_id} do not give its fills",
            remedy=f"See where it differs: tradinggroup verify {run.run_id}.",
        )


class _OwnOrders:
    """The run's orders and exits of one symbol, whatever the account looks like."""

    def __init__(self, intents: Mapping[date, OrderIntent], exits: Mapping[date, ExitRules | None]) -> None:
        self._intents = intents
        self._exits = exits
        self.exits: ExitRules | None = None

    @classmethod
    def of(cls, run: RunFolder, inputs: RunInputs, symbol: str) -> _OwnOrders:
        stages = [(past.until, TradingRules.of(past.inputs.experiment, past.inputs.profile)) for past in inputs.past]
        last = TradingRules.of(inputs.experiment, inputs.profile)

        def rules(session: date) -> TradingRules:
            return next((stage for until, stage in stages if session < until), last)

        orders = {date.fromisoformat(row["session"]): row for row in run.orders() if row["symbol"] == symbol}
        lines = {date.fromisoformat(line["session"]): line for line in run.decisions() if line["symbol"] == symbol}
        ended = {session: code for session, line in lines.items() if (code := line["sizing"].get("ended_purchase"))}
        decided = {session: _intent(row, rules(session)) for session, row in orders.items() if row["order_id"] == order_id(symbol, session)}
        return cls(
            {session: _ending_intent(ReasonCode[code]) for session, code in ended.items()} | decided,
            {session: rules(session).exits(_thresholds(line)) for session, line in lines.items()},
        )

    def delay(self, placed: Mapping[date, tuple[date, float]]) -> None:
        """Place each order at another close, on the share scale there: `placed` by the session of its decision; others never."""
        self._intents = {
            placed[session][0]: _scaled_intent(intent, placed[session][1]) for session, intent in self._intents.items() if session in placed
        }

    def on_close(self, session: date, account: Account) -> OrderIntent | None:  # noqa: ARG002 (a trader's signature)
        """What was ordered at this close in the run."""
        self.exits = self._exits.get(session, self.exits)
        return self._intents.get(session)


def _intent(row: Line, rules: TradingRules) -> OrderIntent:
    return OrderIntent(
        shares=row["shares_ordered"],
        action=row["action"],
        style=row["style"],
        code=ReasonCode[row["reason_code"]],
        forced=row["forced"],
        wanted_shares=row["shares_wanted"],
        limits=rules.profile.limits,
    )


def _ending_intent(code: ReasonCode) -> OrderIntent:
    """No order, and the end of the rest of a purchase."""
    return OrderIntent(shares=0, action="hold", style=None, code=code, forced=False, wanted_shares=0, ends_purchase=code)


def _scaled_intent(intent: OrderIntent, ratio: float) -> OrderIntent:
    return replace(intent, shares=int(intent.shares * ratio), wanted_shares=int(intent.wanted_shares * ratio))


def _split_ratio(market: SymbolMarket, after: date, through: date) -> float:
    """New shares for one old by the splits after the one session and up to the other."""
    between = (group for session, group in zip(market.sessions, market.actions, strict=True) if after < session <= through)
    return math.prod(action.ratio or 1.0 for group in between for action in group)


def _thresholds(line: Line) -> Thresholds | None:
    levels = line["risk"]["thresholds"]
    return None if levels is None else Thresholds(**levels)
