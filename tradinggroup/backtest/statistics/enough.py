"""Whether there is enough behind a Sharpe ratio or an interval to say it aloud."""

from __future__ import annotations

from dataclasses import dataclass

MINIMUM_SESSIONS = 60
MINIMUM_ROUND_TRIPS = 10
WITHHELD = ("sharpe_ratio", "sortino_ratio")
"""Metrics that no sentence, report or card holds below either of the two; JSON keeps them."""


@dataclass(frozen=True, slots=True)
class Enough:
    """Whether intervals and ratios of an account may be shown, and else why not."""

    is_enough: bool
    reason: str = ""
    """Such as `only 7 of 10 round trips`; empty where there is enough."""

    def __bool__(self) -> bool:
        return self.is_enough


def is_enough(sessions: int | None, round_trips: int | None = None) -> Enough:
    """Whether intervals and the Sharpe ratio may stand in a sentence, a report or a card.

    Args:
        sessions: rows of the account.
        round_trips: closed ones; None for an account whose trades nobody judges, such as buy and hold.
    """
    few = []
    if (sessions or 0) < MINIMUM_SESSIONS:
        few.append(f"{sessions or 0} of {MINIMUM_SESSIONS} sessions")
    if round_trips is not None and round_trips < MINIMUM_ROUND_TRIPS:
        few.append(f"{round_trips} of {MINIMUM_ROUND_TRIPS} round trips")
    return Enough(not few, f"only {' and '.join(few)}" if few else "")
