"""Markets whose truth is known, and every test of the project on them: what `no_edge.py` and `power.py` share.

A market has five symbols and 230 sessions: returns with a common part, fat tails (Student, 6 degrees of freedom) and volatility
that comes in clusters (GARCH(1,1), 0.08 and 0.87), 1.5 % a session on average and no drift. An agent is in each symbol half of
the time, at random moments, for 8 sessions on average, at no cost. An edge of e means: while it is in, a symbol's expected return
is e standard deviations a session, and while it is out minus that, so that buy and hold earns nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from tradinggroup.backtest.metrics.series import session_returns
from tradinggroup.backtest.statistics.deflation import deflation
from tradinggroup.backtest.statistics.figures import Sampling, run_statistics
from tradinggroup.reflection.skill import Pair, skill_figures

SESSIONS, SYMBOLS, TRIALS = 230, 5, 10
DEVIATION, WARM_UP, HOLDING = 0.015, 100, 8
DRAWS = 2_000
LEVEL, SURE = 0.05, 0.95
ALL = "ALL"

TESTS = {
    "return": "return of ALL less buy and hold, p of the bootstrap",
    "sharpe": "Sharpe ratio of ALL less buy and hold, p of the bootstrap",
    "return, blocks of 5": "the same interval of the return leaves zero out, blocks of 5 sessions",
    "return, blocks of 10": "blocks of 10 sessions",
    "return, blocks of 20": "blocks of 20 sessions",
    "own sharpe": "interval of the Sharpe ratio of ALL leaves zero out",
    "any symbol": "any symbol's Sharpe ratio less buy and hold, p after Holm",
    "random runs": "return of ALL among all circular shifts of its positions, 2.5 % at either end",
    "probabilistic": "probabilistic Sharpe ratio of ALL above 0.95 (one-sided)",
    "deflated": f"deflated Sharpe ratio of the best of {TRIALS} trials above 0.95 (one-sided)",
    "skill": "interval of the forecasts' skill leaves zero out",
}
"""Test -> what it rejects on, at 5 %."""


@dataclass(frozen=True)
class Trial:
    """One market: returns (sessions - 1, symbols), and the positions, 0 or 1, of ten agents (trials, sessions - 1, symbols)."""

    returns: np.ndarray
    positions: np.ndarray
    random: np.random.Generator


def make_trial(seed: int, edge: float) -> Trial:
    """A market in which the first agent has an edge of `edge` standard deviations a session, and nine others have none."""
    random = np.random.default_rng([2026, seed])
    number = SESSIONS - 1
    turns = random.random((TRIALS, number, SYMBOLS)) < 1 / HOLDING
    positions = (np.cumsum(turns, axis=1) + (random.random((TRIALS, 1, SYMBOLS)) < 0.5)) % 2
    returns = _clustered(random, number) + edge * DEVIATION * (2 * positions[0] - 1)
    return Trial(returns, positions, random)


def _clustered(random: np.random.Generator, number: int) -> np.ndarray:
    draws = random.standard_t(6, size=(WARM_UP + number, SYMBOLS + 1)) * np.sqrt(4 / 6)
    shocks = 0.6 * draws[:, :1] + 0.8 * draws[:, 1:]
    variance, path = np.ones(SYMBOLS), np.empty_like(shocks)
    for place, shock in enumerate(shocks):
        path[place] = np.sqrt(variance) * shock
        variance = 0.05 + 0.08 * path[place] ** 2 + 0.87 * variance
    return np.maximum(path[WARM_UP:] * DEVIATION, -0.9)


def equity(returns: np.ndarray) -> dict[str, np.ndarray]:
    """Equity by symbol and of ALL, of session returns (sessions - 1, symbols)."""
    paths = 1e5 * np.cumprod(np.vstack([np.ones(SYMBOLS), 1 + returns]), axis=0)
    return {f"S{place}": paths[:, place] for place in range(SYMBOLS)} | {ALL: paths.sum(axis=1)}


def rejections(seed: int, edge: float, skill: float, names: Collection[str]) -> dict[str, bool]:
    """Which of the tests `names` reject on one market, whose forecasts save the share `skill` of the reference's Brier score."""
    trial = make_trial(seed, edge)
    makers: dict[str, Callable[[], bool]] = {
        "random runs": lambda: is_outside_random_runs(trial),
        "deflated": lambda: is_sure_after_deflation(trial),
        "skill": lambda: is_skill_sure(trial.random, seed, skill),
    }
    resampled = resampled_rejections(trial, seed) if set(names) - set(makers) else {}
    return {name: makers[name]() if name in makers else resampled[name] for name in names}


def resampled_rejections(trial: Trial, seed: int) -> dict[str, bool]:
    """The tests that stand in the `statistics` of a run."""
    own, market = equity(trial.positions[0] * trial.returns), equity(trial.returns)
    whole: Any = {ALL: SimpleNamespace(sessions=SESSIONS, trades=100, average_holding_sessions=float(HOLDING))}
    found = run_statistics(own, whole, {"buy_and_hold": market}, sampling=Sampling(DRAWS, seed))
    lead, ratio = found["differences"]["buy_and_hold"], found["metrics"][ALL]["sharpe_ratio"]
    blocks = lead[ALL]["total_return_fraction"]["by_block_length"]
    return {
        "return": lead[ALL]["total_return_fraction"]["p_value"] <= LEVEL,
        "sharpe": lead[ALL]["sharpe_ratio"]["p_value"] <= LEVEL,
        **{f"return, blocks of {length}": leaves_zero_out(each) for length, each in blocks.items()},
        "own sharpe": leaves_zero_out(ratio),
        "any symbol": min(lead[name]["sharpe_ratio"]["p_value_holm"] for name in lead if name != ALL) <= LEVEL,
        "probabilistic": found["sharpe"]["probability_above_zero"] > SURE,
    }


def leaves_zero_out(interval: dict[str, float]) -> bool:
    """Whether an interval is on one side of zero."""
    return interval["low"] > 0 or interval["high"] < 0


def is_outside_random_runs(trial: Trial) -> bool:
    """Whether the agent ends among the 2.5 % best or worst of all circular shifts of its positions, the same for all symbols."""
    number = len(trial.returns)
    ends = [np.prod(1 + np.roll(trial.positions[0], shift, axis=0) * trial.returns, axis=0).sum() for shift in range(number)]
    percentile = np.mean(np.array(ends[1:]) < ends[0])
    return bool(percentile >= 1 - LEVEL / 2 or percentile <= LEVEL / 2)


def is_sure_after_deflation(trial: Trial) -> bool:
    """Whether the best of all agents is still sure after it was chosen as the best."""
    series = [session_returns(equity(each * trial.returns)[ALL]) for each in trial.positions]
    best = int(np.argmax([each.mean() / each.std() for each in series]))
    plain = [dict(enumerate(each.tolist())) for each in series]
    own = plain.pop(best)
    probability = deflation(own, plain, count=TRIALS).probability
    return probability is not None and probability > SURE


def is_skill_sure(random: np.random.Generator, seed: int, skill: float) -> bool:
    """Whether the interval of the skill leaves zero out.

    The three classes have probabilities of their own each time, which the forecast knows as far as `skill` goes. Both it and the reference
    are blurred by the same amount, so that without skill neither is better.
    """
    count = (SESSIONS - 1) * SYMBOLS
    known = _departures(random, count) * np.sqrt(skill)
    outcome = np.eye(3)[(random.random((count, 1)) > (1 / 3 + known).cumsum(axis=1)[:, :2]).sum(axis=1)]
    forecast, reference = (1 / 3 + part + 0.1 * _departures(random, count) for part in (known, 0.0))
    scores = [((each - outcome) ** 2).sum(axis=1) for each in (forecast, reference)]
    sessions = [f"{place // SYMBOLS:04d}" for place in range(count)]
    figures = skill_figures([Pair(*each) for each in zip(sessions, *scores, strict=True)], seed=seed, purpose="benchmark")
    return leaves_zero_out({"low": figures["skill_low"], "high": figures["skill_high"]})


def _departures(random: np.random.Generator, count: int) -> np.ndarray:
    """Departures from one third each that sum to zero and save, known in full, the whole Brier score of 2/3 in the mean."""
    shapes = np.tile([1.0, -1.0, 0.0], (count, 1)) / np.sqrt(3)
    return random.permuted(shapes, axis=1)


def fractions(markets: int, edge: float, skill: float, *, names: Collection[str] = tuple(TESTS), first: int = 0) -> dict[str, float]:
    """Share of the markets on which each test of `names` rejects."""
    counts = dict.fromkeys(names, 0)
    for number in range(markets):
        for name, rejected in rejections(first + number, edge, skill, names).items():
            counts[name] += rejected
        if number % 50 == 49:
            print(f"{number + 1} of {markets} markets", file=sys.stderr)
    return {name: count / markets for name, count in counts.items()}
