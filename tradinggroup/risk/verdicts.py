"""What the risk layer says of an action: allowed, reduced or denied, with a reason code and its numbers.

*Denied* is ours; *rejected* would be the broker's. The table of codes in the docs is made from `ReasonCode`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ReasonCode(StrEnum):
    """Why the risk layer did what it did."""

    ALLOWED = "ALLOWED", "the action goes through as asked"
    HOLD = "HOLD", "the model asked to hold; there is nothing to do"
    NOTHING_TO_SELL = "NOTHING_TO_SELL", "a sale was asked for without a position"
    ZERO_SHARES = "ZERO_SHARES", "the budget does not buy one whole share"
    NO_ANSWER = "NO_ANSWER", "the decision agent gave no usable answer, so no order is sent"
    STOP_LOSS = "STOP_LOSS", "the open loss reached the stop: a forced sale, which goes on until it is whole"
    TAKE_PROFIT = "TAKE_PROFIT", "the open profit reached the target: a forced sale, which goes on until it is whole"
    OPEN_ABOVE_BUDGET = "OPEN_ABOVE_BUDGET", "the open, or the close that it filled at, was dearer than the cash allows: the order was cut"
    OPEN_UNAFFORDABLE = "OPEN_UNAFFORDABLE", "at the price of the fill the cash did not buy one whole share: the order was denied"
    COMMISSION_UNAFFORDABLE = "COMMISSION_UNAFFORDABLE", "cash and proceeds together did not pay the commission of a sale: it was denied"
    POSITION_GONE = "POSITION_GONE", "fewer shares were held at the fill than the sale asked for"
    VOLUME_CAP = "VOLUME_CAP", "the volume of a bar allowed only a part of the order; the rest had to wait, or found no bar"
    PARTIAL_FILL = "PARTIAL_FILL", "the order ended before it was whole: a newer one, an exit or the window's end came first"
    DELISTED = "DELISTED", "the symbol has no bar any more: its shares are closed at the last price less the haircut"
    MEMBERSHIP_ENDED = "MEMBERSHIP_ENDED", "the last session on which the symbol belonged to the universe: its shares are sold"
    POSITION_EXCEEDS_MAX_WEIGHT = "POSITION_EXCEEDS_MAX_WEIGHT", "the purchase would pass the profile's maximum weight"
    CASH_BUFFER = "CASH_BUFFER", "the purchase would use cash that the profile keeps back"
    MAX_DRAWDOWN_HALT = "MAX_DRAWDOWN_HALT", "the account fell to the profile's maximum drawdown: no purchase while the halt lasts"
    SESSION_LOSS_LIMIT = "SESSION_LOSS_LIMIT", "the account lost the profile's limit or more in this session: no purchase on it"
    COOL_DOWN = "COOL_DOWN", "too few sessions since a stop-loss sale: no purchase yet"
    MAX_ORDERS_PER_SESSION = "MAX_ORDERS_PER_SESSION", "as many orders as the profile allows filled in this session: no purchase on it"
    VOLUME_SHARE = "VOLUME_SHARE", "the purchase would be more than the profile's share of the mean volume"

    meaning: str

    def __new__(cls, value: str, meaning: str) -> ReasonCode:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class Status(StrEnum):
    """The verdict in one word."""

    ALLOWED = "allowed"
    REDUCED = "reduced"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status, its reason, and the numbers that led to it."""

    status: Status
    code: ReasonCode
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def render(self) -> str:
        """`CODE: key=value, key=value`, numbers in their shortest form."""
        facts = ", ".join(f"{key}={value:.4f}" if isinstance(value, float) else f"{key}={value}" for key, value in self.numbers.items())
        return f"{self.code}: {facts}" if facts else str(self.code)
