"""All draws of the random baseline: circular shifts of the agents' weights, as a distribution that the agents stand in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.baselines.ledger import PathAccounts, accounts_of_paths
from tradinggroup.backtest.baselines.paths import WeightPath, circular_offsets, shifted_paths
from tradinggroup.backtest.baselines.shared import BaselineSettings
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.metrics.activity import exposure_fraction, turnover_per_year
from tradinggroup.backtest.sink import BAND_COLUMNS, Row

Values = npt.NDArray[np.float64]

QUANTILES: Mapping[str, float] = {"q05": 0.05, "q25": 0.25, "q50": 0.50, "q75": 0.75, "q95": 0.95}
"""Name -> share of the draws that are no higher."""


@dataclass(frozen=True, slots=True)
class RandomDraws:
    """What n_draws shifts of the agents' weights came to, with the same shifts for all symbols."""

    offsets: npt.NDArray[np.int64]
    """The shifts in sessions, shape (n_draws,)."""
    total_returns: Values
    """Total return of ALL, shape (n_draws,)."""
    agents_percentile: float
    """Share of the draws, 0 to 1, whose return of ALL is below the agents'; a tie counts half."""
    symbol_returns: Mapping[str, Values]
    """Total return of each symbol's account, shape (n_draws,)."""
    sessions: tuple[date, ...]
    band_usd: Values
    """Equity of ALL at each close by `QUANTILES`, shape (n_quantiles, n_sessions). No draw need follow any of these lines."""
    exposure_fraction: float
    """Mean over the draws of the mean exposure of ALL."""
    turnover_per_year: float
    """Mean over the draws of the turnover of ALL."""

    @property
    def median_offset(self) -> int:
        """The shift with the median return; of an even number the lower of the middle two, of equal returns the smallest shift."""
        order = np.lexsort((self.offsets, self.total_returns))
        return int(self.offsets[order[(len(order) - 1) // 2]])

    @property
    def return_quantiles(self) -> dict[str, float]:
        """Total return of ALL by `QUANTILES`, linear between two draws."""
        return dict(zip(QUANTILES, np.quantile(self.total_returns, list(QUANTILES.values())).tolist(), strict=True))

    @property
    def band_rows(self) -> list[Row]:
        """Rows of `baselines/random/band.csv`."""
        lines = self.band_usd.T.tolist()
        return [dict(zip(BAND_COLUMNS, (session, *line), strict=True)) for session, line in zip(self.sessions, lines, strict=True)]

    def won_against(self, returns: Mapping[str, float]) -> dict[int, float]:
        """Number of symbols whose return is above that of `returns` -> share of the draws in which it was so many, from none to all."""
        won = np.sum([self.symbol_returns[symbol] > other for symbol, other in returns.items()], axis=0, dtype=np.int64)
        counts = np.bincount(won, minlength=len(returns) + 1)
        return {number: count / len(self.offsets) for number, count in enumerate(counts.tolist())}


def draw_random(
    markets: Mapping[str, SymbolMarket], paths: Mapping[str, WeightPath], *, agents_return: float, settings: BaselineSettings
) -> RandomDraws | None:
    """Run all shifts of the agents' paths in numpy. None where a window is too short to shift."""
    sessions = next(iter(markets.values())).sessions
    lag = settings.execution.lag_sessions
    offsets = circular_offsets(len(sessions), draws=settings.random_draws, seed=settings.seed, lag_sessions=lag)
    if not len(offsets):
        return None
    shape = (len(offsets), len(sessions))
    summed = PathAccounts(np.zeros(shape), np.zeros(shape), np.zeros(len(offsets)))
    by_symbol = {}
    for symbol, market in markets.items():
        own = _accounts(market, shifted_paths(paths[symbol], offsets), settings)
        by_symbol[symbol] = _returns(own)
        summed = PathAccounts(
            summed.equity_usd + own.equity_usd, summed.position_usd + own.position_usd, summed.traded_usd + own.traded_usd
        )
    returns = _returns(summed)
    below = np.count_nonzero(returns < agents_return) + np.count_nonzero(returns == agents_return) / 2
    draws = range(len(offsets))
    return RandomDraws(
        offsets=offsets,
        total_returns=returns,
        agents_percentile=float(below / len(returns)),
        symbol_returns=by_symbol,
        sessions=sessions,
        band_usd=np.quantile(summed.equity_usd, list(QUANTILES.values()), axis=0),
        exposure_fraction=_mean([exposure_fraction(summed.equity_usd[draw], summed.position_usd[draw]) for draw in draws]),
        turnover_per_year=_mean([turnover_per_year(summed.equity_usd[draw], float(summed.traded_usd[draw])) for draw in draws]),
    )


def _accounts(market: SymbolMarket, paths: WeightPath, settings: BaselineSettings) -> PathAccounts:
    return accounts_of_paths(
        market,
        paths,
        cash_usd=settings.cash_usd,
        costs=settings.costs,
        cash_rate_per_year=settings.cash_rate_per_year,
        execution=settings.execution,
    )


def _returns(accounts: PathAccounts) -> Values:
    return accounts.equity_usd[:, -1] / accounts.equity_usd[:, 0] - 1


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
