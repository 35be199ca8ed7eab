"""Features against the spec's worked numbers and against TA-Lib."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tradinggroup.data.features import Features, compute_features, relative_strength_index
from tradinggroup.settings import ForecastSettings

SETTINGS = ForecastSettings()
PATTERN = (-0.012, 0.009, 0.014, -0.005, 0.006)
WALKS = hnp.arrays(np.float64, st.integers(21, 150), elements=st.floats(-0.2, 0.2)).map(lambda steps: 100 * np.exp(np.cumsum(steps)))


def _features(closes: np.ndarray) -> Features:
    features = compute_features(closes, SETTINGS)
    assert features is not None
    return features


def _walk(count: int, seed: int) -> np.ndarray:
    return 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, count)))


def test_worked_numbers_of_the_spec() -> None:
    closes = 100 * np.exp(np.cumsum([0.0, *PATTERN * 4]))
    features = _features(closes)
    assert 100 * features.simplified_atr_fraction == pytest.approx(0.9520504, abs=1e-7)
    assert features.breakout_threshold_fraction == 0.01
    assert features.mean_absolute_return_fraction == pytest.approx(0.0092, abs=1e-12)
    assert features.sigma10_fraction == pytest.approx(0.0095205, abs=1e-7)
    assert 100 * features.volatility_per_year_fraction == pytest.approx(15.1133, abs=1e-4)
    assert features.return_5_fraction == pytest.approx(np.exp(0.012) - 1, abs=1e-12)


def test_the_breakout_threshold_grows_with_the_deviation() -> None:
    closes = 100 * np.exp(np.cumsum([0.0, *(np.array(PATTERN * 4) * 4)]))
    assert _features(closes).breakout_threshold_fraction == pytest.approx(0.5 * 4 * 0.009520504, abs=1e-8)


@pytest.mark.parametrize("count", [21, 40, 150])
@pytest.mark.parametrize("seed", range(5))
def test_rsi_agrees_with_talib(count: int, seed: int) -> None:
    closes = _walk(count, seed)
    assert relative_strength_index(closes.tolist(), 14) == pytest.approx(talib.RSI(closes, 14)[-1], abs=1e-9)


def test_rsi_at_its_ends_and_of_flat_prices() -> None:
    assert relative_strength_index([float(value) for value in range(1, 40)], 14) == 100
    assert relative_strength_index([float(value) for value in range(40, 1, -1)], 14) == 0
    assert relative_strength_index([5.0] * 40, 14) == 50


def test_rsi_by_the_plain_mean_of_the_last_changes() -> None:
    closes = [200.0, 100.0, *[101.0, 100.0] * 6, 104.0, 103.0]  # the fall of 100 is older than 14 changes: gains 6 + 4, losses 6 + 1
    assert relative_strength_index(closes, 14, smoothing="mean") == pytest.approx(100 * 10 / 17, abs=1e-12)
    assert relative_strength_index(closes, 14) < 15
    # TA-Lib's first value is a plain mean, so it is the same on the last 15 closes alone
    walk = _walk(150, 3)
    found = compute_features(walk, ForecastSettings(rsi_smoothing="mean"))
    assert found is not None
    assert found.rsi14 == pytest.approx(talib.RSI(walk[-15:], 14)[-1], abs=1e-9)
    assert dataclasses.replace(found, rsi14=_features(walk).rsi14) == _features(walk)


def test_the_sample_deviation_divides_by_one_less() -> None:
    closes = 100 * np.exp(np.cumsum([0.0, *(np.array(PATTERN * 4) * 4)]))
    features = compute_features(closes, ForecastSettings(deviation="sample"))
    assert features is not None
    # the squares of PATTERN less its mean sum to 453.2e-6, twice so in 10 returns and four times in 20; all times 4
    assert features.sigma10_fraction == pytest.approx(4 * np.sqrt(2 * 453.2e-6 / 9), abs=1e-10)
    assert features.volatility_per_year_fraction == pytest.approx(4 * np.sqrt(252 * 2 * 453.2e-6 / 9), abs=1e-9)
    assert features.simplified_atr_fraction == pytest.approx(4 * np.sqrt(4 * 453.2e-6 / 19), abs=1e-10)
    assert features.breakout_threshold_fraction == pytest.approx(2 * np.sqrt(4 * 453.2e-6 / 19), abs=1e-10)


def test_the_deviation_of_a_single_return_is_zero() -> None:
    features = compute_features(_walk(30, 1), ForecastSettings(deviation="sample", volatility_sessions=1))
    assert features is not None
    assert features.sigma10_fraction == 0


def test_distances_use_the_last_twenty_closes_with_today() -> None:
    closes = np.array([500.0, *[100.0] * 19, 110.0])
    features = _features(closes)
    assert features.distance_to_high_fraction == 0
    assert features.distance_to_low_fraction == pytest.approx(0.1)
    assert features.distance_to_mean_fraction == pytest.approx(110 / 100.5 - 1)
    assert features.distance_to_previous_high_fraction == pytest.approx(110 / 500 - 1)
    assert (features.is_new_high, features.is_new_low) == (True, False)


def test_too_few_closes_give_none() -> None:
    assert compute_features(_walk(20, 1), SETTINGS) is None
    assert compute_features(_walk(21, 1), SETTINGS) is not None
    assert compute_features(_walk(30, 1), ForecastSettings(window_sessions=30)) is None


@given(WALKS)
def test_laws_of_the_features(closes: np.ndarray) -> None:
    before = closes.copy()
    features = _features(closes)
    assert (closes == before).all()
    assert features.distance_to_high_fraction <= 0 <= features.distance_to_low_fraction
    assert 0 <= features.rsi14 <= 100
    assert features.is_new_high == (features.distance_to_high_fraction == 0)
    for field, value in dataclasses.asdict(_features(closes * 4)).items():  # a power of two: the same bits
        assert value == pytest.approx(getattr(features, field), rel=1e-9, abs=1e-9), field
