"""Stationary block bootstrap (Politis and Romano, 1994): sessions drawn in blocks of random length, all accounts alike.

A block starts at any session and goes on with the next, round the end to the first; its length is geometric with the mean
`block_sessions`. What follows upon another within a block (calm after calm) is kept so. Every account and baseline is given the
same drawn sessions, so that what moves them together cancels in a difference.

Draws scatter too little: they scatter round the window's own mean, and of a few blocks only. `widening` says by how much, and every
draw is moved away from the observed value by that factor.
"""

from __future__ import annotations

import hashlib
import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.metrics.series import Values
from tradinggroup.settings import SESSIONS_PER_YEAR

Places = npt.NDArray[np.int64]


def stream(seed: int, purpose: str) -> np.random.Generator:
    """The random stream of a run's seed for one purpose."""
    digest = hashlib.sha256(f"{seed}|statistics|{purpose}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def drawn_places(sessions: int, *, draws: int, block_sessions: float, random: np.random.Generator) -> Places:
    """Places 0 to `sessions` - 1 of the drawn sessions, in order, shape (draws, sessions)."""
    starts = random.integers(sessions, size=(draws, sessions))
    begins = random.random((draws, sessions)) < 1 / max(1.0, block_sessions)
    begins[:, 0] = True
    steps = np.arange(sessions)
    latest = np.maximum.accumulate(np.where(begins, steps, 0), axis=1)
    places: Places = (np.take_along_axis(starts, latest, axis=1) + steps - latest) % sessions
    return places


def session_counts(places: Places) -> Values:
    """How often each session was drawn, shape (draws, sessions). What does not depend on order needs no more than this."""
    draws, sessions = places.shape
    flat = (places + sessions * np.arange(draws)[:, None]).ravel()
    return np.bincount(flat, minlength=draws * sessions).reshape(draws, sessions).astype(np.float64)


def widening(sessions: int, block_sessions: float) -> float:
    """What the distance of a draw from the observed value is multiplied by, 1 or a little more, so that 95 % are 95 %.

    One over the root of `drawn_variance_fraction`, times the 97.5 % quantile of Student's distribution over the normal one. Its degrees
    of freedom are n ÷ Σ (1 - 1/L)^|2k| over all k: as many as the drawn variance, a sum of autocovariances weighted by (1 - 1/L)^|k|,
    has by its own variance. L is the mean block length.
    """
    joined = (1 - 1 / max(1.0, block_sessions)) ** 2
    freedom = sessions * (1 - joined) / (1 + joined)
    return _student_quantile(freedom) / _Z / math.sqrt(drawn_variance_fraction(sessions, block_sessions))


def drawn_variance_fraction(sessions: int, block_sessions: float) -> float:
    """Expected variance of a drawn mean over the true one, for independent returns: 1 - (1 + 2 Σ (1 - k/n) (1 - 1/L)^k) ÷ n.

    The sum goes over k from 1 to n - 1. It follows from the variance of the stationary bootstrap (Politis and Romano, 1994) with
    -variance/n as the expected covariance of two different returns less their mean.
    """
    lags = np.arange(1, sessions)
    joined = (1 - lags / sessions) * (1 - 1 / max(1.0, block_sessions)) ** lags
    return 1 - (1 + 2 * float(np.sum(joined))) / sessions


_Z = NormalDist().inv_cdf(0.975)


def _student_quantile(freedom: float) -> float:
    """The 97.5 % quantile of Student's distribution, by its expansion at the normal one (Abramowitz and Stegun, 26.7.5)."""
    first = (_Z**3 + _Z) / 4
    second = (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96
    third = (3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / 384
    return _Z + first / freedom + second / freedom**2 + third / freedom**3


def resampled_total_returns(counts: Values, returns: Values, *, factor: float = 1.0) -> Values:
    """Compounded return of each draw, shape (draws, n_series), of session returns (sessions, n_series) above -1.

    `factor` is the `widening`; it is applied to the logarithm of growth.
    """
    growth = np.log1p(returns)
    compounded: Values = np.expm1(_moved_away(counts @ growth, growth.sum(axis=0), factor))
    return compounded


def resampled_sharpe_ratios(counts: Values, returns: Values, *, cash_rate_per_year: float, factor: float = 1.0) -> Values:
    """Annual Sharpe ratio of each draw, shape (draws, n_series); NaN where a draw, or the window, has no volatility."""
    number = returns.shape[0]
    centre = returns.mean(axis=0)
    centred = returns - centre  # else the variance would be a small difference of large sums
    means = counts @ centred / number
    squares = counts @ centred**2 / number
    drawn = _ratios(means + centre, squares - means**2, number, cash_rate_per_year)
    observed = _ratios(centre, np.mean(centred**2, axis=0), number, cash_rate_per_year)
    return _moved_away(drawn, observed, factor)


def _ratios(means: Values, variances: Values, number: int, cash_rate_per_year: float) -> Values:
    """Annual ratios of session means and population variances; NaN without volatility."""
    deviations = np.sqrt(np.maximum(0.0, variances) * number / (number - 1) * SESSIONS_PER_YEAR)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (SESSIONS_PER_YEAR * means - cash_rate_per_year) / deviations
    return np.where(deviations < _NO_DEVIATION, np.nan, ratios)


def _moved_away(drawn: Values, observed: Values, factor: float) -> Values:
    return observed + (drawn - observed) * factor


_NO_DEVIATION = 1e-9
"""Larger than the metrics' own bound: the sums of a draw round more than a deviation does."""


def resampled_drawdowns(places: Places, returns: Values) -> Values:
    """Maximum drawdown of each draw, 0 or negative, shape (draws,), of one account's session returns (sessions,)."""
    path = np.cumsum(np.log1p(returns)[places], axis=1)
    peaks = np.maximum(np.maximum.accumulate(path, axis=1), 0.0)  # the opening value counts as a peak
    deepest: Values = np.expm1(np.min(path - peaks, axis=1))
    return np.minimum(deepest, 0.0)
