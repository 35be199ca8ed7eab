"""From a wanted weight to whole shares, for one account and for many at once with the same result."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import NO_SLIPPAGE, ONE_IN_BPS, Commission, Slippage
from tradinggroup.risk.sizing import affordable_shares
from tradinggroup.risk.verdicts import ReasonCode

WHOLE_TOLERANCE_SHARES = 1e-9
"""A wanted count this close below a whole number is that number."""

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def order_for_weight(
    target_fraction: float, account: Account, *, commission: Commission, gap_buffer_fraction: float, slippage: Slippage = NO_SLIPPAGE
) -> OrderIntent | None:
    """The order that brings the position to a share of the equity at the close; None where no whole share is missing.

    A purchase costs at most the cash less the gap buffer, slippage and commission included.
    """
    wanted = math.floor(target_fraction * account.equity_usd / account.close_usd + WHOLE_TOLERANCE_SHARES) - account.shares
    shares = wanted
    if wanted > 0:
        price_usd = slippage.price_usd(wanted, account.close_usd)
        shares = min(wanted, affordable_shares(account.cash_usd * (1 - gap_buffer_fraction), price_usd, commission))
    if shares == 0:
        return None
    action = "buy" if shares > 0 else "sell"
    return OrderIntent(shares=shares, action=action, style=None, code=ReasonCode.ALLOWED, forced=False, wanted_shares=wanted)


def shares_for_weights(
    target_fractions: Floats,
    *,
    cash_usd: Floats,
    shares: Counts,
    close_usd: float,
    commission: Commission,
    gap_buffer_fraction: float,
    slippage: Slippage = NO_SLIPPAGE,
) -> Counts:
    """Signed shares as `order_for_weight` would order them, for many accounts at the same close. All arrays (n_accounts,)."""
    equity_usd = cash_usd + shares * close_usd
    wanted = np.floor(target_fractions * equity_usd / close_usd + WHOLE_TOLERANCE_SHARES).astype(np.int64) - shares
    most = affordable_counts(cash_usd * (1 - gap_buffer_fraction), slippage.price_usd(1, close_usd), commission)
    return np.where(wanted > 0, np.minimum(wanted, most), wanted)


def commissions_usd(counts: Counts, price_usd: float | Floats, commission: Commission) -> Floats:
    """`Commission.usd` for many counts, which are not negative, at one price or at one each."""
    if commission.kind == "none":
        return np.zeros(counts.shape)
    if commission.kind == "basis_points":
        return np.asarray(commission.basis_points / ONE_IN_BPS * (counts * price_usd), dtype=np.float64)
    by_shares, cap = commission.per_share_usd * counts, commission.maximum_fraction * counts * price_usd
    if commission.order == "minimum_then_cap":
        return np.where(counts > 0, np.minimum(np.maximum(by_shares, commission.minimum_usd), cap), 0.0)
    return np.where(counts > 0, np.maximum(commission.minimum_usd, np.minimum(by_shares, cap)), 0.0)


def are_paid(cash_usd: Floats, counts: Counts, price_usd: float, commission: Commission) -> npt.NDArray[np.bool_]:
    """Whether cash affords a purchase with its commission, in whichever order the two are subtracted."""
    value_usd, fee_usd = counts * price_usd, commissions_usd(counts, price_usd, commission)
    return (cash_usd - (value_usd + fee_usd) >= 0) & (cash_usd - value_usd - fee_usd >= 0)


def affordable_counts(budget_usd: Floats, price_usd: float, commission: Commission) -> Counts:
    """`risk.sizing.affordable_shares` for many budgets: by its formula, and by itself where rounding would matter."""
    counts = np.floor(np.maximum(budget_usd, 0.0) / price_usd).astype(np.int64)
    counts = np.floor((budget_usd - commissions_usd(counts, price_usd, commission)) / price_usd).astype(np.int64)
    counts = np.maximum(counts, 0)
    for index in np.flatnonzero((counts > 0) & ~are_paid(budget_usd, counts, price_usd, commission)):
        counts[index] = affordable_shares(float(budget_usd[index]), price_usd, commission)
    return counts
