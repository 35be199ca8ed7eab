"""What a split does to shares, cost and cash: the count changes, the equity does not."""

from __future__ import annotations

import math
from dataclasses import replace

from tradinggroup.risk.account import Account

WHOLE_TOLERANCE_SHARES = 1e-6
"""Below this a rebased count is whole: a ratio such as 1/3 is not exact in binary."""


def rebase_shares(shares: int, ratio: float) -> int:
    """Whole shares, of either sign, that `shares` become when one old share turns into `ratio` new ones; rounds towards zero."""
    count = math.floor(abs(shares) * ratio + WHOLE_TOLERANCE_SHARES)
    return count if shares >= 0 else -count


def rebase_account(account: Account, ratio: float) -> Account:
    """The account on the new share scale, its close included.

    A fraction of a share that is left over (reverse splits) is paid in cash at the rebased close, so the equity is the same
    to the cent.
    """
    if ratio == 1:
        return account
    shares = rebase_shares(account.shares, ratio)
    left_over = max(0.0, account.shares * ratio - shares)
    close_usd = account.close_usd / ratio
    cost = account.average_cost_usd
    return replace(
        account,
        cash_usd=account.cash_usd + left_over * close_usd,
        shares=shares,
        average_cost_usd=cost / ratio if cost is not None and shares else None,
        close_usd=close_usd,
    )
