"""How a prompt words when it is asked and when an order fills: true under every setting of `decide` and `fill`.

A prompt names weekdays and distances, never a date.
"""

from __future__ import annotations

from datetime import date

from tradinggroup.agents.wording import weekday
from tradinggroup.data.decision_clock import DecisionClock

FILL_NAMES = {"next_open": "the next open", "next_close": "the next close", "same_close": "this close"}
"""Where an order of now is sent."""
PAST_FILL_NAMES = {**FILL_NAMES, "same_close": "the close that it was decided on"}
"""Where an order of the past was filled."""
REWARD_SPANS = {"next_open": "of that session", "next_close": "from that close to the next", "same_close": "of the session after"}
"""The session whose return the reward of a decision is (docs/reflection.md)."""


def session_text(clock: DecisionClock, session: date) -> str:
    """The weekday on which the decision of `session` is made: the morning after, before the open."""
    return weekday(clock.day(session))


def clock_text(clock: DecisionClock, session: date) -> str:
    """`after the close`; or how long before which open, and how old the last price is."""
    if clock.decide == "after_close":
        return "after the close"
    minutes = clock.pre_open_minutes
    unit = "minute" if minutes == 1 else "minutes"
    return f"{minutes} {unit} before the open of the next session; the last price known is the close of {weekday(session)}"


def fill_note(clock: DecisionClock, fill: str) -> str:
    """Where an order fills, and that the close of the features is not its price, unless it is."""
    if fill == "same_close":
        return f"it fills at {FILL_NAMES[fill]}"
    last = "this close" if clock.decide == "after_close" else "the last close"
    return f"it fills at {FILL_NAMES[fill]}, not at {last}"
