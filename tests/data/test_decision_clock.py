"""When a decision is made, and which decision sees what was published on a holiday or after an early close."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.factories import make_frames
from tests.support.desk_runs import real_bundle, run_desk
from tradinggroup.backtest.sink import RowKind
from tradinggroup.clock import NEW_YORK, parse_utc
from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.data.records import PriceBasis
from tradinggroup.settings import Decide

CALENDAR = ExchangeCalendar(first=date(2025, 1, 2), last=date(2025, 12, 31))
CLOCKS: tuple[Decide, ...] = ("after_close", "pre_open")


@pytest.mark.parametrize(
    ("session", "after_close", "pre_open"),
    [
        (date(2025, 3, 7), "2025-03-07 21:00", "2025-03-10 13:00"),  # summer time begins over the weekend
        (date(2025, 4, 17), "2025-04-17 20:00", "2025-04-21 13:00"),  # before Good Friday
        (date(2025, 7, 2), "2025-07-02 20:00", "2025-07-03 13:00"),
        (date(2025, 7, 3), "2025-07-03 17:00", "2025-07-07 13:00"),  # closes at 13:00, then a holiday and a weekend
        (date(2025, 11, 26), "2025-11-26 21:00", "2025-11-28 14:00"),  # before Thanksgiving
        (date(2025, 11, 28), "2025-11-28 18:00", "2025-12-01 14:00"),  # early close
        (date(2025, 12, 24), "2025-12-24 18:00", "2025-12-26 14:00"),  # early close, then a holiday
        (date(2025, 12, 31), "2025-12-31 21:00", "2026-01-02 14:00"),  # the span's last session has a next one
    ],
)
def test_the_clock_of_a_session(session: date, after_close: str, pre_open: str) -> None:
    for decide, expected in (("after_close", after_close), ("pre_open", pre_open)):
        clock = DecisionClock(CALENDAR, decide)  # type: ignore[arg-type]
        assert f"{clock.as_of(session):%Y-%m-%d %H:%M}" == expected
        assert clock.as_of(session).tzinfo is UTC
        assert clock.day(session) == clock.as_of(session).astimezone(NEW_YORK).date()


@pytest.mark.parametrize("minutes", [1, 30, 960])
def test_the_clock_lies_between_the_close_and_the_next_open(minutes: int) -> None:
    clock = DecisionClock(CALENDAR, "pre_open", minutes)
    for session in CALENDAR.sessions(date(2025, 1, 2), date(2025, 12, 31)):
        as_of = clock.as_of(session)
        assert CALENDAR.close_at(session) <= as_of < CALENDAR.open_at(CALENDAR.next_session(session))
        assert CALENDAR.session_as_of(as_of) == session == CALENDAR.session_opened_by(as_of)


SEEN = [
    # published in New York             after_close   pre_open
    ("2025-04-17 15:59:59", "2025-04-17", "2025-04-17"),
    ("2025-04-17 16:00:00", "2025-04-17", "2025-04-17"),  # at the close is known at the close
    ("2025-04-17 16:00:01", "2025-04-21", "2025-04-17"),
    ("2025-04-18 10:00:00", "2025-04-21", "2025-04-17"),  # Good Friday: closed
    ("2025-04-21 09:00:00", "2025-04-21", "2025-04-17"),  # half an hour before the open
    ("2025-04-21 09:00:01", "2025-04-21", "2025-04-21"),
    ("2025-07-03 12:59:59", "2025-07-03", "2025-07-03"),
    ("2025-07-03 13:00:01", "2025-07-07", "2025-07-03"),  # after the early close
    ("2025-07-04 12:00:00", "2025-07-07", "2025-07-03"),
    ("2025-11-27 12:00:00", "2025-11-28", "2025-11-26"),  # Thanksgiving
    ("2025-11-28 15:00:00", "2025-12-01", "2025-11-28"),
    ("2025-12-24 12:00:00", "2025-12-24", "2025-12-24"),
    ("2025-12-24 14:00:00", "2025-12-26", "2025-12-24"),
    ("2025-12-25 09:00:00", "2025-12-26", "2025-12-24"),
]
WINDOWS = ((date(2025, 4, 15), date(2025, 4, 23)), (date(2025, 7, 1), date(2025, 7, 8)), (date(2025, 11, 25), date(2025, 12, 29)))


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A year of prices; an item of news at each moment of SEEN, and 10-Qs on Good Friday and after the early close of 3 July."""
    frames = make_frames(sessions=250, first_day=date(2025, 1, 2), with_filings=False, with_news=False)
    moments = [_new_york(text) for text, *_ in SEEN]
    changed = BundleFrames(frames.prices, frames.actions, _news(moments), _filings(), frames.fundamentals)
    folder = tmp_path_factory.mktemp("planted")
    return write_bundle(folder, changed, name="planted", basis=PriceBasis.AS_TRADED, sources=[{"kind": "test"}])


@pytest.mark.parametrize("decide", CLOCKS)
def test_the_decision_that_sees_an_item_of_a_holiday_or_an_early_close(planted: Bundle, decide: Decide) -> None:
    column = 1 + CLOCKS.index(decide)
    expected = {text: row[column] for row in SEEN for text in [row[0]]}
    assert {SEEN[int(name)][0]: session for name, session in _sessions_of_items(planted, decide).items()} == expected


FILED = {"good-friday": ("2025-04-21", "2025-04-17"), "early-close": ("2025-07-07", "2025-07-03")}


@pytest.mark.parametrize("decide", CLOCKS)
def test_the_decision_that_sees_a_filing_of_a_holiday_or_an_early_close_first(planted: Bundle, decide: Decide) -> None:
    first: dict[str, str] = {}
    for line in _lines(planted, decide):
        for form in line["report_retrieval"]["forms"].values():
            first.setdefault(form["filing_id"], line["session"])
    assert first == {name: sessions[CLOCKS.index(decide)] for name, sessions in FILED.items()}


def test_an_age_is_counted_from_the_clock_and_never_negative(planted: Bundle) -> None:
    """On the morning of 7 July the filing of 3 July is four days old; prices end with 3 July either way."""
    line = next(line for line in _lines(planted, "pre_open") if line["session"] == "2025-07-03")
    assert line["as_of"] == "2025-07-07T13:00:00Z"
    assert line["newest_known_at"] == "2025-07-04T16:00:00Z"


@pytest.mark.parametrize("decide", CLOCKS)
def test_every_real_item_belongs_to_one_decision_around_holidays(shared_data: Path, tmp_path: Path, decide: Decide) -> None:
    """Real news of four closings; and Netflix's 10-Q, accepted on Good Friday 2025 at 16:02 in New York."""
    span = {"start": date(2024, 12, 2), "end": date(2025, 12, 31)}
    bundle = real_bundle(shared_data, tmp_path, symbols=["NFLX", "MSFT"], **span)
    news, clock = bundle.frames().news, DecisionClock(bundle.calendar, decide)
    checked = 0
    for start, end in WINDOWS:
        lines = run_desk(bundle, start=start, end=end, decide=decide).rows[RowKind.DECISION]
        for line in lines:
            session = date.fromisoformat(line["session"])
            after, as_of = clock.as_of(bundle.calendar.previous_session(session)), clock.as_of(session)
            readable = (news["title"] != "") & (news["symbol"] == line["symbol"]) & (news["known_at"] > after) & (news["known_at"] <= as_of)
            assert (line["news_sentiment"]["items_seen"], parse_utc(line["as_of"])) == (int(readable.sum()), as_of)
            checked += line["news_sentiment"]["items_seen"]
            if line["symbol"] == "NFLX" and start == WINDOWS[0][0]:
                sees = line["report_retrieval"]["forms"].get("10-Q", {}).get("filing_id") == "NFLX-10-Q-20250418T200254Z"
                assert sees == (line["session"] >= ("2025-04-21" if decide == "after_close" else "2025-04-17"))
    assert checked > 100


def _lines(bundle: Bundle, decide: Decide) -> list[dict[str, Any]]:
    return [line for start, end in WINDOWS for line in run_desk(bundle, start=start, end=end, decide=decide).rows[RowKind.DECISION]]


def _sessions_of_items(bundle: Bundle, decide: Decide) -> dict[str, str]:
    """Item -> session of the one decision that saw it."""
    found: dict[str, str] = {}
    for line in _lines(bundle, decide):
        assert line["news_sentiment"]["items_seen"] == len(line["news_sentiment"]["items"])
        for item in line["news_sentiment"]["items"]:
            assert found.setdefault(item["id"], line["session"]) == line["session"]
    return found


def _new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK).astimezone(UTC)


def _news(moments: list[datetime]) -> pd.DataFrame:
    words = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi")
    rows = [
        {
            "id": str(number), "symbol": "AAA", "event_at": moment, "known_at": moment, "time_precision": "second",
            "title": f"{word} {word}s {word}ly", "title_kind": "publisher", "summary": "", "summary_kind": "publisher",
            "source": "wire", "url": "", "origin": "test",
        }
        for number, (moment, word) in enumerate(zip(moments, words, strict=True))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _filings() -> pd.DataFrame:
    days = {"good-friday": date(2025, 4, 18), "early-close": date(2025, 7, 3)}
    rows = []
    for name, day in days.items():
        moment = datetime.combine(day, time(16, 2, 54), NEW_YORK).astimezone(UTC)
        rows.append(
            {
                "id": name, "symbol": "AAA", "form": "10-Q", "period": "2025-03-31", "event_at": moment, "known_at": moment,
                "time_precision": "second", "section": "MD&A", "position": 0, "text": "Revenue grew on strong demand. " * 20,
                "text_kind": "filer", "url": "", "origin": "test",
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def test_the_last_session_of_a_bundle_decides_on_a_morning_after_it(planted: Bundle) -> None:
    """Its order has no open left to fill at."""
    last = planted.last_session
    sink = run_desk(planted, start=date(2025, 12, 15), end=last, decide="pre_open")
    line = sink.rows[RowKind.DECISION][-1]
    following = planted.calendar.next_session(last)
    assert (line["session"], parse_utc(line["as_of"]).date()) == (last.isoformat(), following)
    assert [row["status"] for row in sink.rows[RowKind.ORDER] if row["session"] == last] in ([], ["unfilled"])
