"""What a window can show at all: the smallest effects that a test at 5 %, two-sided, finds in 80 of 100 such windows.

It is computed before anything is spent, so it rests on assumptions, all of which it returns: what is not known yet is how much the
agents will be in the market. More runs of the same window (seeds) do not help: they share its market.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np

from tradinggroup.backtest.metrics.series import Values
from tradinggroup.settings import SESSIONS_PER_YEAR

LEVEL, POWER = 0.05, 0.80
ASSUMED_EXPOSURE_FRACTION = 0.5
"""Share of the sessions that an agent is in the market with, at moments of its own in each symbol (ours)."""
ASSUMED_SYMBOL_CORRELATION = 0.3
"""Mean correlation of two symbols' returns where the bundle has too few sessions before the window (ours)."""
CORRELATION_SESSIONS, LEAST_CORRELATION_SESSIONS = 252, 60
"""How many sessions before the window the correlation is taken over, at most and at least (ours)."""


@dataclass(frozen=True, slots=True)
class Power:
    """The smallest effects that can be found, and what they were computed from."""

    returns: int
    """Session returns of the window."""
    forecasts: int
    """Forecasts a symbol that the base rate can be compared on."""
    symbols: int
    symbol_correlation: float
    """Mean correlation of two symbols' session returns."""
    symbol_correlation_sessions: int | None
    """Sessions before the window that it was measured on; None where it is assumed."""
    independent_symbols: float
    """As many independent ones as the symbols amount to."""
    exposure_fraction: float
    """Assumed."""
    correlation_with_buy_and_hold: float
    """Of ALL's session returns, as it follows from the exposure."""
    sharpe_difference: float
    """Annual, of ALL against buy and hold."""
    sharpe_difference_one_symbol: float
    """Annual, of one symbol that must stand out among all of them (Holm)."""
    forecast_skill: float | None
    """Share of the base rate's Brier score; None without forecasts."""
    level: float = LEVEL
    power: float = POWER

    def to_plain(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def power_of(returns: int, *, forecasts: int, symbols: int, correlation: float | None, correlation_sessions: int | None) -> Power:
    """The power of a window of `returns` session returns (at least 1) and `forecasts` forecasts of each symbol.

    `correlation` is what `mean_correlation` found over `correlation_sessions`; None where it has to be assumed.
    """
    between = 0.0 if symbols == 1 else ASSUMED_SYMBOL_CORRELATION if correlation is None else max(0.0, correlation)
    independent = independent_symbols(symbols, between)
    with_market = correlation_with_buy_and_hold(ASSUMED_EXPOSURE_FRACTION, symbols=symbols, symbol_correlation=between)
    alone = correlation_with_buy_and_hold(ASSUMED_EXPOSURE_FRACTION, symbols=1, symbol_correlation=0.0)
    return Power(
        returns=returns,
        forecasts=forecasts,
        symbols=symbols,
        symbol_correlation=between,
        symbol_correlation_sessions=None if correlation is None else correlation_sessions,
        independent_symbols=independent,
        exposure_fraction=ASSUMED_EXPOSURE_FRACTION,
        correlation_with_buy_and_hold=with_market,
        sharpe_difference=smallest_sharpe_difference(returns, correlation=with_market),
        sharpe_difference_one_symbol=smallest_sharpe_difference(returns, correlation=alone, level=LEVEL / symbols),
        forecast_skill=smallest_forecast_skill(forecasts * independent) if forecasts else None,
    )


def smallest_sharpe_difference(returns: int, *, correlation: float, level: float = LEVEL) -> float:
    """Smallest difference of two annual Sharpe ratios that is found with 80 % power.

    (z(1 - level/2) + z(0.8)) × √(252 × 2 (1 - ρ) ÷ n): the variance of the difference of Jobson and Korkie (1981) as corrected by
    Memmel (2003), at ratios near zero, of two series of n session returns with the correlation ρ.
    """
    return _distance(level) * math.sqrt(SESSIONS_PER_YEAR * 2 * max(0.0, 1 - correlation) / returns)


def smallest_forecast_skill(forecasts: float) -> float:
    """Smallest skill over the base rate, as a share of its Brier score, that is found with 80 % power: 2 (z(0.975) + z(0.8))² ÷ M.

    For M independent, calibrated forecasts of three about equally frequent classes: a forecast that departs from the base rate by δ
    saves |δ|² in the mean, with the variance 4 |δ|² ÷ 3, and the base rate costs 2/3. Forecasts that are not calibrated need more.
    """
    return 2 * _distance(LEVEL) ** 2 / forecasts


def correlation_with_buy_and_hold(exposure_fraction: float, *, symbols: int, symbol_correlation: float) -> float:
    """Correlation of agents' and market's returns, for agents who are in each symbol a share w of the time at moments of its own.

    w √((1 + c) ÷ (w + w² c)) with c = (symbols - 1) × the correlation of two symbols; √w for one symbol.
    """
    joined = (symbols - 1) * symbol_correlation
    return exposure_fraction * math.sqrt((1 + joined) / (exposure_fraction + exposure_fraction**2 * joined))


def independent_symbols(symbols: int, correlation: float) -> float:
    """As many independent symbols as scatter alike in the mean: N ÷ (1 + (N - 1) ρ)."""
    return symbols / (1 + (symbols - 1) * correlation)


def mean_correlation(returns: Mapping[str, Values]) -> float | None:
    """Mean correlation of all pairs of symbols' session returns (sessions,); None under two symbols or `LEAST_CORRELATION_SESSIONS`."""
    series = [each - each.mean() for each in returns.values() if len(each) >= LEAST_CORRELATION_SESSIONS]
    if len(series) < 2 or len(series) < len(returns):
        return None
    found = []
    for one, other in combinations(series, 2):
        size = math.sqrt(float(np.sum(one**2)) * float(np.sum(other**2)))
        found.append(float(np.sum(one * other)) / size if size > 0 else 0.0)
    return math.fsum(found) / len(found)


def _distance(level: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - level / 2) + normal.inv_cdf(POWER)
