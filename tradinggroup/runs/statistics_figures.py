"""The `statistics` and `power` of a run's header: what its numbers can bear, and what its window could have shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np

from tradinggroup.backtest.baselines.history import SessionHistory, history_of
from tradinggroup.backtest.baselines.runner import AgentRows, BaselineReport
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.metrics.accounts import Metrics
from tradinggroup.backtest.metrics.series import Values, session_returns
from tradinggroup.backtest.statistics.figures import Sampling, equity_paths, run_statistics
from tradinggroup.backtest.statistics.power import CORRELATION_SESSIONS, Power, mean_correlation, power_of
from tradinggroup.data.features import closes_needed
from tradinggroup.reflection.base_rates import MINIMUM_LABELS
from tradinggroup.runs.inputs import RunInputs


def statistics_figures(
    inputs: RunInputs, agents: AgentRows | None, metrics: Mapping[str, Metrics], report: BaselineReport
) -> dict[str, Any]:
    """Intervals of the agents and of their lead over each baseline; empty without agents, or under another convention."""
    experiment = inputs.experiment
    if agents is None or experiment.convention != "default":
        return {}
    baselines = {
        name: equity_paths(result.equity, is_whole=result.is_whole) for name, result in report.results.items() if result.reason is None
    }
    sampling = Sampling(experiment.statistics.bootstrap_draws, experiment.seed, experiment.cash_rate_per_year)
    return run_statistics(equity_paths(agents.equity), metrics, baselines, sampling=sampling)


def power_figures(inputs: RunInputs, markets: Mapping[str, SymbolMarket]) -> Power | None:
    """The smallest effects that the window can show; None without agents, under another convention, or under 2 sessions."""
    experiment = inputs.experiment
    sessions = next(iter(markets.values())).sessions
    if not experiment.agents_enabled or experiment.convention != "default" or len(sessions) < 2:
        return None
    histories = {symbol: history_of(inputs.bundle, symbol, sessions[0]) for symbol in markets}
    before = returns_before(histories, sessions[0])
    return power_of(
        len(sessions) - 1,
        forecasts=0 if "forecasting" in experiment.without else _comparable_forecasts(inputs, histories, sessions),
        symbols=len(markets),
        correlation=mean_correlation(before),
        correlation_sessions=min(map(len, before.values())),
    )


def returns_before(histories: Mapping[str, SessionHistory], first: date) -> dict[str, Values]:
    """Session returns before `first` of each symbol, over the sessions that all have, at most `CORRELATION_SESSIONS`."""
    closes = {symbol: dict(zip(history.sessions, history.close_usd.tolist(), strict=True)) for symbol, history in sorted(histories.items())}
    shared = set.intersection(*(set(by_session) for by_session in closes.values()))
    sessions = sorted(session for session in shared if session < first)[-CORRELATION_SESSIONS - 1 :]
    return {symbol: session_returns(np.array([by_session[session] for session in sessions])) for symbol, by_session in closes.items()}


def _comparable_forecasts(inputs: RunInputs, histories: Mapping[str, SessionHistory], sessions: tuple[date, ...]) -> int:
    """Forecasts of a symbol that a base rate stands beside: the last has no outcome, the first ones may lack labels before them."""
    needed = closes_needed(inputs.experiment.agents.forecasting)
    labels = max(0, min(history.count_before(sessions[0]) for history in histories.values()) - needed)
    return max(0, len(sessions) - 1 - max(0, MINIMUM_LABELS - labels))
