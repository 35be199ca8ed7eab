"""The worked numbers of the two papers, to every digit that they print."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tradinggroup.backtest.metrics.series import UndefinedError
from tradinggroup.backtest.statistics.deflation import Returns, deflation, effective_trials, expected_maximum_sharpe
from tradinggroup.backtest.statistics.sharpe import SharpeMoments, minimum_track_record_returns, probabilistic_sharpe_ratio


@pytest.mark.parametrize(("skewness", "kurtosis", "expected"), [(0, 3, 0.982), (-2.448, 10.164, 0.913)])
def test_two_years_of_a_hedge_fund(skewness: float, kurtosis: float, expected: float) -> None:
    """Bailey and López de Prado (2012): 24 months at 0.458 a month look sure until their tails are counted."""
    found = probabilistic_sharpe_ratio(SharpeMoments(0.458, 24, skewness, kurtosis))
    assert found == pytest.approx(expected, abs=0.0005)


@pytest.mark.parametrize(
    ("per_year", "skewness", "kurtosis", "years"), [(252, 0, 3, 2.73), (52, 0, 3, 2.83), (12, 0, 3, 3.24), (12, -0.72, 5.78, 4.99)]
)
def test_the_record_that_a_ratio_of_two_needs_to_beat_one(per_year: int, skewness: float, kurtosis: float, years: float) -> None:
    """Bailey and López de Prado (2012): an annual ratio of 2 against 1 at 95 %, daily, weekly, monthly, and with tails."""
    moments = SharpeMoments(2 / math.sqrt(per_year), 100, skewness, kurtosis)
    found = minimum_track_record_returns(moments, benchmark_per_session=1 / math.sqrt(per_year))
    assert found / per_year == pytest.approx(years, abs=0.005)


def test_the_record_is_long_enough_exactly_at_its_length() -> None:
    moments = SharpeMoments(0.08, 1, -0.4, 6.0)
    length = minimum_track_record_returns(moments, level=0.95)
    at_length = SharpeMoments(0.08, length, -0.4, 6.0)  # type: ignore[arg-type]
    assert probabilistic_sharpe_ratio(at_length) == pytest.approx(0.95, abs=1e-12)


@pytest.mark.parametrize(("trials", "skewness", "kurtosis", "expected"), [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)])
def test_five_years_at_two_and_a_half_among_many_trials(trials: int, skewness: float, kurtosis: float, expected: float) -> None:
    """Bailey and López de Prado (2014): 1,250 days at 2.5 a year, annual variance of the trials one half."""
    benchmark = expected_maximum_sharpe(trials, 0.5 / 250)
    found = probabilistic_sharpe_ratio(SharpeMoments(2.5 / math.sqrt(250), 1250, skewness, kurtosis), benchmark_per_session=benchmark)
    assert found == pytest.approx(expected, abs=0.00005)


def test_the_luck_of_a_hundred_trials() -> None:
    assert expected_maximum_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=0.00005)
    assert expected_maximum_sharpe(1, 0.5) == 0
    assert expected_maximum_sharpe(1.2, 0.5) == 0


def test_the_expected_maximum_is_what_a_simulation_reaches() -> None:
    drawn = np.random.default_rng(1).normal(0, 0.05, size=(20_000, 30)).max(axis=1).mean()
    assert expected_maximum_sharpe(30, 0.05**2) == pytest.approx(drawn, rel=0.02)


def test_no_volatility_and_too_few_returns_are_reasons() -> None:
    with pytest.raises(UndefinedError, match="no volatility"):
        SharpeMoments.of(np.zeros(50))
    with pytest.raises(UndefinedError, match="3 returns"):
        SharpeMoments.of(np.array([0.1, 0.0, 0.2]))
    with pytest.raises(UndefinedError, match="not above"):
        minimum_track_record_returns(SharpeMoments(-0.1, 100, 0, 3))


def series(values: np.ndarray, first: int = 0) -> Returns:
    return {first + place: float(value) for place, value in enumerate(values)}


def test_copies_of_one_trial_count_as_one_and_strangers_in_full() -> None:
    rng = np.random.default_rng(2)
    one = rng.normal(0, 0.01, 250)
    assert effective_trials([series(one)] * 7) == pytest.approx(1)
    others = np.linalg.qr(np.column_stack([np.ones(250), rng.normal(size=(250, 7))]))[0][:, 1:].T  # uncorrelated exactly
    assert effective_trials([series(other) for other in others]) == pytest.approx(7)
    assert effective_trials([series(one, 0), series(one, 1000)]) == 2  # nothing in common


def test_a_run_alone_is_not_deflated() -> None:
    own = np.random.default_rng(3).normal(0.001, 0.01, 250)
    found = deflation(series(own), [], count=1)
    assert found.expected_maximum_per_session == 0
    assert found.probability == probabilistic_sharpe_ratio(SharpeMoments.of(own))
    assert (found.trials, found.effective_trials, found.overlapping_trials, found.sharpe_variance) == (1, 1, 1, None)


def test_more_trials_make_the_same_run_less_likely() -> None:
    rng = np.random.default_rng(4)
    own, others = rng.normal(0.001, 0.01, 250), [series(rng.normal(0, 0.01, 250)) for _ in range(9)]
    found = [deflation(series(own), others, count=count) for count in (10, 20, 200)]
    probabilities = [each.probability or 0 for each in found]
    assert probabilities == sorted(probabilities, reverse=True)
    assert len(set(probabilities)) == 3
    ratios = [np.mean(list(each.values())) / np.std(list(each.values()), ddof=1) for each in (series(own), *others)]
    assert found[0].sharpe_variance == pytest.approx(np.var(ratios, ddof=1), rel=1e-12)


def test_trials_of_other_sessions_are_counted_but_not_taken_into_the_variance() -> None:
    rng = np.random.default_rng(5)
    own, beside, elsewhere = (series(rng.normal(0, 0.01, 100), first) for first in (0, 50, 5000))
    found = deflation(own, [beside, elsewhere], count=4)
    assert (found.trials, found.overlapping_trials) == (4, 2)
    shared = [beside[place] for place in range(50, 100)]
    ratios = [np.mean(values) / np.std(values, ddof=1) for values in (list(own.values()), shared)]
    assert found.sharpe_variance == pytest.approx(np.var(ratios, ddof=1), rel=1e-12)
    alone = deflation(own, [elsewhere], count=2)
    assert alone.probability is None
    assert "no other of the 2 trials" in (alone.reason or "")
    with pytest.raises(ValueError, match="fewer"):
        deflation(own, [beside], count=1)


def test_every_trial_counts_and_the_effective_number_stands_beside() -> None:
    rng = np.random.default_rng(6)
    shared = rng.normal(0, 0.01, 250)
    trials = [series(shared + rng.normal(0, 0.005, 250)) for _ in range(8)]
    found = deflation(trials[0], trials[1:], count=8)
    assert found.effective_trials < 4
    assert found.sharpe_variance is not None
    own = SharpeMoments.of(np.array(list(trials[0].values())))
    by_number, by_effective = (
        probabilistic_sharpe_ratio(own, benchmark_per_session=expected_maximum_sharpe(number, found.sharpe_variance))
        for number in (8, found.effective_trials)
    )
    assert (found.probability, found.probability_by_effective) == (by_number, by_effective)
    assert by_number < by_effective


def test_both_ratios_are_those_of_skfolio() -> None:
    """What skfolio 1.12.2 gives for this series, against a benchmark and among five trials."""
    returns = 0.01 * np.sin(np.arange(300.0) ** 2) + 0.0008
    moments = SharpeMoments.of(returns)
    assert probabilistic_sharpe_ratio(moments, benchmark_per_session=0.05) == pytest.approx(0.7815975374391089, rel=1e-9)
    benchmark = expected_maximum_sharpe(5, float(np.var([0.02, -0.03, 0.1, 0.06, 0.01], ddof=1)))
    assert probabilistic_sharpe_ratio(moments, benchmark_per_session=benchmark) == pytest.approx(0.7314081502193541, rel=1e-9)
