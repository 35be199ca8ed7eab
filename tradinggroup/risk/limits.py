"""The profile's limits of a purchase: what refuses it outright, and what leaves less room for it.

Every limit here binds purchases only. A sale, asked for or forced, makes the risk smaller; a limit that held it up would keep the
account in the very position that it is meant to guard against. So an exit is never refused, cut or delayed by a limit.

A purchase that a bar's volume has held back is bound as a new one would be: at a close that refuses purchases its rest ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tradinggroup.risk.account import Account
from tradinggroup.risk.halt import DrawdownWatch
from tradinggroup.risk.profile import Limits
from tradinggroup.risk.thresholds import TOLERANCE_FRACTION
from tradinggroup.risk.verdicts import ReasonCode


@dataclass(frozen=True, slots=True)
class PurchaseConditions:
    """What the limits of a purchase depend on beside the account, as known at the close of the decision."""

    mean_volume_shares: float | None = None
    """Mean daily volume of the last sessions, on today's share scale; None where it is not known."""
    drawdown: DrawdownWatch = field(default_factory=DrawdownWatch)


NO_CONDITIONS = PurchaseConditions()
"""No halt, and no volume that is known."""

Refusal = tuple[ReasonCode, Mapping[str, Any]]


def refusal(limits: Limits, *, account: Account, conditions: PurchaseConditions) -> Refusal | None:
    """The code and numbers of the first limit that allows no purchase at all at this close; None where none does."""
    for check in _REFUSALS:
        found = check(limits, account, conditions)
        if found is not None:
            return found
    return None


def ended_purchase(limits: Limits, *, account: Account, conditions: PurchaseConditions) -> ReasonCode | None:
    """The limit for which the rest of a purchase that still waits ends at this close; None where none waits, or none refuses it."""
    found = refusal(limits, account=account, conditions=conditions) if account.waiting_shares > 0 else None
    return None if found is None else found[0]


def _drawdown_halt(limits: Limits, _: Account, conditions: PurchaseConditions) -> Refusal | None:
    watch = conditions.drawdown
    if limits.maximum_drawdown_fraction is None or not watch.is_halted:
        return None
    numbers = {"reached": watch.reached_fraction, "max": limits.maximum_drawdown_fraction, "halted_sessions": watch.sessions_halted}
    lasting = limits.drawdown_halt_sessions
    return ReasonCode.MAX_DRAWDOWN_HALT, numbers if lasting is None else numbers | {"of": lasting}


def _session_loss(limits: Limits, account: Account, _: PurchaseConditions) -> Refusal | None:
    change = account.session_return_fraction
    if limits.session_loss_limit_fraction is None or change is None:
        return None
    if change > -limits.session_loss_limit_fraction + TOLERANCE_FRACTION:
        return None
    return ReasonCode.SESSION_LOSS_LIMIT, {"change": change, "max": limits.session_loss_limit_fraction}


def _cool_down(limits: Limits, account: Account, _: PurchaseConditions) -> Refusal | None:
    since = account.sessions_since_stop
    if limits.cooldown_sessions is None or since is None or since >= limits.cooldown_sessions:
        return None
    return ReasonCode.COOL_DOWN, {"sessions_since_stop": since, "min": limits.cooldown_sessions}


def _orders(limits: Limits, account: Account, _: PurchaseConditions) -> Refusal | None:
    if limits.maximum_orders_per_session is None or account.orders_filled < limits.maximum_orders_per_session:
        return None
    return ReasonCode.MAX_ORDERS_PER_SESSION, {"filled": account.orders_filled, "max": limits.maximum_orders_per_session}


_REFUSALS: tuple[Callable[[Limits, Account, PurchaseConditions], Refusal | None], ...] = (
    _drawdown_halt,
    _session_loss,
    _cool_down,
    _orders,
)
"""From the longest lasting to the shortest."""


def rooms_usd(limits: Limits, *, cash_usd: float, position_usd: float) -> list[tuple[ReasonCode, float]]:
    """USD that each limit in force leaves for a purchase, its commission counted as invested. These two hold at the fill as well."""
    equity_usd, rooms = cash_usd + position_usd, []
    if limits.maximum_weight_fraction < 1:
        rooms.append((ReasonCode.POSITION_EXCEEDS_MAX_WEIGHT, limits.maximum_weight_fraction * equity_usd - position_usd))
    if limits.cash_buffer_fraction > 0:
        rooms.append((ReasonCode.CASH_BUFFER, cash_usd - limits.cash_buffer_fraction * equity_usd))
    return rooms


def volume_room_shares(limits: Limits, conditions: PurchaseConditions) -> int | None:
    """Whole shares that `maximum_volume_fraction` allows; None where it is off. A volume that is not known allows none."""
    if limits.maximum_volume_fraction is None:
        return None
    volume = conditions.mean_volume_shares
    if volume is None or not math.isfinite(volume) or volume <= 0:
        return 0
    return math.floor(limits.maximum_volume_fraction * volume)


def purchase_numbers(
    code: ReasonCode, *, account: Account, limits: Limits, conditions: PurchaseConditions, wanted: int, allowed: int
) -> Mapping[str, Any]:
    """The numbers behind the verdict of a purchase that some room cuts or that none does; weights as fractions of the equity."""

    def weight(count: int) -> float:
        return (account.shares + count) * account.close_usd / account.equity_usd

    match code:
        case ReasonCode.POSITION_EXCEEDS_MAX_WEIGHT:
            return {"wanted": weight(wanted), "max": limits.maximum_weight_fraction, "weight": weight(allowed)}
        case ReasonCode.CASH_BUFFER:
            return {"wanted": weight(wanted), "min_cash": limits.cash_buffer_fraction, "weight": weight(allowed)}
        case ReasonCode.VOLUME_SHARE:
            volume = conditions.mean_volume_shares
            known = volume if volume is not None and math.isfinite(volume) else None
            return {"wanted_shares": wanted, "max": limits.maximum_volume_fraction, "mean_volume_shares": known, "weight": weight(allowed)}
        case _:
            return {"weight": weight(allowed)}
