"""The sessions of the demo market with their opens and closes, prepared once."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime

from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.demo_market.parameters import CALENDAR_FIRST, CALENDAR_LAST, FIRST_SESSION, LAST_SESSION


@dataclass(frozen=True, slots=True)
class Schedule:
    """The sessions of the window, oldest first, and the calendar around them."""

    calendar: ExchangeCalendar
    sessions: tuple[date, ...]
    closes: tuple[datetime, ...]

    def window(self, place: int) -> tuple[datetime, datetime]:
        """From the close of the session before (exclusive) to the close of session `place` (inclusive): its news window."""
        previous = self.calendar.previous_session(self.sessions[place])
        return self.calendar.close_at(previous), self.closes[place]

    def first_place_knowing(self, moment: datetime) -> int:
        """The position of the first session of the window whose close is at or after `moment`."""
        return bisect_left(self.closes, moment)

    def session_from(self, day: date) -> date:
        """`day` where it is a session, else the next one."""
        return day if self.calendar.is_session(day) else self.calendar.next_session(day)

    def holds(self, moment: datetime) -> bool:
        """Whether a session of the window comes to know what happens at `moment`, and none knew it from the start."""
        return self.window(0)[0] < moment and bisect_right(self.closes, moment) < len(self.closes)


def make_schedule() -> Schedule:
    """The schedule of every demo market: the same for every seed."""
    calendar = ExchangeCalendar(first=CALENDAR_FIRST, last=CALENDAR_LAST)
    sessions = tuple(calendar.sessions(FIRST_SESSION, LAST_SESSION))
    return Schedule(calendar, sessions, tuple(calendar.close_at(session) for session in sessions))
