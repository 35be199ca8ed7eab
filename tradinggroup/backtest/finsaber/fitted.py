"""The two fitted baselines of the convention: what they are fitted on, what they are shown, and what they order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.baselines.forecasts import arima_forecasts, price_features, xgboost_scores
from tradinggroup.backtest.finsaber.account import Holding
from tradinggroup.backtest.finsaber.bars import DayBars, SymbolWindow
from tradinggroup.backtest.finsaber.rules import all_cash

FEATURE_LEAD = timedelta(days=30)
"""Calendar days before a range from which its features are computed."""
SCORE_TO_BUY = 0.5


@dataclass(frozen=True, slots=True)
class InOrOut:
    """Buys with all cash while flat where the model says in, sells everything where it says out."""

    bars: DayBars
    goes_in: npt.NDArray[np.bool_]
    goes_out: npt.NDArray[np.bool_]

    def orders(self, bar: int, holding: Holding) -> Sequence[int]:
        """At most one order; none where the model says neither."""
        if self.goes_in[bar] and not holding.shares:
            return (all_cash(holding, float(self.bars.close_usd[bar])),)
        return (-holding.shares,) if self.goes_out[bar] and holding.shares > 0 else ()


def arima(window: SymbolWindow) -> InOrOut:
    """In while the model expects a higher close on the next calendar day. Closed days count as days without a change.

    Raises NoModelError under 252 training rows.
    """
    bars = window.trading_bars()
    forecasts = arima_forecasts(window.training_bars().close_usd, bars.close_usd, years=window.training_years)
    return InOrOut(bars, forecasts > bars.close_usd, forecasts < bars.close_usd)


def without_model(window: SymbolWindow) -> InOrOut:
    """What trades where there is no model: nothing."""
    bars = window.trading_bars()
    never = np.zeros(len(bars.days), dtype=np.bool_)
    return InOrOut(bars, never, never)


def xgboost(window: SymbolWindow) -> InOrOut:
    """In while the score for a higher close on the next calendar day is at least one half.

    In training, every session before a closed day has the label 0, since the price of that day repeats it. On the window's
    first sessions a mean that is not ready yet is taken from a later one: a small leak that belongs to the convention.
    Raises NoModelError without a complete training row.
    """
    bars = window.trading_bars()
    training, labels = _training_rows(window)
    scores = xgboost_scores(training, labels, _features_of_days(window))
    return InOrOut(bars, scores >= SCORE_TO_BUY, scores < SCORE_TO_BUY)


def _training_rows(window: SymbolWindow) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Complete feature rows of the training sessions, and whether the close of the next calendar day is higher.

    The last session has no next day inside the training rows, so it is left out.
    """
    days, features = _session_features(window, window.training_start, window.training_end)
    padded = window.training_bars().on_calendar_days()
    rises = padded.close_usd[1:] > padded.close_usd[:-1]
    places = np.array([(day - padded.days[0]).days for day in days[:-1]], dtype=np.int64)
    complete = ~np.isnan(features[:-1]).any(axis=1)
    return features[:-1][complete], rises[places][complete].astype(np.float64)


def _features_of_days(window: SymbolWindow) -> npt.NDArray[np.float64]:
    """Features of every calendar day of the window: of the last session, gaps at the start filled from later ones."""
    days, features = _session_features(window, window.start, window.end)
    ordinals = np.array([day.toordinal() for day in days])
    every = np.arange(ordinals[0], ordinals[-1] + 1)
    filled = features[np.searchsorted(ordinals, every, side="right") - 1]
    for column in filled.T:
        known = np.flatnonzero(~np.isnan(column))
        if len(known):
            column[: known[0]] = column[known[0]]
            places = np.where(np.isnan(column), 0, np.arange(len(column)))
            column[:] = column[np.maximum.accumulate(places)]
    return filled


def _session_features(window: SymbolWindow, start: date, end: date) -> tuple[tuple[date, ...], npt.NDArray[np.float64]]:
    """Days and features of the sessions with `start <= day < end`, computed from 30 calendar days before on."""
    led = window.sessions.between(start - FEATURE_LEAD, end)
    features = price_features(led.open_usd, led.high_usd, led.low_usd, led.close_usd)
    count = len(led.between(start, end).days)
    return led.days[len(led.days) - count :], features[len(led.days) - count :]
