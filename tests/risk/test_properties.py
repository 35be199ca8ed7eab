"""Whatever the actions, styles and prices are: cash and shares stay at zero or more, limits hold, no stop is skipped."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.risk.strategies import ACTIONS, STYLES, profiles
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.risk.profile import RiskProfile
from tradinggroup.risk.rebasing import rebase_account, rebase_shares
from tradinggroup.risk.sizing import Sizing, fit_at_open, size_action, size_forced_exit
from tradinggroup.risk.thresholds import forced_exit, thresholds
from tradinggroup.risk.verdicts import ReasonCode, Status

CHANGES = st.floats(min_value=0.6, max_value=1.6)


@dataclass(frozen=True)
class Step:
    change: float
    gap: float
    split_ratio: float
    sigma10: float
    style: str
    action: object


STEPS = st.lists(
    st.builds(
        Step,
        change=CHANGES,
        gap=st.floats(min_value=-0.5, max_value=1.0),
        split_ratio=st.sampled_from([1.0, 1.0, 1.0, 7.0, 0.1]),
        sigma10=st.floats(min_value=0.0, max_value=0.2),
        style=STYLES,
        action=ACTIONS,
    ),
    min_size=1,
    max_size=25,
)


COMMISSIONS = st.builds(
    Commission, per_share_usd=st.floats(0, 0.1), minimum_usd=st.floats(0, 5), maximum_fraction=st.sampled_from([0.0, 0.01, 1.0])
)


def _decide(account: Account, step: Step, profile: RiskProfile, commission: Commission, gap_buffer: float) -> Sizing:
    """The desk's order of things: the intercept first, the action only without one."""
    code = forced_exit(account, thresholds(step.style, step.sigma10, profile))
    if code is not None:
        sized = size_forced_exit(code, account=account, style=step.style, profile=profile)
        assert sized.action == "sell"
        assert 1 <= -sized.shares <= account.shares
        return sized
    return size_action(
        step.action, account=account, style=step.style, profile=profile, commission=commission, gap_buffer_fraction=gap_buffer
    )


def _check_sizing(sized: Sizing, account: Account, step: Step, profile: RiskProfile, commission: Commission) -> None:
    assert type(sized.shares) is int
    assert (sized.shares > 0) is (sized.action == "buy")
    assert (sized.shares < 0) is (sized.action == "sell")
    assert -sized.shares <= account.shares
    assert abs(sized.shares) <= abs(sized.wanted_shares)
    if not isinstance(step.action, str) or step.action not in ("buy", "hold", "sell"):
        assert sized.action == "sell" or sized.verdict.code is ReasonCode.NO_ANSWER
    if sized.shares > 0:
        cost = sized.shares * account.close_usd + commission.usd(sized.shares, account.close_usd)
        left = account.cash_usd - cost
        after = left + (account.shares + sized.shares) * account.close_usd
        assert left >= 0
        assert cost <= profile.rules(step.style).buy_cash_fraction * account.cash_usd
        limit = profile.limits.maximum_weight_fraction
        assert (account.shares + sized.shares) * account.close_usd <= limit * after * (1 + 1e-12)
        assert left >= profile.limits.cash_buffer_fraction * after * (1 - 1e-12)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(
    steps=STEPS,
    profile=profiles(),
    commission=COMMISSIONS,
    gap_buffer=st.sampled_from([0.0, 0.01, 0.5]),
    cash=st.floats(10, 1e6),
    first_usd=st.floats(0.05, 2_000),
)
def test_no_sequence_of_answers_breaks_a_limit(
    steps: list[Step], profile: RiskProfile, commission: Commission, gap_buffer: float, cash: float, first_usd: float
) -> None:
    cash_usd, shares, cost_usd, close_usd = cash, 0, None, first_usd
    exact = Fraction(cash)
    for step in steps:
        close_usd *= step.change
        account = Account(cash_usd=cash_usd, shares=shares, average_cost_usd=cost_usd, close_usd=close_usd, peak_equity_usd=cash)
        sized = _decide(account, step, profile, commission, gap_buffer)
        _check_sizing(sized, account, step, profile, commission)

        rebased = rebase_account(account, step.split_ratio)
        exact += Fraction(rebased.cash_usd) - Fraction(cash_usd)
        open_usd = rebased.close_usd * (1 + step.gap)
        ordered = rebase_shares(sized.shares, step.split_ratio)
        filled, verdict = fit_at_open(
            ordered,
            cash_usd=rebased.cash_usd,
            held_shares=rebased.shares,
            open_usd=open_usd,
            commission=commission,
            limits=profile.limits,
        )
        fee = commission.usd(filled, open_usd)
        assert abs(filled) <= abs(ordered)
        assert filled * ordered >= 0
        assert (verdict.status is Status.DENIED) is (filled == 0 and ordered != 0)
        if sized.verdict.code in (ReasonCode.STOP_LOSS, ReasonCode.TAKE_PROFIT) and ordered and filled == 0:
            assert verdict.code is ReasonCode.COMMISSION_UNAFFORDABLE  # the only thing that can hold up a stop

        cash_usd = rebased.cash_usd - filled * open_usd - fee
        exact += -filled * Fraction(open_usd) - Fraction(fee)
        shares = rebased.shares + filled
        assert cash_usd >= 0
        assert shares >= 0
        if filled > 0:
            equity_usd = cash_usd + shares * open_usd
            assert shares * open_usd <= profile.limits.maximum_weight_fraction * equity_usd * (1 + 1e-12)
            assert cash_usd >= profile.limits.cash_buffer_fraction * equity_usd * (1 - 1e-12)
        assert abs(Fraction(cash_usd) - exact) < Fraction(1, 200)  # a ledger in exact fractions agrees to the cent
        close_usd = rebased.close_usd
        cost_usd = _average_cost(rebased, filled, open_usd)


def _average_cost(before: Account, filled: int, open_usd: float) -> float | None:
    shares = before.shares + filled
    if shares == 0:
        return None
    if filled <= 0:
        return before.average_cost_usd
    return ((before.average_cost_usd or 0.0) * before.shares + filled * open_usd) / shares


@settings(deadline=None, derandomize=True)
@given(profit=st.floats(-0.99, 3.0), sigma10=st.floats(0, 0.3), style=STYLES, profile=profiles())
def test_a_stop_is_never_skipped(profit: float, sigma10: float, style: str, profile: RiskProfile) -> None:
    account = Account(cash_usd=0.0, shares=3, average_cost_usd=100.0, close_usd=100.0 * (1 + profit), peak_equity_usd=300.0)
    limits = thresholds(style, sigma10, profile)
    code = forced_exit(account, limits)
    open_profit = account.unrealised_fraction
    assert open_profit is not None
    if open_profit <= limits.stop_loss_fraction:
        assert code is ReasonCode.STOP_LOSS
    elif open_profit >= limits.take_profit_fraction:
        assert code is ReasonCode.TAKE_PROFIT
    elif limits.stop_loss_fraction + 1e-9 < open_profit < limits.take_profit_fraction - 1e-9:
        assert code is None
