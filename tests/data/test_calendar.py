"""Sessions, opens and closes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.errors import DataError

CALENDAR = ExchangeCalendar(first=date(2024, 1, 2), last=date(2025, 12, 31))


@pytest.mark.parametrize(
    ("session", "opened", "closed"),
    [
        (date(2024, 6, 3), "13:30", "20:00"),  # summer time
        (date(2024, 12, 2), "14:30", "21:00"),
        (date(2024, 11, 29), "14:30", "18:00"),  # the day after Thanksgiving
        (date(2024, 7, 3), "13:30", "17:00"),
        (date(2024, 12, 24), "14:30", "18:00"),
    ],
)
def test_opens_and_closes_in_utc(session: date, opened: str, closed: str) -> None:
    assert f"{CALENDAR.open_at(session):%Y-%m-%d %H:%M}" == f"{session} {opened}"
    assert f"{CALENDAR.close_at(session):%Y-%m-%d %H:%M}" == f"{session} {closed}"
    assert CALENDAR.close_at(session).tzinfo is UTC


def test_sessions_of_a_year() -> None:
    assert len(CALENDAR.sessions(date(2024, 1, 1), date(2024, 12, 31))) == 252
    assert not CALENDAR.is_session(date(2025, 1, 9))  # a day of mourning
    assert CALENDAR.sessions(date(2024, 6, 5), date(2024, 6, 4)) == []


def test_neighbours_are_strict() -> None:
    assert CALENDAR.next_session(date(2024, 11, 27)) == date(2024, 11, 29)
    assert CALENDAR.previous_session(date(2024, 11, 29)) == date(2024, 11, 27)
    assert CALENDAR.next_session(date(2024, 11, 30)) == date(2024, 12, 2)


def test_the_latest_session_closed_or_opened_by_a_moment() -> None:
    close = datetime(2024, 11, 29, 18, tzinfo=UTC)
    assert CALENDAR.session_as_of(close) == date(2024, 11, 29)
    assert CALENDAR.session_as_of(close - timedelta(microseconds=1)) == date(2024, 11, 27)
    assert CALENDAR.session_opened_by(close - timedelta(hours=1)) == date(2024, 11, 29)
    assert CALENDAR.session_opened_by(datetime(2024, 11, 29, 14, tzinfo=UTC)) == date(2024, 11, 27)


def test_edges_of_the_span_have_neighbours_and_days_beyond_are_refused() -> None:
    assert CALENDAR.next_session(date(2025, 12, 31)) == date(2026, 1, 2)
    for call in (
        lambda: CALENDAR.close_at(date(2024, 7, 4)),
        lambda: CALENDAR.next_session(date(2030, 1, 1)),
        lambda: CALENDAR.session_as_of(datetime(2020, 1, 1, tzinfo=UTC)),
    ):
        with pytest.raises(DataError, match=r"^DATES_OUTSIDE: .*XNYS"):
            call()


def test_an_unknown_exchange_is_refused() -> None:
    with pytest.raises(DataError, match=r"^BUNDLE_INVALID: unknown exchange XXXX"):
        ExchangeCalendar("XXXX", first=date(2024, 1, 2), last=date(2024, 2, 2))
