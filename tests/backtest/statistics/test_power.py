"""The power formulas against simulations: at the smallest effect a test of that kind finds it in 80 of 100 windows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tradinggroup.backtest.statistics.power import (
    ASSUMED_SYMBOL_CORRELATION,
    correlation_with_buy_and_hold,
    independent_symbols,
    mean_correlation,
    power_of,
    smallest_forecast_skill,
    smallest_sharpe_difference,
)

Z = 1.959964
ROOT = math.sqrt(252)


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_a_sharpe_difference_of_that_size_is_found_in_four_of_five_windows(correlation: float) -> None:
    rng, number, windows = np.random.default_rng(5), 230, 3000
    wanted = smallest_sharpe_difference(number, correlation=correlation)
    market = rng.normal(size=(windows, number))
    own = correlation * market + math.sqrt(1 - correlation**2) * rng.normal(size=(windows, number)) + wanted / ROOT
    found = ROOT * (own.mean(axis=1) / own.std(axis=1, ddof=1) - market.mean(axis=1) / market.std(axis=1, ddof=1))
    deviation = ROOT * math.sqrt(2 * (1 - correlation) / number)
    assert np.mean(np.abs(found) > Z * deviation) == pytest.approx(0.8, abs=0.035)


def test_a_calibrated_skill_of_that_size_is_found_in_four_of_five_windows() -> None:
    rng, number, windows = np.random.default_rng(6), 500, 1500
    skill = smallest_forecast_skill(number)
    size = math.sqrt(skill * 2 / 3 / 2)  # |δ|² of (+size, -size, 0) is 2 size², and the base rate costs 2/3
    shift = rng.permuted(np.tile([size, -size, 0.0], (windows * number, 1)), axis=1).reshape(windows, number, 3)
    probability = 1 / 3 + shift
    outcome = (rng.random((windows, number, 1)) > probability.cumsum(axis=2)[:, :, :2]).sum(axis=2)
    happened = np.eye(3)[outcome]
    saved = ((1 / 3 - happened) ** 2).sum(axis=2) - ((probability - happened) ** 2).sum(axis=2)
    statistic = saved.mean(axis=1) / (saved.std(axis=1, ddof=1) / math.sqrt(number))
    assert np.mean(np.abs(statistic) > Z) == pytest.approx(0.8, abs=0.035)


@pytest.mark.parametrize(("symbols", "between"), [(1, 0.0), (5, 0.4)])
def test_the_correlation_with_buy_and_hold_is_that_of_agents_at_moments_of_their_own(symbols: int, between: float) -> None:
    rng = np.random.default_rng(7)
    common, own = rng.normal(size=(60_000, 1)), rng.normal(size=(60_000, symbols))
    returns = math.sqrt(between) * common + math.sqrt(1 - between) * own
    held = (rng.random(returns.shape) < 0.5) * returns
    measured = np.corrcoef(held.sum(axis=1), returns.sum(axis=1))[0, 1]
    assert correlation_with_buy_and_hold(0.5, symbols=symbols, symbol_correlation=between) == pytest.approx(measured, abs=0.01)


def test_independent_symbols() -> None:
    assert independent_symbols(5, 0.0) == 5
    assert independent_symbols(5, 1.0) == 1
    assert independent_symbols(1, 0.0) == 1


def test_the_mean_correlation_is_that_of_all_pairs_of_enough_sessions() -> None:
    rng = np.random.default_rng(8)
    columns = rng.normal(size=(100, 3)) + rng.normal(size=(100, 1))
    found = mean_correlation({str(place): columns[:, place] for place in range(3)})
    matrix = np.corrcoef(columns.T)
    assert found == pytest.approx((matrix[0, 1] + matrix[0, 2] + matrix[1, 2]) / 3)
    assert mean_correlation({"A": columns[:59, 0], "B": columns[:59, 1]}) is None
    assert mean_correlation({"A": columns[:, 0]}) is None


def test_more_sessions_and_symbols_show_more() -> None:
    base, longer, wider = (
        power_of(returns, forecasts=returns, symbols=symbols, correlation=0.3, correlation_sessions=252)
        for returns, symbols in ((229, 5), (916, 5), (229, 20))
    )
    assert longer.sharpe_difference == pytest.approx(base.sharpe_difference / 2)
    assert wider.sharpe_difference < base.sharpe_difference
    assert wider.sharpe_difference_one_symbol > base.sharpe_difference_one_symbol > base.sharpe_difference
    assert base.forecast_skill is not None
    assert wider.forecast_skill is not None
    assert wider.forecast_skill < base.forecast_skill
    assumed = power_of(229, forecasts=0, symbols=5, correlation=None, correlation_sessions=12)
    assert (assumed.symbol_correlation, assumed.symbol_correlation_sessions) == (ASSUMED_SYMBOL_CORRELATION, None)
    assert assumed.forecast_skill is None
