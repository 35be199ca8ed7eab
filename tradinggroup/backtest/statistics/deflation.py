"""Deflated Sharpe ratio (Bailey and López de Prado, 2014): what the best of many tries is worth.

The best of N worthless strategies has a Sharpe ratio above zero by luck alone. The deflated ratio is the probabilistic one
against what that luck is expected to reach. All ratios are per session.

Trials on one market are correlated, which makes the variance of their ratios small. To take fewer of them besides (the paper's
effective number) would count that twice: on markets without an edge the best of ten would then pass too often
(`benchmarks/no_edge.py`). So every trial counts, and what comes of the effective number stands beside.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tradinggroup.backtest.metrics.series import UndefinedError, Values
from tradinggroup.backtest.statistics.sharpe import NORMAL, SharpeMoments, probabilistic_sharpe_ratio

Returns = Mapping[Hashable, float]
"""Session -> return of ALL in it."""

EULER_MASCHERONI = 0.5772156649015329
MINIMUM_OVERLAP_SESSIONS = 20
"""Sessions that two trials must share before they count as overlapping (ours)."""


@dataclass(frozen=True, slots=True)
class Deflation:
    """The deflated Sharpe ratio of one run, and all that went into it."""

    trials: int
    """N: distinct configurations tried, this one included."""
    effective_trials: float
    """As many independent ones as the trials amount to, by the correlation of their returns; at most N."""
    overlapping_trials: int
    """Trials whose sessions overlap with the run's, itself included: those that the variance is taken over."""
    sharpe_variance: float | None
    """Variance of their per-session ratios, each over the sessions shared with the run; None under two of them."""
    sharpe_per_session: float | None
    expected_maximum_per_session: float | None = None
    """What the best of N worthless trials is expected to reach."""
    probability: float | None = None
    """The deflated Sharpe ratio, 0 to 1; None where `reason` says why."""
    probability_by_effective: float | None = None
    """The same against the best of the effective trials: never lower."""
    reason: str | None = None


def deflation(own: Returns, trials: Sequence[Returns], *, count: int, cash_rate_per_year: float = 0.0) -> Deflation:
    """The deflated Sharpe ratio of a run among the trials of a ledger.

    Args:
        own: the run's session returns of ALL.
        trials: session returns of every other trial that has some; sessions may differ from trial to trial.
        count: N, all distinct trials, the run itself and those without returns included.
        cash_rate_per_year: what the ratios subtract.

    Raises:
        ValueError: where `count` is lower than the number of trials given, the run included.
    """
    if count < len(trials) + 1:
        raise ValueError(f"{count} trials are fewer than the {len(trials) + 1} given")
    effective = effective_trials([own, *trials], count=count)
    variance, overlapping = _variance(own, trials, cash_rate_per_year)
    known = (count, effective, overlapping, variance)
    try:
        moments = SharpeMoments.of(np.array(list(own.values()), dtype=np.float64), cash_rate_per_year=cash_rate_per_year)
    except UndefinedError as reason:
        return Deflation(*known, None, reason=str(reason))
    ratio = moments.sharpe_per_session
    if variance is None and count > 1:
        return Deflation(*known, ratio, reason=f"no other of the {count} trials shares {MINIMUM_OVERLAP_SESSIONS} sessions with it")
    best, best_of_effective = (expected_maximum_sharpe(number, variance or 0.0) for number in (count, effective))
    try:
        sure, sure_by_effective = (probabilistic_sharpe_ratio(moments, benchmark_per_session=each) for each in (best, best_of_effective))
    except UndefinedError as reason:
        return Deflation(*known, ratio, best, reason=str(reason))
    return Deflation(*known, ratio, best, sure, sure_by_effective)


def expected_maximum_sharpe(trials: float, sharpe_variance: float) -> float:
    """√variance × ((1 - γ) Φ⁻¹(1 - 1/N) + γ Φ⁻¹(1 - 1/(N e))), γ being Euler's constant; 0 for one trial, and never negative."""
    if trials <= 1:
        return 0.0
    first, second = NORMAL.inv_cdf(1 - 1 / trials), NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return max(0.0, math.sqrt(sharpe_variance) * ((1 - EULER_MASCHERONI) * first + EULER_MASCHERONI * second))


def effective_trials(trials: Sequence[Returns], *, count: int | None = None) -> float:
    """ρ + (1 - ρ) N, with ρ the mean correlation of all pairs of trials over the sessions that they share, at least 0.

    Pairs without `MINIMUM_OVERLAP_SESSIONS` in common, or without volatility, count as independent. `count` is N where some trials
    have no returns.
    """
    number = len(trials) if count is None else count
    pairs = len(trials) * (len(trials) - 1) // 2
    mean = max(0.0, float(np.sum(np.triu(_correlations(trials), k=1))) / pairs) if pairs else 0.0
    return mean + (1 - mean) * number


def _correlations(trials: Sequence[Returns]) -> Values:
    """Correlation of each trial with each other (n, n) over the sessions that the two share; 0 where they share too few, or nothing moved.

    All pairs at once: a ledger has hundreds of trials, and thousands of pairs.
    """
    sessions = {session: place for place, session in enumerate(dict.fromkeys(session for trial in trials for session in trial))}
    returns, has = np.zeros((len(trials), len(sessions))), np.zeros((len(trials), len(sessions)))
    for row, trial in enumerate(trials):
        if not trial:
            continue
        places = [sessions[session] for session in trial]
        values = np.array(list(trial.values()), dtype=np.float64)
        returns[row, places] = values - np.mean(values)  # near zero, so that little is lost below
        has[row, places] = 1.0
    shared = has @ has.T
    sums, squares = returns @ has.T, returns**2 @ has.T
    counts = np.maximum(shared, 1.0)
    covariance, variance = returns @ returns.T - sums * sums.T / counts, squares - sums**2 / counts
    size = np.sqrt(np.maximum(variance * variance.T, 0.0))
    is_known = (shared >= MINIMUM_OVERLAP_SESSIONS) & (variance > 1e-12 * squares) & (variance.T > 1e-12 * squares.T)
    found: Values = np.divide(covariance, size, out=np.zeros_like(size), where=is_known & (size > 0))
    return found


def _variance(own: Returns, trials: Sequence[Returns], cash_rate_per_year: float) -> tuple[float | None, int]:
    """Sample variance of the ratios over the sessions shared with the run, and over how many trials."""
    ratios = []
    for trial in (own, *trials):
        shared = np.array([value for session, value in trial.items() if session in own], dtype=np.float64)
        if len(shared) < MINIMUM_OVERLAP_SESSIONS:
            continue
        try:
            ratios.append(SharpeMoments.of(shared, cash_rate_per_year=cash_rate_per_year).sharpe_per_session)
        except UndefinedError:
            ratios.append(0.0)  # a trial that never traded earned nothing for no risk
    return (float(np.var(ratios, ddof=1)) if len(ratios) > 1 else None), len(ratios)
