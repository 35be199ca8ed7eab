"""Each limit of a purchase: verdict, code and numbers at the very edge, and that no sale is ever held up."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.risk.halt import DrawdownWatch
from tradinggroup.risk.limits import PurchaseConditions
from tradinggroup.risk.profile import Limits, RiskProfile
from tradinggroup.risk.sizing import Sizing, size_action, size_forced_exit
from tradinggroup.risk.verdicts import ReasonCode

FREE = Commission(0.0, 0.0, 0.0)
HALTED = DrawdownWatch(reached_fraction=-0.25, sessions_halted=3)


def sized(
    profile: RiskProfile, limits: dict[str, Any], *, action: str = "buy", conditions: PurchaseConditions | None = None, **account: Any
) -> Sizing:
    values: dict[str, Any] = {"cash_usd": 10_000.0, "shares": 0, "average_cost_usd": None, "close_usd": 100.0, "peak_equity_usd": 10_000.0}
    return size_action(
        action,
        account=Account(**(values | account)),
        style="balanced",
        profile=profile.model_copy(update={"limits": Limits.model_validate(limits)}),
        commission=FREE,
        gap_buffer_fraction=0.0,
        conditions=conditions or PurchaseConditions(),
    )


CASES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"orders_filled": 9, "sessions_since_stop": 0, "previous_equity_usd": 1e9}, "ALLOWED: weight=1.0000"),
    ({"session_loss_limit_fraction": 0.05}, {"previous_equity_usd": 10_500.0}, "ALLOWED: weight=1.0000"),
    (
        {"session_loss_limit_fraction": 0.05},
        {"previous_equity_usd": 10_000 / 0.95},
        "SESSION_LOSS_LIMIT: change=-0.0500, max=0.0500",
    ),
    ({"session_loss_limit_fraction": 0.05}, {"previous_equity_usd": None}, "ALLOWED: weight=1.0000"),
    ({"maximum_orders_per_session": 2}, {"orders_filled": 1}, "ALLOWED: weight=1.0000"),
    ({"maximum_orders_per_session": 2}, {"orders_filled": 2}, "MAX_ORDERS_PER_SESSION: filled=2, max=2"),
    ({"cooldown_sessions": 3}, {"sessions_since_stop": None}, "ALLOWED: weight=1.0000"),
    ({"cooldown_sessions": 3}, {"sessions_since_stop": 0}, "COOL_DOWN: sessions_since_stop=0, min=3"),
    ({"cooldown_sessions": 3}, {"sessions_since_stop": 2}, "COOL_DOWN: sessions_since_stop=2, min=3"),
    ({"cooldown_sessions": 3}, {"sessions_since_stop": 3}, "ALLOWED: weight=1.0000"),
]


@pytest.mark.parametrize(("limits", "account", "expected"), CASES, ids=str)
def test_what_the_account_alone_tells(profile: RiskProfile, limits: dict[str, Any], account: dict[str, Any], expected: str) -> None:
    found = sized(profile, limits, **account)
    assert found.verdict.render() == expected
    assert found.shares == (100 if found.verdict.code is ReasonCode.ALLOWED else 0)
    assert found.wanted_shares == 100


@pytest.mark.parametrize(
    ("limits", "conditions", "shares", "expected"),
    [
        ({"maximum_drawdown_fraction": 0.2}, PurchaseConditions(), 100, "ALLOWED: weight=1.0000"),
        ({}, PurchaseConditions(drawdown=HALTED), 100, "ALLOWED: weight=1.0000"),
        (
            {"maximum_drawdown_fraction": 0.2},
            PurchaseConditions(drawdown=HALTED),
            0,
            "MAX_DRAWDOWN_HALT: reached=-0.2500, max=0.2000, halted_sessions=3",
        ),
        (
            {"maximum_drawdown_fraction": 0.2, "drawdown_halt_sessions": 20},
            PurchaseConditions(drawdown=HALTED),
            0,
            "MAX_DRAWDOWN_HALT: reached=-0.2500, max=0.2000, halted_sessions=3, of=20",
        ),
        ({"maximum_volume_fraction": 0.01}, PurchaseConditions(mean_volume_shares=10_000.0), 100, "ALLOWED: weight=1.0000"),
        (
            {"maximum_volume_fraction": 0.01},
            PurchaseConditions(mean_volume_shares=3_999.0),
            39,
            "VOLUME_SHARE: wanted_shares=100, max=0.0100, mean_volume_shares=3999.0000, weight=0.3900",
        ),
        (
            {"maximum_volume_fraction": 0.01},
            PurchaseConditions(),
            0,
            "VOLUME_SHARE: wanted_shares=100, max=0.0100, mean_volume_shares=None, weight=0.0000",
        ),
        (
            {"maximum_volume_fraction": 0.01},
            PurchaseConditions(mean_volume_shares=math.nan),
            0,
            "VOLUME_SHARE: wanted_shares=100, max=0.0100, mean_volume_shares=None, weight=0.0000",
        ),
        (
            {"maximum_volume_fraction": 0.01, "maximum_weight_fraction": 0.3},
            PurchaseConditions(mean_volume_shares=3_999.0),
            30,
            "POSITION_EXCEEDS_MAX_WEIGHT: wanted=1.0000, max=0.3000, weight=0.3000",
        ),
    ],
    ids=str,
)
def test_what_depends_on_more_than_the_account(
    profile: RiskProfile, limits: dict[str, Any], conditions: PurchaseConditions, shares: int, expected: str
) -> None:
    found = sized(profile, limits, conditions=conditions)
    assert (found.shares, found.verdict.render()) == (shares, expected)


ALL_LIMITS = {
    "maximum_weight_fraction": 0.1,
    "cash_buffer_fraction": 0.9,
    "maximum_drawdown_fraction": 0.2,
    "session_loss_limit_fraction": 0.01,
    "maximum_orders_per_session": 1,
    "maximum_volume_fraction": 0.0001,
    "cooldown_sessions": 10,
}
BESET: dict[str, Any] = {
    "cash_usd": 100.0,
    "shares": 50,
    "average_cost_usd": 200.0,
    "previous_equity_usd": 9_000.0,
    "sessions_since_stop": 0,
    "orders_filled": 5,
}


def test_no_limit_holds_up_a_sale(profile: RiskProfile) -> None:
    conditions = PurchaseConditions(mean_volume_shares=0.0, drawdown=HALTED)
    asked = sized(profile, ALL_LIMITS, action="sell", conditions=conditions, **BESET)
    assert (asked.shares, str(asked.verdict.status)) == (-50, "allowed")
    strict = profile.model_copy(update={"limits": Limits.model_validate(ALL_LIMITS)})
    account = Account(**({"close_usd": 100.0, "peak_equity_usd": 1e6} | BESET))
    forced = size_forced_exit(ReasonCode.STOP_LOSS, account=account, style="balanced", profile=strict)
    assert forced.shares == -50


def test_a_hold_and_a_missing_answer_are_what_they_were(profile: RiskProfile) -> None:
    conditions = PurchaseConditions(drawdown=HALTED)
    assert sized(profile, ALL_LIMITS, action="hold", conditions=conditions).verdict.code is ReasonCode.HOLD
    assert sized(profile, ALL_LIMITS, action="BUY", conditions=conditions).verdict.code is ReasonCode.NO_ANSWER
    assert sized(profile, ALL_LIMITS, conditions=conditions, cash_usd=5.0).verdict.code is ReasonCode.ZERO_SHARES
