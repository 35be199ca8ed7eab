"""When the drawdown halt holds, close by close."""

from __future__ import annotations

import pytest

from tradinggroup.risk.account import Account
from tradinggroup.risk.halt import DrawdownWatch, watch_drawdown
from tradinggroup.risk.profile import Limits


def halted(equities: list[float], *, maximum: float | None, sessions: int | None = None) -> str:
    """`.` and `x` (halted) of each close; the peak starts at 100."""
    limits = Limits(maximum_drawdown_fraction=maximum, drawdown_halt_sessions=sessions)
    watch, peak, marks = DrawdownWatch(), 100.0, ""
    for equity in equities:
        peak = max(peak, equity)
        account = Account(cash_usd=equity, shares=0, average_cost_usd=None, close_usd=1.0, peak_equity_usd=peak)
        watch = watch_drawdown(watch, account=account, limits=limits)
        marks += "x" if watch.is_halted else "."
    return marks


@pytest.mark.parametrize(
    ("equities", "maximum", "sessions", "expected"),
    [
        ([100, 50, 10], None, None, "..."),
        ([100, 91, 90, 95, 200], 0.1, None, "..xxx"),
        ([120, 109, 108, 120], 0.1, None, "..xx"),
        ([100, 90, 90, 90, 90, 90], 0.1, 1, ".x...."),
        ([100, 90, 90, 90, 90, 90], 0.1, 3, ".xxx.."),
        ([100, 90, 89, 80, 81, 79, 72.9, 72.9], 0.1, 2, ".xx...x" + "x"),
        ([100, 90, 90, 120, 109, 108, 108], 0.1, 1, ".x...x."),
        ([100, 90, 100, 120, 109, 108], 0.1, 1, ".x...x"),
    ],
    ids=str,
)
def test_when_no_purchase_may_be_decided(equities: list[float], maximum: float | None, sessions: int | None, expected: str) -> None:
    assert halted(equities, maximum=maximum, sessions=sessions) == expected


def test_the_numbers_of_a_halt() -> None:
    limits = Limits(maximum_drawdown_fraction=0.1)
    account = Account(cash_usd=85.0, shares=0, average_cost_usd=None, close_usd=1.0, peak_equity_usd=100.0)
    first = watch_drawdown(DrawdownWatch(), account=account, limits=limits)
    second = watch_drawdown(first, account=account, limits=limits)
    assert (first.reached_fraction, first.sessions_halted, second.sessions_halted) == (pytest.approx(-0.15), 1, 2)
