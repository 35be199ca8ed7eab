"""From an action to whole shares: the style's size, the profile's limits, and what the open leaves of it.

Nothing here trusts a model. An action that is no action sends no order, no purchase costs more than the cash, and no sale
sells more than is held.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import NO_SLIPPAGE, Commission, Slippage
from tradinggroup.risk.limits import (
    NO_CONDITIONS,
    PurchaseConditions,
    ended_purchase,
    purchase_numbers,
    refusal,
    rooms_usd,
    volume_room_shares,
)
from tradinggroup.risk.profile import Limits, RiskProfile
from tradinggroup.risk.verdicts import ReasonCode, Status, Verdict

ExecutedAction = Literal["buy", "hold", "sell"]

MAXIMUM_ORDER_SHARES = 10**12
"""Beyond this a float no longer tells one share from the next; no market has so many."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What becomes of an action: an order of `shares`, or none."""

    action: ExecutedAction
    """What is executed; `hold` where no order is sent."""
    shares: int
    """Whole shares to order: purchases positive, sales negative, zero for none."""
    wanted_shares: int
    """What the action asked for by its style's rule, before any limit; signed alike."""
    verdict: Verdict
    ends_purchase: ReasonCode | None = None
    """The limit that ends the rest of an earlier purchase, which a bar's volume has held back; None where it waits on, or none does."""


def size_action(
    action: object,
    *,
    account: Account,
    style: str,
    profile: RiskProfile,
    commission: Commission,
    gap_buffer_fraction: float,
    slippage: Slippage = NO_SLIPPAGE,
    conditions: PurchaseConditions = NO_CONDITIONS,
) -> Sizing:
    """Size an agent's action at the close (spec 6.2).

    Args:
        action: `buy`, `hold` or `sell`; anything else, None included, is denied with NO_ANSWER.
        account: the account at the close, before the action.
        style: sets the share of cash that is spent and the share of the position that is sold.
        profile: the styles' fractions and the limits.
        commission: paid out of the budget.
        gap_buffer_fraction: share of the budget kept back, since the order fills at an open that is not known yet.
        slippage: what a fill at the close would pay beside it; sized with it, so that it fits the budget.
        conditions: what the limits of a purchase depend on beside the account (`RiskWatch.conditions`).
    """
    if not isinstance(action, str) or action not in ("buy", "hold", "sell"):
        sized = _no_order(Status.DENIED, ReasonCode.NO_ANSWER)
    elif action == "hold":
        sized = _no_order(Status.ALLOWED, ReasonCode.HOLD)
    elif action == "sell":
        sized = _size_sale(account, sell_fraction=profile.rules(style).sell_position_fraction)
    else:
        sized = _size_purchase(
            account,
            style,
            profile=profile,
            commission=commission,
            gap_buffer_fraction=gap_buffer_fraction,
            slippage=slippage,
            conditions=conditions,
        )
    return sized if sized.shares else replace(sized, ends_purchase=ended_purchase(profile.limits, account=account, conditions=conditions))


def size_exit(code: ReasonCode | None, *, account: Account, style: str, profile: RiskProfile) -> Sizing | None:
    """What the risk layer sells by force at a close, or goes on selling; None where the decision is free.

    While the rest of an earlier exit waits nobody is asked, since an answer would take its place. A new exit does so only where it
    sells more.

    Args:
        code: of the exit that this close sets off (`thresholds.forced_exit`); None for none.
        account: at the close.
        style, profile: as in `size_forced_exit`.
    """
    sized = None if code is None else size_forced_exit(code, account=account, style=style, profile=profile)
    if account.waiting_exit is None or (sized is not None and sized.shares < account.waiting_shares):
        return sized
    numbers = {"waiting_shares": account.waiting_shares, "held": account.shares}
    return Sizing("hold", 0, 0, Verdict(Status.ALLOWED, account.waiting_exit, numbers))


def size_forced_exit(code: ReasonCode, *, account: Account, style: str, profile: RiskProfile) -> Sizing:
    """Size a stop-loss or take-profit sale: the style's sell fraction, or everything under `forced_exit_full` (spec 6.1)."""
    fraction = 1.0 if profile.stops.forced_exit_full else profile.rules(style).sell_position_fraction
    count = shares_to_sell(account.shares, fraction)
    numbers = {"pnl": account.unrealised_fraction, "style": style, "sold": count, "held": account.shares}
    return Sizing("sell", -count, -count, Verdict(Status.ALLOWED, code, numbers))


def fit_at_open(
    shares: int,
    *,
    cash_usd: float,
    held_shares: int,
    open_usd: float,
    commission: Commission,
    limits: Limits | None = None,
    slippage: Slippage = NO_SLIPPAGE,
) -> tuple[int, Verdict]:
    """What of an order can fill at the open: `(shares, verdict)`, signed as asked.

    A purchase is cut to what the cash affords with its commission and to what the limits leave room for at this price, since a
    gap can carry an order over a limit that it kept at the close. A sale is cut to what is held. An order whose commission
    can't be paid is denied, so cash never turns negative.

    Args:
        shares: the order, on the share scale of the open (rebased after a split).
        cash_usd: cash before the fill, a dividend of the session included.
        held_shares: shares held before the fill.
        open_usd: the quoted price of the fill: the open, or whatever price of the bar the order fills at.
        commission: of this fill.
        limits: of the profile; None for a trader that has none.
        slippage: what the fill pays beside the quoted price.
    """
    if shares == 0:
        return 0, Verdict(Status.ALLOWED, ReasonCode.HOLD)
    price_usd = slippage.price_usd(shares, open_usd)
    if shares > 0:
        rooms = rooms_usd(limits, cash_usd=cash_usd, position_usd=held_shares * open_usd) if limits is not None else []
        return _fit_purchase(shares, cash_usd=cash_usd, price_usd=price_usd, commission=commission, rooms=rooms)
    return _fit_sale(-shares, cash_usd=cash_usd, held_shares=held_shares, price_usd=price_usd, commission=commission)


def affordable_shares(budget_usd: float, price_usd: float, commission: Commission) -> int:
    """Most whole shares that a budget buys with their commission (spec 6.2); zero where a number makes no sense."""
    if not (math.isfinite(budget_usd) and math.isfinite(price_usd) and budget_usd > 0 and price_usd > 0):
        return 0
    count = math.floor(min(budget_usd / price_usd, MAXIMUM_ORDER_SHARES))
    count = max(0, math.floor(min((budget_usd - commission.usd(count, price_usd)) / price_usd, count)))
    while count > 0 and not _is_paid_by(budget_usd, count, price_usd, commission):
        count -= 1
    return count


def _is_paid_by(cash_usd: float, count: int, price_usd: float, commission: Commission) -> bool:
    """Whether cash stays at zero or more, in whichever order a ledger subtracts price and commission."""
    value, fee = count * price_usd, commission.usd(count, price_usd)
    return cash_usd - (value + fee) >= 0 and cash_usd - value - fee >= 0


def _size_purchase(
    account: Account,
    style: str,
    *,
    profile: RiskProfile,
    commission: Commission,
    gap_buffer_fraction: float,
    slippage: Slippage,
    conditions: PurchaseConditions,
) -> Sizing:
    fraction = profile.rules(style).buy_cash_fraction
    price_usd = slippage.price_usd(1, account.close_usd)
    kept = 1 - gap_buffer_fraction
    wanted = affordable_shares(fraction * account.cash_usd * kept, price_usd, commission)
    if wanted == 0:
        return _no_order(Status.DENIED, ReasonCode.ZERO_SHARES, numbers={"buy_cash_fraction": fraction})
    refused = refusal(profile.limits, account=account, conditions=conditions)
    if refused is not None:
        return _no_order(Status.DENIED, refused[0], wanted=wanted, numbers=refused[1])
    rooms = [
        (code, affordable_shares(room_usd * kept, price_usd, commission))
        for code, room_usd in rooms_usd(profile.limits, cash_usd=account.cash_usd, position_usd=account.position_usd)
    ]
    return _within(rooms, wanted, account=account, limits=profile.limits, conditions=conditions)


def _within(
    rooms: list[tuple[ReasonCode, int]], wanted: int, *, account: Account, limits: Limits, conditions: PurchaseConditions
) -> Sizing:
    """A purchase of `wanted` shares, cut to the smallest room; the first of equals gives the code."""
    volume_room = volume_room_shares(limits, conditions)
    if volume_room is not None:
        rooms = [*rooms, (ReasonCode.VOLUME_SHARE, volume_room)]
    code, allowed = min([(ReasonCode.ALLOWED, wanted), *rooms], key=lambda room: room[1])
    numbers = purchase_numbers(code, account=account, limits=limits, conditions=conditions, wanted=wanted, allowed=allowed)
    if allowed == 0:
        return _no_order(Status.DENIED, code, wanted=wanted, numbers=numbers)
    status = Status.ALLOWED if code is ReasonCode.ALLOWED else Status.REDUCED
    return Sizing("buy", allowed, wanted, Verdict(status, code, numbers))


def _size_sale(account: Account, *, sell_fraction: float) -> Sizing:
    if account.shares <= 0:
        return _no_order(Status.DENIED, ReasonCode.NOTHING_TO_SELL)
    count = shares_to_sell(account.shares, sell_fraction)
    numbers = {"sold": count, "held": account.shares}
    return Sizing("sell", -count, -count, Verdict(Status.ALLOWED, ReasonCode.ALLOWED, numbers))


def shares_to_sell(held_shares: int, fraction: float) -> int:
    """Whole shares of a position, at least one where there is one (spec 6.2)."""
    return min(held_shares, max(1, math.floor(held_shares * fraction)))


def _no_order(status: Status, code: ReasonCode, *, wanted: int = 0, numbers: Mapping[str, Any] | None = None) -> Sizing:
    return Sizing("hold", 0, wanted, Verdict(status, code, numbers or {}))


def _fit_purchase(
    shares: int, *, cash_usd: float, price_usd: float, commission: Commission, rooms: list[tuple[ReasonCode, float]]
) -> tuple[int, Verdict]:
    count, code = shares, ReasonCode.ALLOWED
    if not (math.isfinite(price_usd) and price_usd > 0 and _is_paid_by(cash_usd, shares, price_usd, commission)):
        count = min(shares, affordable_shares(cash_usd, price_usd, commission))
        code = ReasonCode.OPEN_ABOVE_BUDGET if count else ReasonCode.OPEN_UNAFFORDABLE
    for limit_code, room_usd in rooms:
        room = affordable_shares(room_usd, price_usd, commission)
        if room < count:
            count, code = room, limit_code
    if code is ReasonCode.ALLOWED:
        return shares, Verdict(Status.ALLOWED, code)
    return count, Verdict(Status.REDUCED if count else Status.DENIED, code, {"wanted_shares": shares, "shares": count})


def _fit_sale(shares: int, *, cash_usd: float, held_shares: int, price_usd: float, commission: Commission) -> tuple[int, Verdict]:
    count = min(shares, max(0, held_shares))
    numbers = {"wanted_shares": -shares, "shares": -count}
    if count == 0:
        return 0, Verdict(Status.DENIED, ReasonCode.POSITION_GONE, numbers)
    proceeds, fee = count * price_usd, commission.usd(count, price_usd)
    if not (cash_usd + proceeds - fee >= 0 and cash_usd + (proceeds - fee) >= 0):
        return 0, Verdict(Status.DENIED, ReasonCode.COMMISSION_UNAFFORDABLE, {"wanted_shares": -shares, "shares": 0})
    if count < shares:
        return -count, Verdict(Status.REDUCED, ReasonCode.POSITION_GONE, numbers)
    return -count, Verdict(Status.ALLOWED, ReasonCode.ALLOWED)
