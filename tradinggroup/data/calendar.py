"""Sessions of an exchange: which days it trades, when it opens and when it closes (early closes included)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from tradinggroup.clock import iso_utc
from tradinggroup.errors import DataError, ErrorCode

DEFAULT_EXCHANGE = "XNYS"
MARGIN = timedelta(days=45)
"""Days built beyond the span asked for, so that its edges have a previous and a next session."""


class ExchangeCalendar:
    """Sessions of exchange `name` from a little before `first` to a little after `last`.

    All look-ups are binary searches over lists made once. A day outside the span raises DataError (DATES_OUTSIDE).
    """

    def __init__(self, name: str = DEFAULT_EXCHANGE, *, first: date, last: date) -> None:
        self.name = name
        self.first = first - MARGIN
        self.last = last + MARGIN
        self._sessions, self._opens, self._closes = _schedule(name, self.first, self.last)

    def sessions(self, start: date, end: date) -> list[date]:
        """All sessions from `start` to `end`, both inclusive; empty where the dates are reversed."""
        return list(self._sessions[bisect_left(self._sessions, start) : bisect_right(self._sessions, end)])

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on `day`."""
        position = bisect_left(self._sessions, day)
        return position < len(self._sessions) and self._sessions[position] == day

    def open_at(self, session: date) -> datetime:
        """The open of `session`, in UTC."""
        return self._opens[self._position(session)]

    def close_at(self, session: date) -> datetime:
        """The close of `session`, in UTC; early closes included."""
        return self._closes[self._position(session)]

    def next_session(self, day: date) -> date:
        """The first session strictly after `day`."""
        return self._at(bisect_right(self._sessions, day), day)

    def previous_session(self, day: date) -> date:
        """The last session strictly before `day`."""
        return self._at(bisect_left(self._sessions, day) - 1, day)

    def session_as_of(self, moment: datetime) -> date:
        """The latest session whose close is at or before `moment`."""
        return self._at(bisect_right(self._closes, moment) - 1, moment)

    def session_opened_by(self, moment: datetime) -> date:
        """The latest session whose open is at or before `moment`."""
        return self._at(bisect_right(self._opens, moment) - 1, moment)

    def _position(self, session: date) -> int:
        position = bisect_left(self._sessions, session)
        if position == len(self._sessions) or self._sessions[position] != session:
            raise DataError(
                ErrorCode.DATES_OUTSIDE,
                f"{session.isoformat()} is no session of {self.name}",
                calendar=self._span(),
                remedy="Use a trading day inside the span.",
            )
        return position

    def _at(self, position: int, asked: date | datetime) -> date:
        if not 0 <= position < len(self._sessions):
            shown = iso_utc(asked) if isinstance(asked, datetime) else asked.isoformat()
            raise DataError(
                ErrorCode.DATES_OUTSIDE,
                f"{shown} is outside the calendar of {self.name}",
                calendar=self._span(),
                remedy="Use a day inside the span.",
            )
        return self._sessions[position]

    def _span(self) -> str:
        return f"{self.first.isoformat()}..{self.last.isoformat()}"


@lru_cache(maxsize=16)
def _schedule(name: str, first: date, last: date) -> tuple[tuple[date, ...], tuple[datetime, ...], tuple[datetime, ...]]:
    """Sessions, opens and closes. Both ends are always passed: the library's own default moves with the wall clock."""
    import exchange_calendars

    try:
        calendar = exchange_calendars.get_calendar(name, start=first.isoformat(), end=last.isoformat())
    except exchange_calendars.errors.InvalidCalendarName:
        raise DataError(
            ErrorCode.BUNDLE_INVALID, f"unknown exchange {name}", remedy="Use a code of exchange-calendars, such as XNYS."
        ) from None
    schedule = calendar.schedule
    sessions = tuple(moment.date() for moment in schedule.index)
    opens = tuple(moment.to_pydatetime(warn=False).astimezone(UTC) for moment in schedule["open"])
    closes = tuple(moment.to_pydatetime(warn=False).astimezone(UTC) for moment in schedule["close"])
    return sessions, opens, closes
