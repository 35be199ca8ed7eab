"""Labels and rewards: what a forecast or a decision was worth, under the run's own fill (spec 8.3, 8.4; design 4.6)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.risk.profile import Limits, RiskProfile
from tradinggroup.risk.rebasing import rebase_account, rebase_shares
from tradinggroup.risk.sizing import fit_at_open, size_action
from tradinggroup.settings import SESSIONS_PER_YEAR, ReflectionSettings

__all__ = [
    "DecisionCase",
    "DecisionOutcome",
    "ForecastCase",
    "ForecastOutcome",
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
    *,
    outcome_session: date,
    known_at: datetime,
    open_usd: float | None,
    close_usd: float | None,
    split_ratio: float,
    dividend_per_share_usd: float,
    profile: RiskProfile,
    commission: Commission,
    gap_buffer_fraction: float,
    settings: ReflectionSettings,
    cash_rate_per_year: float = 0.0,
) -> DecisionOutcome:
    """Label a decision, and what each of the three actions would have been, at the next session's open and close.

    Every action goes through the same sizing, limits, gap and costs as the real one: sized at the close of the decision,
    rebased by a split, fitted at the open, valued at that session's close against the equity at the close before
    (design 4.6). An action that is not possible equals hold, at no cost.

    Args:
        case: the decision as it was made.
        outcome_session: the session at whose close the outcome became known.
        known_at: that close.
        open_usd: open of the session after the decision; None where the symbol has no bar on it.
        close_usd: close of that session; None likewise.
        split_ratio: new shares for one old, effective before that open; 1 without a split.
        dividend_per_share_usd: cash a share (on the scale after the split) to the shares held at the close before.
        profile: as in `size_action`.
        commission: of each fill.
        gap_buffer_fraction: as in `size_action`.
        settings: weights of the reward.
        cash_rate_per_year: what cash earns; one session of it comes before that open.
    """
    if open_usd is None or close_usd is None:
        return DecisionOutcome(case, outcome_session, known_at, label=None, reason=NO_BAR)
    if case.account.equity_usd <= 0:
        return DecisionOutcome(case, outcome_session, known_at, label=None, reason=NO_EQUITY)
    morning = _Morning(
        equity_before_usd=float(case.account.equity_usd),
        account=_after_actions(
            case.account,
            split_ratio=split_ratio,
            dividend_per_share_usd=dividend_per_share_usd,
            cash_rate_per_year=cash_rate_per_year,
        ),
        split_ratio=split_ratio,
        open_usd=float(open_usd),
        close_usd=float(close_usd),
        benchmark_return_fraction=float((close_usd + dividend_per_share_usd) * split_ratio / case.account.close_usd - 1),
        commission=commission,
        limits=profile.limits,
        settings=settings,
    )
    ordered = {
        action: size_action(
            action,
            account=case.account,
            style=case.style,
            profile=profile,
            commission=commission,
            gap_buffer_fraction=gap_buffer_fraction,
            conditions=case.conditions,
        ).shares
        for action in ACTIONS
    }
    results = {action: morning.result(shares) for action, shares in ordered.items()}
    label = _decision_label(morning, results, taken=morning.result(case.executed_shares))
    return DecisionOutcome(case, outcome_session, known_at, label=label, reason=None)


@dataclass(frozen=True, slots=True)
class _Morning:
    """The session after a decision: the account before its open, and its prices."""

    equity_before_usd: float
    account: Account
    split_ratio: float
    open_usd: float
    close_usd: float
    benchmark_return_fraction: float
    commission: Commission
    limits: Limits
    settings: ReflectionSettings

    def result(self, ordered_shares: int) -> ActionResult:
        """What an order, on the share scale before the split, brings by the close."""
        shares, _ = fit_at_open(
            rebase_shares(ordered_shares, self.split_ratio),
            cash_usd=self.account.cash_usd,
            held_shares=self.account.shares,
            open_usd=self.open_usd,
            commission=self.commission,
            limits=self.limits,
        )
        fee_usd = self.commission.usd(shares, self.open_usd)
        cash_usd = self.account.cash_usd - shares * self.open_usd - fee_usd
        equity_usd = cash_usd + (self.account.shares + shares) * self.close_usd
        equity_return, cost = float(equity_usd / self.equity_before_usd - 1), fee_usd / self.equity_before_usd
        return ActionResult(
            shares=shares,
            equity_return_fraction=equity_return,
            cost_fraction=cost,
            reward=reward(
                equity_return,
                benchmark_return_fraction=self.benchmark_return_fraction,
                cost_fraction=cost,
                settings=self.settings,
            ),
        )


def _after_actions(account: Account, *, split_ratio: float, dividend_per_share_usd: float, cash_rate_per_year: float) -> Account:
    """The account before the open, as the engine has it: a session's interest, then the split, then the dividend."""
    rebased = rebase_account(replace(account, cash_usd=account.cash_usd * (1 + cash_rate_per_year / SESSIONS_PER_YEAR)), split_ratio)
    return Account(
        cash_usd=rebased.cash_usd + dividend_per_share_usd * account.shares * split_ratio,
        shares=rebased.shares,
        average_cost_usd=rebased.average_cost_usd,
        close_usd=rebased.close_usd,
        peak_equity_usd=rebased.peak_equity_usd,
    )


def _decision_label(morning: _Morning, results: dict[Action, ActionResult], *, taken: ActionResult) -> DecisionLabel:
    best = max(ACTIONS, key=lambda action: results[action].reward)
    sold, cost_usd = max(0, -taken.shares), morning.account.average_cost_usd
    fee_usd = morning.commission.usd(sold, morning.open_usd)
    return DecisionLabel(
        equity_before_usd=morning.equity_before_usd,
        benchmark_return_fraction=morning.benchmark_return_fraction,
        actions=results,
        taken=taken,
        profitable=taken.reward > 0,
        best_action=best,
        regret=max(0.0, results[best].reward - taken.reward),
        realised_profit_usd=sold * (morning.open_usd - cost_usd) - fee_usd if sold and cost_usd else None,
        realised_return_fraction=morning.open_usd / cost_usd - 1 if sold and cost_usd else None,
    )
