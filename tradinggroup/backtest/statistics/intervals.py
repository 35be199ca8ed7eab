"""Intervals of many accounts at once: one set of drawn sessions for all of them, at the chosen block length and at three others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tradinggroup.backtest.metrics.series import Values
from tradinggroup.backtest.statistics.block_length import OTHER_BLOCK_SESSIONS
from tradinggroup.backtest.statistics.p_values import two_sided_p_value
from tradinggroup.backtest.statistics.resampling import (
    Places,
    drawn_places,
    resampled_drawdowns,
    resampled_sharpe_ratios,
    resampled_total_returns,
    session_counts,
    stream,
    widening,
)

LEVEL = 0.95
RETURN, SHARPE = "total_return_fraction", "sharpe_ratio"
DRAWDOWN_QUANTILES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
LARGEST_UNDEFINED_FRACTION = 0.01
"""Share of draws without volatility above which a Sharpe ratio has no interval (ours)."""
_DECIMALS = 6
"""Ends and p-values are rounded: beyond this they would say how a machine sums."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How sessions are drawn: the same for every account and baseline."""

    sessions: int
    """Returns of the window."""
    draws: int
    block_sessions: float
    seed: int
    cash_rate_per_year: float = 0.0

    @property
    def other_blocks(self) -> tuple[int, ...]:
        """Block lengths whose results stand beside: those that fit into the window at least twice."""
        return tuple(length for length in OTHER_BLOCK_SESSIONS if 2 * length <= self.sessions)

    def places(self, block_sessions: float) -> Places:
        """Drawn sessions (draws, sessions) in blocks of this mean length."""
        random = stream(self.seed, f"blocks of {block_sessions:g} sessions")
        return drawn_places(self.sessions, draws=self.draws, block_sessions=block_sessions, random=random)

    def resampled(self, returns: Values, places: Places, block_sessions: float) -> dict[str, Values]:
        """Metrics of every draw (draws, n_accounts) of session returns (sessions, n_accounts)."""
        counts, factor = session_counts(places), widening(self.sessions, block_sessions)
        rate = self.cash_rate_per_year
        return {
            RETURN: resampled_total_returns(counts, returns, factor=factor),
            SHARPE: resampled_sharpe_ratios(counts, returns, cash_rate_per_year=rate, factor=factor),
        }


class Intervals:
    """Intervals of accounts and of differences between two of them."""

    def __init__(self, returns: Mapping[Any, Values], bootstrap: Bootstrap) -> None:
        """Draw. `returns` are session returns (sessions,) by any key of an account."""
        self._columns = {key: place for place, key in enumerate(returns)}
        self._returns = np.column_stack(list(returns.values()))
        self._places = bootstrap.places(bootstrap.block_sessions)
        self._chosen = bootstrap.resampled(self._returns, self._places, bootstrap.block_sessions)
        self._others = {length: bootstrap.resampled(self._returns, bootstrap.places(length), length) for length in bootstrap.other_blocks}

    def of(self, key: Any, metric: str) -> dict[str, Any]:
        """`low`, `high` at 95 %, the same `by_block_length`, and `reason` where there is none."""
        column = self._columns[key]
        return self._interval(self._chosen[metric][:, column], [each[metric][:, column] for each in self._others.values()])

    def of_difference(self, key: Any, less: Any, metric: str) -> dict[str, Any]:
        """As `of`, of the metric of `key` less that of `less` in the same draws; with `p_value`."""
        first, second = self._columns[key], self._columns[less]
        differences = [each[metric][:, first] - each[metric][:, second] for each in (self._chosen, *self._others.values())]
        found = self._interval(differences[0], differences[1:])
        is_known = found["low"] is not None
        p_value = two_sided_p_value(differences[0][~np.isnan(differences[0])]) if is_known else None
        return {**found, "p_value": rounded(p_value)}

    def drawdown(self, key: Any) -> dict[str, float]:
        """Quantiles of the maximum drawdown over the draws: a distribution, not an interval."""
        drawn = resampled_drawdowns(self._places, self._returns[:, self._columns[key]])
        quantiles = np.quantile(drawn, list(DRAWDOWN_QUANTILES.values())).tolist()
        return {name: round(value, _DECIMALS) for name, value in zip(DRAWDOWN_QUANTILES, quantiles, strict=True)}

    def _interval(self, chosen: Values, others: Sequence[Values]) -> dict[str, Any]:
        low, high = _ends(chosen)
        beside = {
            str(length): dict(zip(("low", "high"), _ends(each), strict=True)) for length, each in zip(self._others, others, strict=True)
        }
        reason = None if low is not None else "too many draws have no volatility"
        return {"low": low, "high": high, "by_block_length": beside, "reason": reason}


def _ends(drawn: Values) -> tuple[float | None, float | None]:
    defined = drawn[~np.isnan(drawn)]
    if len(defined) < (1 - LARGEST_UNDEFINED_FRACTION) * len(drawn):
        return None, None
    low, high = np.quantile(defined, ((1 - LEVEL) / 2, (1 + LEVEL) / 2)).tolist()
    return round(low, _DECIMALS), round(high, _DECIMALS)


def rounded(value: float | None) -> float | None:
    """To six decimals; None stays None."""
    return None if value is None else round(value, _DECIMALS)
