"""The `statistics` of a run's header: how far its return, Sharpe ratio and lead over each baseline can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tradinggroup.backtest.metrics.accounts import ALL, Metrics
from tradinggroup.backtest.metrics.returns import sharpe_ratio, total_return_fraction
from tradinggroup.backtest.metrics.series import UndefinedError, Values, session_returns
from tradinggroup.backtest.sink import Row
from tradinggroup.backtest.statistics.block_length import BlockLength
from tradinggroup.backtest.statistics.enough import is_enough
from tradinggroup.backtest.statistics.intervals import LEVEL, RETURN, SHARPE, Bootstrap, Intervals, rounded
from tradinggroup.backtest.statistics.p_values import holm_adjusted
from tradinggroup.backtest.statistics.power import mean_correlation, smallest_sharpe_difference
from tradinggroup.backtest.statistics.sharpe import SharpeMoments, minimum_track_record_returns, probabilistic_sharpe_ratio

LEAST_RETURNS = 10
"""Returns below which nothing is resampled at all."""
AGENTS = "agents"

Paths = Mapping[str, Values]
"""Equity in USD (n_sessions,) by symbol, and of ALL where every symbol has some."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """What the figures depend on besides the accounts."""

    draws: int
    seed: int
    cash_rate_per_year: float = 0.0


def equity_paths(equity: Mapping[str, Sequence[Row]], *, is_whole: bool = True) -> dict[str, Values]:
    """Equity by symbol, and of ALL, their sum, where `is_whole`. Rows of `equity.csv`, by session, the same for all symbols."""
    paths = {symbol: np.array([row["equity_usd"] for row in rows], dtype=np.float64) for symbol, rows in equity.items()}
    return paths | ({ALL: np.sum(list(paths.values()), axis=0)} if is_whole and paths else {})


def run_statistics(agents: Paths, metrics: Mapping[str, Metrics], baselines: Mapping[str, Paths], *, sampling: Sampling) -> dict[str, Any]:
    """The object `statistics` of `run.json`; its fields stand in `docs/statistics.md`.

    Args:
        agents: equity by symbol and of ALL.
        metrics: the agents' metrics, by the same names.
        baselines: the same by name of the baseline; one without a symbol, or without ALL, is compared in what it has.
        sampling: draws and seed.
    """
    whole = metrics[ALL]
    enough = is_enough(whole.sessions, whole.trades)
    head = {
        "sessions": whole.sessions,
        "round_trips": whole.trades,
        "enough": bool(enough),
        "reason": enough.reason or None,
        "level": LEVEL,
    }
    if whole.sessions <= LEAST_RETURNS:
        return head | {"reason": f"{enough.reason}; nothing is resampled under {LEAST_RETURNS} returns"}
    if any(np.any(path <= 0) for paths in (agents, *baselines.values()) for path in paths.values()):
        return head | {"reason": "an account lost everything: its returns cannot be resampled"}
    returns = {(AGENTS, name): session_returns(path) for name, path in agents.items()}
    returns |= {(baseline, name): session_returns(path) for baseline, paths in baselines.items() for name, path in paths.items()}
    block = BlockLength.choose(*_series_of_all(returns, baselines), holding_sessions=whole.average_holding_sessions)
    bootstrap = Bootstrap(whole.sessions - 1, sampling.draws, block.sessions, sampling.seed, sampling.cash_rate_per_year)
    found = _Found(agents, baselines, Intervals(returns, bootstrap), sampling.cash_rate_per_year)
    return {
        **head,
        "draws": sampling.draws,
        "block_length": block.sessions,
        "block_length_from": asdict(block),
        "metrics": {name: found.metrics(name) for name in agents},
        "differences": {name: found.differences(name) for name in baselines},
        "sharpe": sharpe_figures(returns[AGENTS, ALL], cash_rate_per_year=sampling.cash_rate_per_year),
    }


def sharpe_figures(returns: Values, *, cash_rate_per_year: float) -> dict[str, Any]:
    """Per-session ratio, the probability that the true one is above zero, and the sessions until that is 95 %; or `reason`."""
    figures: dict[str, Any] = {"per_session": None, "probability_above_zero": None, "minimum_track_record_sessions": None, "reason": None}
    try:
        moments = SharpeMoments.of(returns, cash_rate_per_year=cash_rate_per_year)
        figures |= {"per_session": moments.sharpe_per_session, "probability_above_zero": probabilistic_sharpe_ratio(moments)}
        figures["minimum_track_record_sessions"] = minimum_track_record_returns(moments, level=LEVEL) + 1  # n rows are n - 1 returns
    except UndefinedError as reason:
        figures["reason"] = str(reason)
    return figures


def _series_of_all(returns: Mapping[tuple[str, str], Values], baselines: Mapping[str, Paths]) -> list[Values]:
    """What the automatic block length looks at: the agents' returns of ALL, and their lead over each baseline."""
    own = returns[AGENTS, ALL]
    return [own, *(own - returns[name, ALL] for name, paths in baselines.items() if ALL in paths)]


@dataclass(frozen=True, slots=True)
class _Found:
    agents: Paths
    baselines: Mapping[str, Paths]
    intervals: Intervals
    cash_rate_per_year: float

    def metrics(self, name: str) -> dict[str, Any]:
        values = self._values(self.agents[name])
        found: dict[str, Any] = {metric: {"value": value} | self.intervals.of((AGENTS, name), metric) for metric, value in values.items()}
        return found | {"max_drawdown_fraction": {"quantiles": self.intervals.drawdown((AGENTS, name))}}

    def differences(self, baseline: str) -> dict[str, Any]:
        """By symbol and ALL; the p-values of the symbols adjusted for one another, metric by metric."""
        found = {name: self._difference(baseline, name) for name in self.baselines[baseline] if name in self.agents}
        for metric in (RETURN, SHARPE):
            known = {name: each[metric]["p_value"] for name, each in found.items() if name != ALL and each[metric]["p_value"] is not None}
            adjusted = holm_adjusted(known)
            for name, each in found.items():
                each[metric]["p_value_holm"] = rounded(adjusted.get(name))
        return found

    def _difference(self, baseline: str, name: str) -> dict[str, Any]:
        path, other_path = self.agents[name], self.baselines[baseline][name]
        own, other = self._values(path), self._values(other_path)
        correlation = mean_correlation({"own": session_returns(path), "other": session_returns(other_path)})
        found: dict[str, Any] = {
            metric: {"value": None if value is None or (less := other[metric]) is None else value - less}
            | self.intervals.of_difference((AGENTS, name), (baseline, name), metric)
            for metric, value in own.items()
        }
        smallest = None if correlation is None else smallest_sharpe_difference(len(path) - 1, correlation=correlation)
        return found | {"return_correlation": correlation, "smallest_sharpe_difference": smallest}

    def _values(self, equity_usd: Values) -> dict[str, float | None]:
        try:
            ratio: float | None = sharpe_ratio(equity_usd, cash_rate_per_year=self.cash_rate_per_year)
        except UndefinedError:
            ratio = None
        return {RETURN: total_return_fraction(equity_usd), SHARPE: ratio}
