from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradinggroup.risk.account import Account
from tradinggroup.risk.rebasing import rebase_account, rebase_shares


@pytest.mark.parametrize(
    ("shares", "ratio", "expected"),
    [(419, 7.0, 2933), (-419, 7.0, -2933), (300, 1 / 3, 100), (419, 0.1, 41), (-419, 0.1, -41), (9, 0.1, 0), (0, 7.0, 0)],
)
def test_shares_after_a_split(shares: int, ratio: float, expected: int) -> None:
    assert rebase_shares(shares, ratio) == expected


def test_split_and_reverse_split_of_an_account() -> None:
    account = Account(cash_usd=50.0, shares=419, average_cost_usd=140.0, close_usd=210.0, peak_equity_usd=99_000.0)
    split = rebase_account(account, 7.0)
    assert (split.shares, split.average_cost_usd, split.close_usd, split.cash_usd) == (2933, 20.0, 30.0, 50.0)
    reverse = rebase_account(account, 0.1)
    assert (reverse.shares, reverse.average_cost_usd, reverse.close_usd) == (41, 1400.0, 2100.0)
    assert reverse.cash_usd == pytest.approx(50.0 + 0.9 * 2100.0, abs=1e-9)
    assert rebase_account(account, 1.0) is account


@settings(deadline=None, derandomize=True)
@given(
    cash=st.floats(0, 1e6),
    shares=st.integers(0, 10**6),
    close=st.floats(0.01, 5000),
    ratio=st.sampled_from([2.0, 3.0, 7.0, 20.0, 1.5, 0.5, 0.1, 1 / 3, 1 / 30, 1.05]),
)
def test_equity_is_the_same_to_the_cent(cash: float, shares: int, close: float, ratio: float) -> None:
    account = Account(cash_usd=cash, shares=shares, average_cost_usd=close if shares else None, close_usd=close, peak_equity_usd=1.0)
    after = rebase_account(account, ratio)
    assert after.equity_usd == pytest.approx(account.equity_usd, rel=1e-9, abs=0.004)
    assert after.shares >= 0
    assert after.cash_usd >= cash
