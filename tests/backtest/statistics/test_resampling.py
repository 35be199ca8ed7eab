"""The stationary bootstrap: how it draws, and whether 95 % are 95 %."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap, optimal_block_length
from scipy.stats import t as student

from tradinggroup.backtest.metrics.drawdowns import max_drawdown_fraction
from tradinggroup.backtest.metrics.returns import sharpe_ratio, total_return_fraction
from tradinggroup.backtest.statistics import resampling
from tradinggroup.backtest.statistics.block_length import BlockLength, politis_white_sessions
from tradinggroup.backtest.statistics.resampling import (
    drawn_places,
    drawn_variance_fraction,
    resampled_drawdowns,
    resampled_sharpe_ratios,
    resampled_total_returns,
    session_counts,
    stream,
    widening,
)


def autoregressive(count: int, rho: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise, path = rng.normal(0, 0.01, count), np.zeros(count)
    for place in range(1, count):
        path[place] = rho * path[place - 1] + noise[place]
    return path


def test_blocks_go_on_with_the_next_session_and_round_the_end() -> None:
    places = drawn_places(50, draws=400, block_sessions=10, random=stream(7, "test"))
    assert places.shape == (400, 50)
    assert (places.min(), places.max()) == (0, 49)
    goes_on = (places[:, 1:] - places[:, :-1]) % 50 == 1
    # A new block starts with probability 1/10, and then follows on by chance in one of 50.
    assert goes_on.mean() == pytest.approx(0.9 + 0.1 / 50, abs=0.01)
    assert ((places[:, 1:] == 0) & goes_on).any()
    assert np.bincount(places.ravel()) / 400 == pytest.approx(np.ones(50), abs=0.5)


def test_a_block_of_one_session_is_an_independent_draw() -> None:
    places = drawn_places(50, draws=400, block_sessions=1, random=stream(7, "test"))
    assert ((places[:, 1:] - places[:, :-1]) % 50 == 1).mean() == pytest.approx(1 / 50, abs=0.005)


def test_the_same_seed_and_purpose_draw_the_same() -> None:
    draws = [
        drawn_places(30, draws=5, block_sessions=4, random=stream(seed, purpose))
        for seed, purpose in ((1, "a"), (1, "a"), (1, "b"), (2, "a"))
    ]
    assert (draws[0] == draws[1]).all()
    assert (draws[0] != draws[2]).any()
    assert (draws[0] != draws[3]).any()


def test_the_figures_of_a_draw_are_the_metrics_of_the_drawn_path() -> None:
    rng = np.random.default_rng(1)
    returns = rng.normal(0.001, 0.02, size=(60, 2))
    places = drawn_places(60, draws=20, block_sessions=5, random=rng)
    counts = session_counts(places)
    totals = resampled_total_returns(counts, returns)
    sharpes = resampled_sharpe_ratios(counts, returns, cash_rate_per_year=0.02)
    for account in (0, 1):
        falls = resampled_drawdowns(places, returns[:, account])
        for draw in range(20):
            equity = np.concatenate([[1e5], 1e5 * np.cumprod(1 + returns[places[draw], account])])
            assert totals[draw, account] == pytest.approx(total_return_fraction(equity), rel=1e-9)
            assert sharpes[draw, account] == pytest.approx(sharpe_ratio(equity, cash_rate_per_year=0.02), rel=1e-9)
            assert falls[draw] == pytest.approx(max_drawdown_fraction(equity), rel=1e-9)


def test_a_path_without_volatility_has_no_ratio_and_no_fall() -> None:
    places = drawn_places(40, draws=10, block_sessions=5, random=stream(1, "x"))
    assert np.isnan(resampled_sharpe_ratios(session_counts(places), np.full((40, 1), 0.001), cash_rate_per_year=0)).all()
    assert (resampled_drawdowns(places, np.full(40, 0.001)) == 0).all()


@pytest.mark.parametrize("block", [3, 12])
def test_a_mean_scatters_as_with_arch(block: int) -> None:
    path = autoregressive(300, 0.4, 5)
    ours = session_counts(drawn_places(300, draws=8000, block_sessions=block, random=stream(1, "mean"))) @ path / 300
    theirs = StationaryBootstrap(block, path, seed=np.random.default_rng(3)).apply(np.mean, 4000)[:, 0]
    assert ours.std() == pytest.approx(theirs.std(), rel=0.04)
    assert ours.mean() == pytest.approx(theirs.mean(), abs=4 * theirs.std() / 60)


@pytest.mark.parametrize("seed", range(12))
def test_the_automatic_block_length_is_that_of_arch(seed: int) -> None:
    rho, count = (0.0, 0.3, 0.6, 0.9)[seed % 4], 80 + 90 * seed
    path = autoregressive(count, rho, seed)
    assert politis_white_sessions(path) == pytest.approx(optimal_block_length(path)["stationary"].iloc[0], rel=1e-9)


def test_the_block_is_the_larger_of_the_two_up_to_a_fifth_of_the_window() -> None:
    noise = autoregressive(250, 0.0, 3)
    automatic = politis_white_sessions(noise)
    assert automatic < 6
    assert BlockLength.choose(noise, holding_sessions=12.5).sessions == 12.5
    assert BlockLength.choose(noise, holding_sessions=None).sessions == max(1.0, automatic)
    assert BlockLength.choose(noise, holding_sessions=180).sessions == 50
    assert BlockLength.choose(np.zeros(100), holding_sessions=None).sessions == 1
    persistent = autoregressive(250, 0.9, 3)
    assert BlockLength.choose(noise, persistent, holding_sessions=2).sessions == politis_white_sessions(persistent) > 10


@pytest.mark.parametrize("block", [1, 5, 20])
def test_draws_scatter_too_little_by_as_much_as_said(block: int) -> None:
    """The variance of drawn means over many windows of independent returns, against the true variance of a mean."""
    rng = np.random.default_rng(block)
    counts = session_counts(drawn_places(120, draws=2000, block_sessions=block, random=rng))
    drawn = np.mean([np.var(counts @ rng.normal(size=(120, 50)) / 120, axis=0).mean() for _ in range(8)])
    assert drawn * 120 == pytest.approx(drawn_variance_fraction(120, block), abs=0.035)


@pytest.mark.parametrize("freedom", [5, 12, 30, 200])
def test_students_quantile(freedom: float) -> None:
    assert resampling._student_quantile(freedom) == pytest.approx(student.ppf(0.975, freedom), rel=2e-3)


def test_widening_grows_with_the_blocks_and_leaves_single_sessions_alone() -> None:
    factors = [widening(229, block) for block in (1, 5, 10, 20)]
    assert factors == sorted(factors)
    assert factors[0] == pytest.approx(1, abs=0.01)
    assert factors[3] < 1.25


def test_widening_moves_both_metrics_away_from_what_was_observed() -> None:
    returns = np.random.default_rng(4).normal(0.001, 0.02, size=(90, 2))
    counts = session_counts(drawn_places(90, draws=50, block_sessions=5, random=stream(1, "x")))
    equity = [np.concatenate([[1e5], 1e5 * np.cumprod(1 + returns[:, account])]) for account in (0, 1)]
    observed = np.array([sharpe_ratio(path, cash_rate_per_year=0.02) for path in equity])
    plain, wide = (resampled_sharpe_ratios(counts, returns, cash_rate_per_year=0.02, factor=factor) for factor in (1.0, 1.25))
    assert wide - observed == pytest.approx((plain - observed) * 1.25)
    grown, wider = (np.log1p(resampled_total_returns(counts, returns, factor=factor)) for factor in (1.0, 1.25))
    whole = np.log1p(returns).sum(axis=0)
    assert wider - whole == pytest.approx((grown - whole) * 1.25)


@pytest.mark.parametrize("rho", [0.0, 0.3])
def test_intervals_hold_the_truth_as_often_as_they_say(rho: float) -> None:
    """Total return of 300 windows whose true mean is known; nothing but the mean of the logarithms decides it."""
    held, rng = 0, np.random.default_rng(11)
    for number in range(300):
        growth = autoregressive(150, rho, 1000 + number)
        block = BlockLength.choose(growth, holding_sessions=5).sessions
        counts = session_counts(drawn_places(150, draws=400, block_sessions=block, random=rng))
        drawn = resampled_total_returns(counts, np.expm1(growth)[:, None], factor=widening(150, block))
        low, high = np.quantile(drawn, (0.025, 0.975))
        held += bool(low <= 0 <= high)
    assert 0.905 <= held / 300 <= 0.985
