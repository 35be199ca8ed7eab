"""Labels and rewards: what a forecast or a decision was worth, under the run's own fill (spec 8.3, 8.4; design 4.6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

from tradinggroup.reflection.records import (
    ACTIONS,
    DIRECTIONS,
    NO_BAR,
    NO_EQUITY,
    Action,
    ActionResult,
    DecisionCase,
    DecisionLabel,
    DecisionOutcome,
    Direction,
    ForecastCase,
    ForecastLabel,
    ForecastOutcome,
)
from tradinggroup.reflection.trade_terms import SessionAfter, TradeTerms
from tradinggroup.reflection.what_if import Played, play_order
from tradinggroup.risk.account import Account
from tradinggroup.risk.limits import ended_purchase
from tradinggroup.risk.sizing import size_action
from tradinggroup.settings import ReflectionSettings

__all__ = [
    "DecisionCase",
    "DecisionOutcome",
    "ForecastCase",
    "ForecastOutcome",
    "benchmark_return",
    "direction_of",
    "hit_weight",
    "label_decision",
    "label_forecast",
    "reward",
    "sideways_band",
]

SMALLEST_PROBABILITY = 1e-6
"""What a probability of zero counts as in the log score, which would have no value otherwise."""


def label_forecast(
    case: ForecastCase,
    *,
    outcome_session: date,
    known_at: datetime,
    return_fraction: float | None,
    settings: ReflectionSettings,
    fill_return_fraction: float | None = None,
) -> ForecastOutcome:
    """Label a forecast by the next session's close-to-close return (spec 8.3).

    Args:
        case: the forecast as it was made.
        outcome_session: the session at whose close the outcome became known.
        known_at: that close.
        return_fraction: simple return from the close of the forecast's session to the next one, splits and dividends
            included; None where the symbol has no bar on the next session.
        settings: width of the sideways band.
        fill_return_fraction: simple return from the next session's open to its close, for scoring only; None where nobody asks.
    """
    if return_fraction is None:
        return ForecastOutcome(case, outcome_session, known_at, label=None, reason=NO_BAR)
    change = float(return_fraction)
    band = sideways_band(case.features.mean_absolute_return_fraction, settings)
    true_label = direction_of(change, band)
    sign_ok = _is_sign_right(case.argmax_label, change, band)
    p_true = case.probability(true_label)
    label = ForecastLabel(
        return_fraction=change,
        band_fraction=band,
        true_label=true_label,
        sign_ok=sign_ok,
        p_true=p_true,
        hit_weight=hit_weight(change, band_fraction=band, p_true=p_true, sign_ok=sign_ok),
        correct=case.argmax_label == true_label,
        brier=math.fsum((case.probability(each) - (each == true_label)) ** 2 for each in DIRECTIONS),
        log_score=max(0.0, -math.log(max(p_true, SMALLEST_PROBABILITY))),
        fill_return_fraction=fill_return_fraction,
        fill_label=None if fill_return_fraction is None else direction_of(fill_return_fraction, band),
    )
    return ForecastOutcome(case, outcome_session, known_at, label=label, reason=None)


def sideways_band(mean_absolute_return_fraction: float, settings: ReflectionSettings) -> float:
    """Half-width of the sideways band, a positive fraction: `max(alpha * mean |r|, minimum)` (spec 8.3)."""
    return float(max(settings.label_alpha * mean_absolute_return_fraction, settings.label_minimum_fraction))


def direction_of(return_fraction: float, band_fraction: float) -> Direction:
    """`sideways` up to and with the band, else `up` or `down` (spec 8.3)."""
    if abs(return_fraction) <= band_fraction:
        return "sideways"
    return "up" if return_fraction > 0 else "down"


def hit_weight(return_fraction: float, *, band_fraction: float, p_true: float, sign_ok: bool) -> float:
    """w_hit, 0 to 1: `sign_ok * tanh(|return| / band) * p_true` (spec eq. 4)."""
    if not sign_ok or band_fraction <= 0:
        return 0.0
    return math.tanh(abs(return_fraction) / band_fraction) * p_true


def _is_sign_right(label: str, return_fraction: float, band_fraction: float) -> bool:
    if label == "sideways":
        return abs(return_fraction) <= band_fraction
    return return_fraction > 0 if label == "up" else return_fraction < 0


def reward(equity_return_fraction: float, *, benchmark_return_fraction: float, cost_fraction: float, settings: ReflectionSettings) -> float:
    """Equity return less beta times the benchmark's return less gamma times the cost (spec eq. 5)."""
    return equity_return_fraction - settings.reward_beta * benchmark_return_fraction - settings.reward_gamma * cost_fraction


def label_decision(
    case: DecisionCase,
    after: Sequence[SessionAfter] | None,
    *,
    outcome_session: date,
    known_at: datetime,
    terms: TradeTerms,
    settings: ReflectionSettings,
) -> DecisionOutcome:
    """Label a decision, and what each of the three actions would have been, under the run's own fill.

    Every action goes through the same sizing, limits, costs and exits as the real one (`what_if.play_order`). Its return is that
    of the account over the session that its fill opens, see docs/reflection.md. An action that is not possible equals hold, at
    no cost.

    Args:
        case: the decision as it was made.
        after: `terms.sessions_to_label` sessions from the next one on; None where the symbol has no bar on one of them.
        outcome_session: the session at whose close the outcome became known.
        known_at: that close.
        terms: of every fill of the run.
        settings: weights of the reward.
    """
    if after is None:
        return DecisionOutcome(case, outcome_session, known_at, label=None, reason=NO_BAR)
    account = _going_on(case, terms)
    taken = play_order(account, case.executed_shares, after, terms=terms)
    if case.account.equity_usd <= 0 or taken.equity_before_usd <= 0:
        return DecisionOutcome(case, outcome_session, known_at, label=None, reason=NO_EQUITY)
    played = {action: play_order(account, _ordered_shares(case, action, terms), after, terms=terms) for action in ACTIONS}
    market = benchmark_return(case.account.close_usd, after)
    results = {action: _action_result(each, market, settings) for action, each in played.items()}
    label = _decision_label(taken, _action_result(taken, market, settings), results, market)
    return DecisionOutcome(case, outcome_session, known_at, label=label, reason=None)


def benchmark_return(close_usd: float, after: Sequence[SessionAfter]) -> float:
    """The market's simple return over the last of the sessions `after` a close, from close to close, splits and dividends included."""
    before_usd = after[-2].bar.close_usd if len(after) > 1 else close_usd
    last = after[-1]
    return float((last.bar.close_usd + last.dividend_per_share_usd) * last.split_ratio / before_usd - 1)


def _going_on(case: DecisionCase, terms: TradeTerms) -> Account:
    """The account of the case, with what goes on after it: the rest of a purchase ends where a limit refuses purchases."""
    ended = ended_purchase(terms.profile.limits, account=case.account, conditions=case.conditions)
    return case.account if ended is None else replace(case.account, waiting_shares=0)


def _ordered_shares(case: DecisionCase, action: Action, terms: TradeTerms) -> int:
    """What `action` would have ordered on the account of the case: nothing while the rest of an exit waits."""
    if case.account.is_exit_waiting:
        return 0
    return size_action(
        action,
        account=case.account,
        style=case.style,
        profile=terms.profile,
        commission=terms.commission,
        gap_buffer_fraction=terms.gap_buffer_fraction,
        slippage=terms.slippage,
        conditions=case.conditions,
    ).shares


def _action_result(played: Played, market_return_fraction: float, settings: ReflectionSettings) -> ActionResult:
    change = float(played.equity_after_usd / played.equity_before_usd - 1)
    cost = played.cost_usd / played.equity_before_usd
    return ActionResult(
        shares=played.filled.shares,
        equity_return_fraction=change,
        cost_fraction=cost,
        reward=reward(change, benchmark_return_fraction=market_return_fraction, cost_fraction=cost, settings=settings),
    )


def _decision_label(
    played: Played, taken: ActionResult, results: dict[Action, ActionResult], market_return_fraction: float
) -> DecisionLabel:
    best = max(ACTIONS, key=lambda action: results[action].reward)
    filled = played.filled
    sold, cost_usd = max(0, -filled.shares), filled.average_cost_usd
    return DecisionLabel(
        equity_before_usd=played.equity_before_usd,
        benchmark_return_fraction=market_return_fraction,
        actions=results,
        taken=taken,
        profitable=taken.reward > 0,
        best_action=best,
        regret=max(0.0, results[best].reward - taken.reward),
        realised_profit_usd=sold * (filled.price_usd - cost_usd) - filled.commission_usd if sold and cost_usd else None,
        realised_return_fraction=filled.price_usd / cost_usd - 1 if sold and cost_usd else None,
    )
