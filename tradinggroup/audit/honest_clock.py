"""The clock of a decision, written down a second time: an audit must not ask the code that it audits what time it is."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.settings import Experiment


def honest_clock(experiment: Experiment, calendar: ExchangeCalendar, session: date) -> datetime:
    """The close of `session`, or so many minutes before the next open where the run decides before it, but never before the close."""
    close_at = calendar.close_at(session)
    if experiment.decide != "pre_open":
        return close_at
    morning = calendar.open_at(calendar.next_session(session)) - timedelta(minutes=experiment.pre_open_minutes)
    return max(close_at, morning)
