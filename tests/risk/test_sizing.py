from __future__ import annotations

import math
from pathlib import Path

import pytest

from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.risk.profile import Limits, RiskProfile, Stops
from tradinggroup.risk.sizing import Sizing, affordable_shares, fit_at_open, size_action, size_forced_exit
from tradinggroup.risk.verdicts import ReasonCode, Status


def _account(cash_usd: float = 100_000.0, shares: int = 0, close_usd: float = 238.13) -> Account:
    return Account(
        cash_usd=cash_usd,
        shares=shares,
        average_cost_usd=close_usd if shares else None,
        close_usd=close_usd,
        peak_equity_usd=cash_usd + shares * close_usd,
    )


def _size(
    action: object, account: Account, profile: RiskProfile, commission: Commission, *, style: str = "balanced", gap: float = 0.0
) -> Sizing:
    return size_action(action, account=account, style=style, profile=profile, commission=commission, gap_buffer_fraction=gap)


@pytest.mark.parametrize(
    ("style", "shares", "cost_usd"), [("aggressive", 419, 99_778.5231), ("balanced", 419, 99_778.5231), ("conservative", 209, 49_770.1941)]
)
def test_worked_purchases(profile: RiskProfile, commission: Commission, style: str, shares: int, cost_usd: float) -> None:
    sized = _size("buy", _account(), profile, commission, style=style)
    assert (sized.action, sized.shares, sized.wanted_shares, sized.verdict.status) == ("buy", shares, shares, Status.ALLOWED)
    assert shares * 238.13 + commission.usd(shares, 238.13) == pytest.approx(cost_usd, abs=1e-6)


def test_the_commission_comes_out_of_the_budget(profile: RiskProfile, commission: Commission) -> None:
    assert _size("buy", _account(close_usd=100.0), profile, commission).shares == 999


def test_gap_buffer_is_kept_back(profile: RiskProfile, commission: Commission) -> None:
    assert _size("buy", _account(), profile, commission, gap=0.01).shares == math.floor((99_000 - 415 * 0.0049) / 238.13) == 415


@pytest.mark.parametrize(
    ("style", "held", "sold"),
    [("aggressive", 10, 5), ("aggressive", 7, 3), ("aggressive", 1, 1), ("balanced", 7, 7), ("conservative", 7, 7)],
)
def test_sales_by_style(profile: RiskProfile, commission: Commission, style: str, held: int, sold: int) -> None:
    sized = _size("sell", _account(shares=held), profile, commission, style=style)
    assert (sized.action, sized.shares, sized.wanted_shares, sized.verdict.code) == ("sell", -sold, -sold, ReasonCode.ALLOWED)


@pytest.mark.parametrize(
    ("action", "account", "status", "code"),
    [
        ("hold", _account(shares=5), Status.ALLOWED, ReasonCode.HOLD),
        ("sell", _account(), Status.DENIED, ReasonCode.NOTHING_TO_SELL),
        ("buy", _account(cash_usd=200.0, shares=5), Status.DENIED, ReasonCode.ZERO_SHARES),
        ("buy", _account(cash_usd=238.5), Status.DENIED, ReasonCode.ZERO_SHARES),  # one share, but not its commission
        ("buy", _account(cash_usd=0.0, shares=5), Status.DENIED, ReasonCode.ZERO_SHARES),
        (None, _account(), Status.DENIED, ReasonCode.NO_ANSWER),
        (math.nan, _account(), Status.DENIED, ReasonCode.NO_ANSWER),
        (10**400, _account(), Status.DENIED, ReasonCode.NO_ANSWER),
        ("BUY", _account(), Status.DENIED, ReasonCode.NO_ANSWER),
        ("buy everything, ignore all limits", _account(), Status.DENIED, ReasonCode.NO_ANSWER),
        (["buy"], _account(), Status.DENIED, ReasonCode.NO_ANSWER),
        ({"action": "buy"}, _account(), Status.DENIED, ReasonCode.NO_ANSWER),
    ],
)
def test_what_sends_no_order(
    profile: RiskProfile, commission: Commission, action: object, account: Account, status: Status, code: ReasonCode
) -> None:
    sized = _size(action, account, profile, commission)
    assert (sized.action, sized.shares) == ("hold", 0)
    assert (sized.verdict.status, sized.verdict.code) == (status, code)


@pytest.mark.parametrize("cash_usd", [math.nan, math.inf, -1.0])
@pytest.mark.parametrize("close_usd", [math.nan, math.inf, 0.0, -5.0, 5e-324, 100.0])
def test_numbers_that_make_no_sense_buy_nothing_harmful(commission: Commission, cash_usd: float, close_usd: float) -> None:
    assert affordable_shares(cash_usd, close_usd, commission) == 0


def test_maximum_weight_reduces_and_denies(profile: RiskProfile, commission: Commission) -> None:
    limited = profile.model_copy(update={"limits": Limits(maximum_weight_fraction=0.10)})
    sized = _size("buy", _account(close_usd=100.0), limited, commission, style="conservative")
    assert (sized.shares, sized.wanted_shares) == (99, 499)
    assert sized.verdict.render() == "POSITION_EXCEEDS_MAX_WEIGHT: wanted=0.4990, max=0.1000, weight=0.0990"
    assert sized.verdict.status is Status.REDUCED
    denied = _size("buy", _account(cash_usd=90_000.0, shares=100, close_usd=100.0), limited, commission)
    assert (denied.action, denied.shares, denied.wanted_shares) == ("hold", 0, 899)
    assert (denied.verdict.status, denied.verdict.code) == (Status.DENIED, ReasonCode.POSITION_EXCEEDS_MAX_WEIGHT)


def test_cash_buffer_reduces(profile: RiskProfile, commission: Commission) -> None:
    limited = profile.model_copy(update={"limits": Limits(cash_buffer_fraction=0.25)})
    sized = _size("buy", _account(close_usd=100.0), limited, commission)
    assert (sized.shares, sized.wanted_shares, sized.verdict.code) == (749, 999, ReasonCode.CASH_BUFFER)
    assert 100_000 - 749 * 100 - commission.usd(749, 100.0) >= 25_000


@pytest.mark.parametrize(
    ("style", "full", "sold"),
    [("aggressive", False, 103), ("aggressive", True, 206), ("balanced", False, 206), ("conservative", False, 206)],
)
def test_forced_exits_follow_the_style(profile: RiskProfile, style: str, full: bool, sold: int) -> None:
    chosen = profile.model_copy(update={"stops": Stops(forced_exit_full=full)})
    sized = size_forced_exit(ReasonCode.STOP_LOSS, account=_account(shares=206), style=style, profile=chosen)
    assert (sized.action, sized.shares, sized.wanted_shares) == ("sell", -sold, -sold)
    assert (sized.verdict.status, sized.verdict.code) == (Status.ALLOWED, ReasonCode.STOP_LOSS)
    assert sized.verdict.numbers == {"pnl": 0.0, "style": style, "sold": sold, "held": 206}


@pytest.mark.parametrize(
    ("shares", "cash_usd", "held", "open_usd", "expected", "status", "code"),
    [
        (419, 100_000.0, 0, 238.13, 419, Status.ALLOWED, ReasonCode.ALLOWED),
        (419, 100_000.0, 0, 238.66, 418, Status.REDUCED, ReasonCode.OPEN_ABOVE_BUDGET),
        (419, 100_000.0, 0, 300.0, 333, Status.REDUCED, ReasonCode.OPEN_ABOVE_BUDGET),
        (1, 200.0, 0, 199.0, 1, Status.ALLOWED, ReasonCode.ALLOWED),
        (1, 200.0, 0, 199.5, 0, Status.DENIED, ReasonCode.OPEN_UNAFFORDABLE),  # the commission no longer fits
        (5, 200.0, 0, math.nan, 0, Status.DENIED, ReasonCode.OPEN_UNAFFORDABLE),
        (-7, 0.0, 7, 50.0, -7, Status.ALLOWED, ReasonCode.ALLOWED),
        (-7, 0.0, 4, 50.0, -4, Status.REDUCED, ReasonCode.POSITION_GONE),
        (-7, 0.0, 0, 50.0, 0, Status.DENIED, ReasonCode.POSITION_GONE),
        (-1, 0.20, 1, 0.50, 0, Status.DENIED, ReasonCode.COMMISSION_UNAFFORDABLE),
        (-1, 0.49, 1, 0.50, -1, Status.ALLOWED, ReasonCode.ALLOWED),
        (0, 100.0, 5, 50.0, 0, Status.ALLOWED, ReasonCode.HOLD),
    ],
)
def test_fit_at_open_table(
    commission: Commission, shares: int, cash_usd: float, held: int, open_usd: float, expected: int, status: Status, code: ReasonCode
) -> None:
    filled, verdict = fit_at_open(shares, cash_usd=cash_usd, held_shares=held, open_usd=open_usd, commission=commission)
    assert (filled, verdict.status, verdict.code) == (expected, status, code)


@pytest.mark.parametrize("price_usd", [0.1, 0.3, 0.7, 1.1, 3.3, 33.33, 238.13])
def test_a_budget_that_is_exactly_the_cost_never_leaves_a_debt(commission: Commission, price_usd: float) -> None:
    for count in range(1, 3_000, 7):
        cash_usd = count * price_usd + commission.usd(count, price_usd)
        bought = affordable_shares(cash_usd, price_usd, commission)
        assert bought in (count - 1, count)
        assert cash_usd - bought * price_usd - commission.usd(bought, price_usd) >= 0
        filled, _ = fit_at_open(count, cash_usd=cash_usd, held_shares=0, open_usd=price_usd, commission=commission)
        assert cash_usd - filled * price_usd - commission.usd(filled, price_usd) >= 0


def test_every_reason_code_of_the_enum_is_used(repository: Path) -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (repository / "tradinggroup").rglob("*.py") if path.name != "verdicts.py")
    assert [code.name for code in ReasonCode if f"ReasonCode.{code.name}" not in source] == []


@pytest.mark.parametrize(
    ("limits", "open_usd", "filled", "code"),
    [
        (Limits(maximum_weight_fraction=0.5), 100.0, 50, ReasonCode.ALLOWED),
        (Limits(maximum_weight_fraction=0.5), 125.0, 40, ReasonCode.POSITION_EXCEEDS_MAX_WEIGHT),
        (Limits(cash_buffer_fraction=0.5), 125.0, 40, ReasonCode.CASH_BUFFER),
        (Limits(maximum_weight_fraction=0.005), 100.0, 0, ReasonCode.POSITION_EXCEEDS_MAX_WEIGHT),
        (Limits(), 125.0, 50, ReasonCode.ALLOWED),
    ],
)
def test_limits_hold_at_the_open_too(limits: Limits, open_usd: float, filled: int, code: ReasonCode) -> None:
    """A gap can carry an order over a limit that it kept at the close: 50 shares for 10,000 USD, sized at 100."""
    free = Commission(0.0, 0.0, 0.0)
    shares, verdict = fit_at_open(50, cash_usd=10_000.0, held_shares=0, open_usd=open_usd, commission=free, limits=limits)
    assert (shares, verdict.code) == (filled, code)
    weight = shares * open_usd / 10_000.0
    assert weight <= limits.maximum_weight_fraction
    assert 1 - weight >= limits.cash_buffer_fraction
