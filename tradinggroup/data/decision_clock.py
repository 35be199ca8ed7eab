"""When the decision of a session is made: at its close, or on the morning after, before the next open (design 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from tradinggroup.clock import NEW_YORK
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.settings import Decide, Experiment


@dataclass(frozen=True, slots=True)
class DecisionClock:
    """The moment up to which a decision knows texts. Prices end with the session's close either way: there is no bar in between."""

    calendar: ExchangeCalendar
    decide: Decide = "after_close"
    pre_open_minutes: int = 30
    """How long before the next open; not looked at after the close."""

    @classmethod
    def of(cls, experiment: Experiment, calendar: ExchangeCalendar) -> Self:
        """The clock of an experiment."""
        return cls(calendar, experiment.decide, experiment.pre_open_minutes)

    def as_of(self, session: date) -> datetime:
        """The clock of the decision of `session`: its close, or some minutes before the open of the next session.

        The next session may be days away (weekends, holidays); early closes are the calendar's. Never before the close: where
        the night is shorter than the minutes, the close is the clock.
        """
        close_at = self.calendar.close_at(session)
        if self.decide == "after_close":
            return close_at
        open_at = self.calendar.open_at(self.calendar.next_session(session))
        return max(close_at, open_at - timedelta(minutes=self.pre_open_minutes))

    def day(self, session: date) -> date:
        """The day in New York on which the decision of `session` is made."""
        return self.as_of(session).astimezone(NEW_YORK).date()
