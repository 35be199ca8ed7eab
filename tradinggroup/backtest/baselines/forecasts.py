"""The two baselines that are fitted: an ARIMA model of the close, and gradient-boosted trees on price features.

Both stand in the extra `baselines`. What they are fitted on and shown is up to the convention that calls them.
"""

from __future__ import annotations

import importlib
import warnings
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.indicators import exponential_average, simple_average
from tradinggroup.errors import ErrorCode, UsageError

ARIMA_ORDER = (5, 1, 0)
ARIMA_ROWS_PER_YEAR = 252
XGBOOST_ROUNDS = 10
XGBOOST_SETTINGS = {"objective": "reg:squarederror", "max_depth": 6, "eta": 0.3, "nthread": 1, "seed": 0}
"""The library's defaults, said aloud; one thread, so that sums run in one order."""
RSI_BARS = 14
FEATURES = (
    "EMA_9", "MACD", "MACD_hist", "MACD_signal", "RSI", "SMA_10", "SMA_15", "SMA_30", "SMA_5", "close", "high", "low", "open",
)  # fmt: skip
"""Columns of `price_features`, in this order: trees break ties by it."""
EXTRA_OF = {"arima": "statsmodels", "xgboost": "xgboost"}
"""Baseline -> the package that it needs."""

Values = npt.NDArray[np.float64]


class NoModelError(Exception):
    """There is no model of this training data; the text says why."""


def arima_forecasts(training: Values, closes: Values, *, years: int) -> Values:
    """For each of `closes` the forecast of the next one, known with it; shape (n,).

    ARIMA(5,1,0) without constant, fitted once by maximum likelihood on the last 252 * `years` training closes. Its parameters
    then stay: the Kalman filter runs over all training closes and the closes up to the one it stands at. Plain arrays go in,
    because statsmodels refuses an index of dates with gaps. Raises NoModelError under 252 training closes, or where the numbers
    allow no fit; UsageError EXTRA_MISSING.
    """
    if len(training) < ARIMA_ROWS_PER_YEAR:
        raise NoModelError(f"{len(training)} training rows, ARIMA needs {ARIMA_ROWS_PER_YEAR}")
    arima = _imported("statsmodels.tsa.arima.model", "arima").ARIMA
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # starting values and iterations; a poor fit shows in the result
        try:
            parameters = arima(training[-ARIMA_ROWS_PER_YEAR * years :], order=ARIMA_ORDER).fit().params
            # The last value is never used: it makes room for the forecast that stands after the last close.
            series = np.concatenate([training, closes, closes[-1:]])
            predicted = arima(series, order=ARIMA_ORDER).filter(parameters).predict()
        except (np.linalg.LinAlgError, ValueError) as problem:
            raise NoModelError(f"ARIMA could not be fitted on {len(training)} training rows: {problem}") from problem
    found: Values = np.asarray(predicted, dtype=np.float64)[len(training) + 1 :]
    return found


def xgboost_scores(training: Values, labels: Values, features: Values) -> Values:
    """The score of each row of `features` (n, 13), fitted on `training` (m, 13) with `labels` (m,) of 0 and 1.

    Squared error, ten rounds, all else as the library has it. Raises NoModelError without a training row; UsageError
    EXTRA_MISSING.
    """
    if not len(training):
        raise NoModelError("no complete training row for XGBoost")
    xgboost: Any = _imported("xgboost", "xgboost")
    fitted = xgboost.train(XGBOOST_SETTINGS, xgboost.DMatrix(training, label=labels), num_boost_round=XGBOOST_ROUNDS)
    scores: Values = np.asarray(fitted.predict(xgboost.DMatrix(features)), dtype=np.float64)
    return scores


def price_features(open_usd: Values, high_usd: Values, low_usd: Values, close_usd: Values) -> Values:
    """Thirteen features a session, shape (n, 13), NaN where there is not enough before it. Columns: `FEATURES`.

    Simple means of 5, 10, 15 and 30; exponential mean of span 9; RSI 14 from plain means of gains and losses; MACD 12/26 with
    its signal (9) and the difference of both. Exponential means start at the first session given.
    """
    macd = exponential_average(close_usd, 12) - exponential_average(close_usd, 26)
    signal = exponential_average(macd, 9)
    columns = {
        "EMA_9": exponential_average(close_usd, 9),
        "MACD": macd,
        "MACD_hist": macd - signal,
        "MACD_signal": signal,
        "RSI": relative_strength(close_usd),
        **{f"SMA_{length}": simple_average(close_usd, length) for length in (10, 15, 30, 5)},
        "close": close_usd,
        "high": high_usd,
        "low": low_usd,
        "open": open_usd,
    }
    return np.column_stack([columns[name] for name in FEATURES])


def relative_strength(close_usd: Values) -> Values:
    """RSI 14, 0 to 100: plain means of the last 14 gains and losses; 100 without a loss, NaN without any change."""
    found = np.full(len(close_usd), np.nan)
    if len(close_usd) > RSI_BARS:
        changes = np.diff(close_usd)
        gains, losses = (simple_average(np.maximum(signed, 0.0), RSI_BARS) for signed in (changes, -changes))
        with np.errstate(divide="ignore", invalid="ignore"):
            found[1:] = 100 - 100 / (1 + gains / losses)
    return found


def years_before(day: date, years: int) -> date:
    """The same day `years` earlier; 28 February where that year has no 29th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def require_extra(name: str) -> None:
    """Raise UsageError EXTRA_MISSING where the package that baseline `name` needs is not installed."""
    if name in EXTRA_OF:
        _imported(EXTRA_OF[name], name)


def _imported(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as problem:
        raise UsageError(
            ErrorCode.EXTRA_MISSING,
            f"the baseline {name} needs the package {EXTRA_OF[name]}",
            remedy="Install it with: pip install 'tradinggroup[baselines]'; or leave the baseline out.",
        ) from problem
