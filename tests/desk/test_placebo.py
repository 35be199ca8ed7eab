"""Placebo evidence: true texts of the symbol's past, never newer than the clock, the same for the same seed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.support.desk_runs import LineSink, demo_bundle, run_desk
from tradinggroup.backtest.sink import RowKind
from tradinggroup.clock import parse_utc
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.data.view import View
from tradinggroup.desk.placebo import PlaceboViews

SYMBOL = "ACME"
LOOKBACK = timedelta(days=400)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return demo_bundle()


def placebo(bundle: Bundle, *what: str, seed: int = 7) -> PlaceboViews:
    return PlaceboViews(bundle, SYMBOL, clock=DecisionClock(bundle.calendar), what=what, seed=seed, derived_text="exclude")


def view_at(bundle: Bundle, session: date) -> View:
    return bundle.view(bundle.calendar.close_at(session))


def news_after(bundle: Bundle, session: date) -> datetime:
    return bundle.calendar.close_at(bundle.calendar.previous_session(session))


def test_news_is_that_of_one_earlier_session(bundle: Bundle) -> None:
    sessions = bundle.calendar.sessions(date(2023, 3, 1), date(2023, 6, 30))
    donors = set()
    for session in sessions:
        view, after = placebo(bundle, "news").news(view_at(bundle, session), news_after(bundle, session))
        assert view.session < session
        assert view.as_of == bundle.calendar.close_at(view.session)
        assert after == news_after(bundle, view.session)
        assert all(item.known_at <= news_after(bundle, session) for item in view.news(SYMBOL, after))
        donors.add(view.session)
    assert len(donors) > len(sessions) / 2, "donors must be spread over the past"
    assert min(donors) < date(2022, 12, 1)


def test_the_first_session_has_no_past_and_so_no_news(bundle: Bundle) -> None:
    first = bundle.first_session
    view, after = placebo(bundle, "news").news(view_at(bundle, first), news_after(bundle, first))
    assert view.news(SYMBOL, after) == ()


def test_donors_depend_on_seed_symbol_and_session_alone(bundle: Bundle) -> None:
    def donors(seed: int, symbol: str = SYMBOL) -> list[date]:
        views = PlaceboViews(bundle, symbol, clock=DecisionClock(bundle.calendar), what=("news",), seed=seed, derived_text="exclude")
        sessions = bundle.calendar.sessions(date(2023, 3, 1), date(2023, 3, 31))
        return [views.news(view_at(bundle, session), news_after(bundle, session))[0].session for session in sessions]

    assert donors(7) == donors(7)
    assert donors(7) != donors(8)
    assert donors(7) != donors(7, "TRWK")


def test_filings_are_earlier_ones_with_the_figures_of_their_time(bundle: Bundle) -> None:
    for session in bundle.calendar.sessions(date(2023, 8, 1), date(2023, 8, 31)):
        view = view_at(bundle, session)
        shown = placebo(bundle, "filings").reports(view)
        assert shown.as_of == view.as_of
        for form in ("10-K", "10-Q"):
            newest, other = (each.latest_filing(SYMBOL, form, not_before=view.as_of - LOOKBACK) for each in (view, shown))
            earlier = [filing for filing in view.filings(SYMBOL, form) if newest and filing.known_at < newest.known_at]
            if not earlier:
                assert other is None
                continue
            assert other in earlier
            figures = shown.latest_fundamentals(SYMBOL, form)
            assert figures is None or figures.known_at <= newest.known_at  # type: ignore[union-attr]


def test_what_is_not_asked_for_stays_true(bundle: Bundle) -> None:
    view, after = view_at(bundle, date(2023, 5, 2)), news_after(bundle, date(2023, 5, 2))
    assert placebo(bundle, "filings").news(view, after) == (view, after)
    assert placebo(bundle, "news").reports(view) is view


# -- Whole runs -----------------------------------------------------------------------------------------------------------

WINDOW: dict[str, Any] = {"start": date(2023, 5, 1), "end": date(2023, 6, 15), "symbols": (SYMBOL,)}


def run_with(*what: str) -> LineSink:
    return run_desk(demo_bundle(), placebo=what, **WINDOW)


def test_a_run_with_placebo_news_reads_none_of_its_own(bundle: Bundle) -> None:
    for line in run_with("news").rows[RowKind.DECISION]:
        before = news_after(bundle, date.fromisoformat(line["session"]))
        assert all(parse_utc(item["known_at"]) <= before for item in line["news_sentiment"]["items"])
        assert parse_utc(line["newest_known_at"]) == parse_utc(line["as_of"]), "the prices are today's"


def test_a_run_with_placebo_filings_never_reads_the_newest(bundle: Bundle) -> None:
    read = 0
    for line in run_with("filings").rows[RowKind.DECISION]:
        view = view_at(bundle, date.fromisoformat(line["session"]))
        for form, report in line["report_retrieval"]["forms"].items():
            read += 1
            assert report["filing_id"] != view.filings(SYMBOL, form)[-1].id
    assert read > 10


def test_placebo_lessons_have_true_outcomes_and_another_text() -> None:
    true, shuffled = run_with(), run_with("reflections")
    first, other = (sink.rows[RowKind.REFLECTION] for sink in (true, shuffled))
    assert true.rows[RowKind.DECISION][0] == shuffled.rows[RowKind.DECISION][0]
    of_forecasts = [[row for row in rows if row["agent"] == "forecasting"] for rows in (first, other)]
    assert [row["lesson_id"] for row in of_forecasts[0]] == [row["lesson_id"] for row in of_forecasts[1]]
    assert sum(one["text"] != two["text"] for one, two in zip(*of_forecasts, strict=True)) > 10
    outcomes = {row["outcome_id"]: row for row in shuffled.rows[RowKind.OUTCOME]}
    for row in other:
        assert parse_utc(row["known_at"]) == max(parse_utc(outcomes[each]["known_at"]) for each in row["outcome_ids"])
