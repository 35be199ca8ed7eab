"""The two fitted baselines on exchange sessions: fitted once on what was known before the window, then only shown what comes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from tradinggroup.backtest.baselines.forecasts import NoModelError, arima_forecasts, price_features, xgboost_scores, years_before
from tradinggroup.backtest.baselines.history import SessionHistory
from tradinggroup.backtest.baselines.signals import Signals

XGBOOST_ROWS = 100
"""Complete training rows below which there is no XGBoost model (ours)."""
SCORE_TO_BUY = 0.5


@dataclass(frozen=True, slots=True)
class TrainingSpan:
    """Places in a history: training rows are `start <= place < stop`, the window begins at `stop`."""

    start: int
    stop: int

    @classmethod
    def of(cls, history: SessionHistory, *, window_start: date, years: int) -> TrainingSpan:
        """The `years` years before `window_start`, its last session included."""
        return cls(history.count_before(years_before(window_start, years)), history.count_before(window_start))

    @property
    def rows(self) -> int:
        """Sessions to be fitted on."""
        return self.stop - self.start


def arima_signals(history: SessionHistory, span: TrainingSpan, *, years: int) -> Signals | str:
    """In while the model expects a higher close at the next session, out while a lower one; or why there is no model."""
    closes = history.close_usd[span.start :]
    found = np.zeros(len(history.sessions), dtype=np.int8)
    try:
        forecasts = arima_forecasts(closes[: span.rows], closes[span.rows :], years=years)
    except NoModelError as problem:
        return str(problem)
    found[span.stop :] = np.sign(forecasts - history.close_usd[span.stop :])
    return found


def xgboost_signals(history: SessionHistory, span: TrainingSpan) -> Signals | str:
    """In while the score for a higher close at the next session is at least one half, else out; or why there is no model.

    Features reach back before the training rows, as far as the bundle does. The last training session has no label that was
    known before the window, so it is left out.
    """
    closes = history.close_usd
    features = price_features(history.open_usd, history.high_usd, history.low_usd, closes)
    known = slice(span.start, max(span.start, span.stop - 1))
    rises = (closes[1:] > closes[:-1])[known].astype(np.float64)
    complete = ~np.isnan(features[known]).any(axis=1)
    if np.count_nonzero(complete) < XGBOOST_ROWS:
        return f"{np.count_nonzero(complete)} complete training rows, XGBoost needs {XGBOOST_ROWS}"
    scores = xgboost_scores(features[known][complete], rises[complete], features[span.stop :])
    found = np.zeros(len(history.sessions), dtype=np.int8)
    found[span.stop :] = np.where(scores >= SCORE_TO_BUY, 1, -1)
    return found
