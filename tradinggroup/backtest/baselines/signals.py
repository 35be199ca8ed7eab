"""When the rule baselines of exchange sessions are in and out, for every session of a history at once.

A signal is 1 (in), -1 (out) or 0 (stay), known at the close of its session. Rules that name a length of sessions are out, or
stay, where there is not enough before them. They warm up before the window, as far as the bundle reaches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.baselines.history import SessionHistory
from tradinggroup.backtest.indicators import average_true_range, population_deviation, simple_average, weighted_average

Signals = npt.NDArray[np.int8]
Prices = npt.NDArray[np.float64]

FAST_SESSIONS = 10
SLOW_SESSIONS = 20
MOMENTUM_FROM_SESSIONS = 252
MOMENTUM_TO_SESSIONS = 21
MOMENTUM_CLOSES = MOMENTUM_FROM_SESSIONS + 1
"""Closes that the momentum rule reads: today's and the 252 before."""
ATR_SESSIONS = 14
ATR_WIDTH = 1.5
BOLLINGER_SESSIONS = 20
BOLLINGER_WIDTH = 2.0
DAYS_TO_NEXT_MONTH = timedelta(days=5)
OUT_FROM_MONTH_PLACE = 3


def sma_cross(history: SessionHistory) -> Signals:
    """In while the mean of the last 10 closes is above that of the last 20, else out; out under 20 closes."""
    return _in_while(simple_average(history.close_usd, FAST_SESSIONS) > simple_average(history.close_usd, SLOW_SESSIONS))


def wma_cross(history: SessionHistory) -> Signals:
    """The same with linear weights, the newest heaviest."""
    return _in_while(weighted_average(history.close_usd, FAST_SESSIONS) > weighted_average(history.close_usd, SLOW_SESSIONS))


def momentum(history: SessionHistory) -> Signals:
    """In while the return from 252 to 21 sessions ago is positive (twelve months less the last one), else out."""
    closes = history.close_usd
    rises = np.zeros(len(closes), dtype=np.bool_)
    if len(closes) > MOMENTUM_FROM_SESSIONS:
        end = len(closes) - MOMENTUM_TO_SESSIONS
        rises[MOMENTUM_FROM_SESSIONS:] = (
            closes[MOMENTUM_FROM_SESSIONS - MOMENTUM_TO_SESSIONS : end] > closes[: len(closes) - MOMENTUM_FROM_SESSIONS]
        )
    return _in_while(rises)


def atr_band(history: SessionHistory) -> Signals:
    """In where the low comes down to 1.5 average true ranges (14, Wilder) below the 14-session mean, out where the high comes up."""
    middle = simple_average(history.close_usd, ATR_SESSIONS)
    width = ATR_WIDTH * average_true_range(history.high_usd, history.low_usd, history.close_usd, ATR_SESSIONS)
    low, high, lower, upper = history.low_usd, history.high_usd, middle - width, middle + width
    return _crossings(low <= lower, low > lower, high >= upper, high < upper)


def bollinger(history: SessionHistory) -> Signals:
    """In where the close falls below two deviations under the 20-session mean, out where it rises above two over it."""
    middle = simple_average(history.close_usd, BOLLINGER_SESSIONS)
    width = BOLLINGER_WIDTH * population_deviation(history.close_usd, BOLLINGER_SESSIONS)
    close, lower, upper = history.close_usd, middle - width, middle + width
    return _crossings(close < lower, close >= lower, close > upper, close <= upper)


def turn_of_month(history: SessionHistory) -> Signals:
    """In from five calendar days before the month's end, out from the month's third session; in between it stays.

    Months and sessions are those of the exchange's calendar, which is known in advance.
    """
    found = np.zeros(len(history.sessions), dtype=np.int8)
    for place, (session, place_in_month) in enumerate(zip(history.sessions, history.place_in_month, strict=True)):
        if (session + DAYS_TO_NEXT_MONTH).month != session.month:
            found[place] = 1
        elif place_in_month >= OUT_FROM_MONTH_PLACE:
            found[place] = -1
    return found


RULES: Mapping[str, Callable[[SessionHistory], Signals]] = {
    "sma_cross": sma_cross,
    "momentum": momentum,
    "wma_cross": wma_cross,
    "atr_band": atr_band,
    "bollinger": bollinger,
    "turn_of_month": turn_of_month,
}
"""Baseline -> its signals."""


def _in_while(condition: npt.NDArray[np.bool_]) -> Signals:
    return np.where(condition, 1, -1).astype(np.int8)


def _crossings(
    under: npt.NDArray[np.bool_], not_under: npt.NDArray[np.bool_], over: npt.NDArray[np.bool_], not_over: npt.NDArray[np.bool_]
) -> Signals:
    """In where the lower band is passed on this session and was not on the one before, out where the upper one is."""
    found = np.zeros(len(under), dtype=np.int8)
    found[1:][over[1:] & not_over[:-1]] = -1
    found[1:][under[1:] & not_under[:-1]] = 1
    return found
