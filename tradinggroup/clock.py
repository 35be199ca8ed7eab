"""The one seam to wall-clock time, and how moments are written.

Everything else in the package takes its time from data. Lint bans the clock functions of the standard library and of
pandas outside this module, so that a run can only depend on what is in its bundle and recordings.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")


def utc_now() -> datetime:
    """The wall clock, in UTC. For headers, folder names and retrieval times only; never for a decision."""
    return datetime.now(UTC)


def monotonic_seconds() -> float:
    """Seconds on a clock that never goes back; only differences mean something."""
    return time.monotonic()


def iso_utc(moment: datetime) -> str:
    """`2025-04-04T20:00:00Z`; microseconds only where there are any. Raises ValueError without a time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"a moment without a time zone: {moment!r}")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_utc(text: str) -> datetime:
    """The inverse of `iso_utc`. Raises ValueError for anything that is not a moment with a time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a moment without a time zone: {text!r}")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"a moment outside the years 1 to 9999 in UTC: {text!r}") from None


def end_of_day_new_york(day: date) -> datetime:
    """23:59:59 in New York on `day`, in UTC: when an item with a date and no time counts as known (design, Time 1)."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=NEW_YORK).astimezone(UTC)
