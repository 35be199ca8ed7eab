"""The baselines of a run by its convention, and their figures in the header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any

from tradinggroup.backtest.baselines.guarded import Guard, known_at_closes
from tradinggroup.backtest.baselines.history import history_of
from tradinggroup.backtest.baselines.random_draws import RandomDraws
from tradinggroup.backtest.baselines.rules import Costs
from tradinggroup.backtest.baselines.runner import (
    HINDSIGHT,
    AgentRows,
    BaselineReport,
    BaselineResult,
    run_baselines,
)
from tradinggroup.backtest.baselines.shared import BaselineSettings
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.finsaber.bars import window_of
from tradinggroup.backtest.finsaber.runner import finsaber_figures, run_finsaber
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.metrics import metrics_by_symbol
from tradinggroup.risk.costs import Commission, Slippage
from tradinggroup.runs.inputs import RunInputs
from tradinggroup.runs.summary import ALL

BUY_AND_HOLD = "buy_and_hold"
Figures = Mapping[str, Mapping[str, Any]]
"""Metrics by symbol and ALL, as plain values."""


class BaselineJob:
    """The baselines of one run. Those without hindsight may be made early, beside the agents."""

    def __init__(self, inputs: RunInputs, markets: Mapping[str, SymbolMarket]) -> None:
        self._inputs = inputs
        self._markets = markets

    @property
    def early_names(self) -> tuple[str, ...]:
        """Baselines that need nothing of the agents; none where there are no agents to be beside."""
        experiment = self._inputs.experiment
        return tuple(name for name in experiment.baselines if name not in HINDSIGHT) if experiment.agents_enabled else ()

    def run_early(self, stop: Event) -> Mapping[str, BaselineResult]:
        """The baselines that need nothing of the agents. Raises BaselinesStoppedError once `stop` is set."""
        return self._run(self.early_names, stop=stop).results

    def run_rest(self, agents: AgentRows | None, made: Mapping[str, BaselineResult]) -> tuple[BaselineReport, dict[str, dict[str, Any]]]:
        """All baselines by the experiment's convention, and their metrics by name and symbol; those that are `made` are not run again."""
        experiment = self._inputs.experiment
        if experiment.convention == "finsaber":
            return _finsaber_baselines(self._inputs)
        report = self._run(experiment.baselines, agents=agents, made=made)
        rate = experiment.cash_rate_per_year
        return report, {name: _figures_of(result, rate) for name, result in report.results.items() if result.reason is None}

    def _run(
        self,
        names: Sequence[str],
        *,
        agents: AgentRows | None = None,
        made: Mapping[str, BaselineResult] | None = None,
        stop: Event | None = None,
    ) -> BaselineReport:
        looks_at_prices = not set(names) <= {*HINDSIGHT, *(made or ())}
        markets = self._markets if looks_at_prices else {}
        return run_baselines(
            names,
            self._markets,
            histories={symbol: history_of(self._inputs.bundle, symbol, market.sessions[-1]) for symbol, market in markets.items()},
            settings=_settings(self._inputs, guard=_guard(self._inputs, markets) if self._inputs.experiment.guarded else None),
            agents=agents,
            made=made,
            stop=stop,
        )


def random_figures(draws: RandomDraws | None, *, metrics: Figures, baselines: Mapping[str, Figures]) -> dict[str, Any]:
    """Where the agents stand among the random draws, as `random` of the header; `metrics` are the agents'."""
    if draws is None:
        return {"draws": 0, "agents_percentile": None}
    agents = metrics[ALL]
    return {
        "draws": len(draws.offsets),
        "agents_percentile": draws.agents_percentile,
        "total_return_fraction": draws.return_quantiles,
        "exposure_fraction": {"agents": agents["exposure_fraction"], "draws": draws.exposure_fraction},
        "turnover_per_year": {"agents": agents["turnover_per_year"], "draws": draws.turnover_per_year},
        "symbols_won": _symbols_won(draws, metrics, baselines.get(BUY_AND_HOLD)),
    }


def _symbols_won(draws: RandomDraws, metrics: Figures, held: Figures | None) -> dict[str, Any] | None:
    """In how many symbols the agents made more than buy and hold, and how often draws did in so many; None without buy and hold."""
    if held is None:
        return None
    returns = {symbol: held[symbol]["total_return_fraction"] for symbol in draws.symbol_returns}
    won = [symbol for symbol, other in returns.items() if metrics[symbol]["total_return_fraction"] > other]
    shares = draws.won_against(returns)
    return {"agents": len(won), "of": len(returns), "distribution": {str(number): share for number, share in shares.items()}}


def _settings(inputs: RunInputs, *, guard: Guard | None) -> BaselineSettings:
    experiment = inputs.experiment
    return BaselineSettings(
        cash_usd=experiment.cash_usd,
        costs=Costs(Commission.of(experiment.costs), experiment.gap_buffer_fraction, Slippage.of(experiment.costs)),
        cash_rate_per_year=experiment.cash_rate_per_year,
        seed=experiment.seed,
        random_draws=experiment.random_draws,
        training_years={symbol: experiment.training_years_of(symbol) for symbol in experiment.symbols},
        execution=Execution.of(experiment),
        guard=guard,
    )


def _guard(inputs: RunInputs, markets: Mapping[str, SymbolMarket]) -> Guard:
    experiment, profile = inputs.experiment, inputs.profile
    known = {symbol: known_at_closes(inputs.bundle, market, profile, experiment.agents.forecasting) for symbol, market in markets.items()}
    return Guard(profile, experiment.guarded_style, profile.stop_mode(experiment.stops), known)


def _figures_of(result: BaselineResult, cash_rate_per_year: float) -> dict[str, Any]:
    """Metrics by symbol, and of ALL where no symbol was left out."""
    found = metrics_by_symbol(result.equity, result.fills, cash_rate_per_year=cash_rate_per_year)
    return {symbol: each.to_plain() for symbol, each in found.items() if result.is_whole or symbol in result.equity}


def _finsaber_baselines(inputs: RunInputs) -> tuple[BaselineReport, dict[str, dict[str, Any]]]:
    experiment = inputs.experiment
    windows = {
        symbol: window_of(
            inputs.bundle,
            symbol,
            start=experiment.start,
            end=experiment.end,
            training_years=experiment.training_years_of(symbol),
        )
        for symbol in sorted(experiment.symbols)
    }
    report = run_finsaber(experiment.baselines, windows, cash_usd=experiment.cash_usd)
    figures = {
        name: finsaber_figures(result, cash_usd=experiment.cash_usd) for name, result in report.results.items() if result.reason is None
    }
    return report, figures
