"""Nothing after the clock comes out of a view, nor bends what does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import make_bundle, make_frames
from tradinggroup.clock import end_of_day_new_york
from tradinggroup.data.adjust import adjusted_closes
from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.records import ActionKind, CorporateAction, PriceBasis
from tradinggroup.data.view import View
from tradinggroup.errors import DataError, LookaheadError

SPLIT = ("AAA", "split", date(2024, 2, 15), 2.0)
DIVIDEND = ("AAA", "dividend", date(2024, 2, 20), 1.5)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("view"), ("AAA", "BBB"), actions=[SPLIT, DIVIDEND])


def _at(bundle: Bundle, session: date) -> View:
    return bundle.view(bundle.calendar.close_at(session))


@pytest.mark.parametrize(
    "ask",
    [
        lambda view: view.bar("AAA", date(2024, 2, 14)),
        lambda view: view.has_bar("AAA", date(2024, 2, 14)),
        lambda view: view.bars("AAA", date(2024, 1, 2), date(2024, 2, 14)),
        lambda view: view.actions("AAA", date(2024, 2, 1), date(2024, 2, 15)),
    ],
)
def test_asking_for_what_is_not_known_yet_raises(bundle: Bundle, ask: Callable[[View], object]) -> None:
    with pytest.raises(LookaheadError, match=r"^LOOKAHEAD: .*as_of=2024-02-13T21:00:00Z") as caught:
        ask(_at(bundle, date(2024, 2, 13)))
    assert caught.value.exit_code == 3
    ask(_at(bundle, date(2024, 2, 15)))


def test_a_bar_is_known_at_its_close_and_an_action_at_its_open(bundle: Bundle) -> None:
    close = bundle.calendar.close_at(date(2024, 2, 15))
    assert bundle.view(close).bar("AAA", date(2024, 2, 15)) is not None
    with pytest.raises(LookaheadError):
        bundle.view(close - timedelta(microseconds=1)).bar("AAA", date(2024, 2, 15))
    opened = bundle.calendar.open_at(date(2024, 2, 15))
    (action,) = bundle.view(opened).actions("AAA", date(2024, 2, 14), date(2024, 2, 15))
    assert (action.kind, action.ratio, action.known_at) == (ActionKind.SPLIT, 2.0, opened)
    with pytest.raises(LookaheadError):
        bundle.view(opened - timedelta(minutes=30)).actions("AAA", date(2024, 2, 14), date(2024, 2, 15))


def test_bars_of_a_span_and_of_a_day_without_one(tmp_path: Path) -> None:
    frames = make_frames()
    missing = date(2024, 1, 10)
    bundle = write_bundle(
        tmp_path / "gap",
        replace(frames, prices=frames.prices[frames.prices["session"] != missing]),
        name="gap",
        basis=PriceBasis.AS_TRADED,
        sources=[],
    )
    view = _at(bundle, date(2024, 1, 12))
    assert view.bar("AAA", missing) is None
    assert view.bar("AAA", date(2024, 1, 6)) is None
    assert not view.has_bar("AAA", missing)
    bars = view.bars("AAA", date(2024, 1, 8), date(2024, 1, 12))
    assert [bar.session.day for bar in bars] == [8, 9, 11, 12]
    row = frames.prices.set_index("session").loc[date(2024, 1, 11)]
    assert bars[2].close_usd == row["close_usd"]
    assert bars[2].volume_shares == row["volume_shares"]
    assert bars[2].known_at == datetime(2024, 1, 11, 21, tzinfo=UTC)
    assert _at(bundle, missing).closes("AAA", 3).sessions[-1] == date(2024, 1, 9)


def test_closes_are_rescaled_from_the_ex_session_on(bundle: Bundle) -> None:
    stored = bundle.frames().prices.query("symbol == 'AAA'").set_index("session")["close_usd"]
    before = _at(bundle, date(2024, 2, 14)).closes("AAA", 5)
    assert before.closes_usd.tolist() == stored[list(before.sessions)].tolist()
    after = _at(bundle, date(2024, 2, 16)).closes("AAA", 5)
    expected = stored[list(after.sessions)].to_numpy() / np.array([2, 2, 2, 1, 1])
    assert after.closes_usd.tolist() == expected.tolist()
    assert after.newest_known_at == datetime(2024, 2, 16, 21, tzinfo=UTC)
    both = _at(bundle, date(2024, 2, 20)).closes("AAA", 5)
    factor = 1 - 1.5 / stored[date(2024, 2, 16)]
    expected = stored[list(both.sessions)].to_numpy() / np.array([2, 2, 1, 1, 1]) * np.array([factor, factor, factor, factor, 1])
    assert both.closes_usd == pytest.approx(expected, rel=1e-14)
    assert both.closes_usd[-1] == stored[date(2024, 2, 20)]


def test_closes_at_the_edges(bundle: Bundle) -> None:
    assert len(_at(bundle, date(2024, 1, 3)).closes("AAA", 150).sessions) == 2
    empty = bundle.view(datetime(2023, 12, 28, tzinfo=UTC)).closes("AAA", 150)
    assert (empty.sessions, len(empty.closes_usd)) == ((), 0)


def test_mean_volume_is_on_the_newest_share_scale(bundle: Bundle) -> None:
    """A 2:1 split doubles the volumes before it; a dividend changes none. Fewer bars than asked for are averaged as they are."""
    stored = bundle.frames().prices.query("symbol == 'AAA'").set_index("session")["volume_shares"]
    sessions = [date(2024, 2, day) for day in (13, 14, 15, 16, 20)]
    assert _at(bundle, date(2024, 2, 14)).mean_volume_shares("AAA", 2) == pytest.approx(stored[sessions[:2]].mean())
    factors = np.array([2, 2, 1, 1, 1])
    assert _at(bundle, sessions[-1]).mean_volume_shares("AAA", 5) == pytest.approx((stored[sessions].to_numpy() * factors).mean())
    assert _at(bundle, date(2024, 1, 3)).mean_volume_shares("AAA", 20) == pytest.approx(stored.iloc[:2].mean())
    assert bundle.view(datetime(2023, 12, 28, tzinfo=UTC)).mean_volume_shares("AAA", 20) is None


def test_a_caller_cannot_change_the_bundle_through_a_view(bundle: Bundle) -> None:
    closes = _at(bundle, date(2024, 2, 14)).closes("AAA", 5).closes_usd
    with pytest.raises(ValueError, match="read-only"):
        closes[0] = 1


def _later_absurd(frames: BundleFrames, last: date, calendar_close: datetime) -> BundleFrames:
    """Everything after `last` replaced by absurd values, and a 7:1 split and a 5 % dividend inserted there."""
    prices = frames.prices.copy()
    later = prices["session"] > last
    for number, column in enumerate(("open_usd", "high_usd", "low_usd", "close_usd", "volume_shares")):
        prices.loc[later, column] = 1e6 + number
    prices.loc[:, "adjusted_close_usd"] = prices["close_usd"] / 7 * 0.95  # what a source downloaded later would say
    next_days = sorted(set(prices.loc[later, "session"]))[:2]
    kept = frames.actions[[day <= last for day in frames.actions["ex_session"]]].drop(columns=["event_at", "known_at"])
    inserted = [("AAA", "split", next_days[0], 7.0, None), ("AAA", "dividend", next_days[1], None, 0.05 * 1e6)]
    actions = pd.concat([kept, pd.DataFrame(inserted, columns=kept.columns)], ignore_index=True)
    news, filings = frames.news.copy(), frames.filings.copy()
    news.loc[news["known_at"] > calendar_close, ["title", "summary"]] = "ABSURD"
    filings.loc[filings["known_at"] > calendar_close, "text"] = "ABSURD"
    return BundleFrames(prices, actions, news, filings, frames.fundamentals)


def _all_of(view: View, first: date) -> list[object]:
    """Every answer of a view about AAA, comparable bit by bit."""
    history = view.closes("AAA", 150)
    return [
        view.bars("AAA", first, view.session),
        history.sessions,
        history.closes_usd.tobytes(),
        view.mean_volume_shares("AAA", 20),
        view.actions("AAA", first, view.session),
        view.news("AAA", view.as_of - timedelta(days=30)),
        view.filings("AAA", "10-K"),
        view.filings("AAA", "10-Q"),
        view.latest_fundamentals("AAA", "10-K"),
    ]


def test_what_comes_later_changes_no_earlier_answer(tmp_path: Path) -> None:
    frames = make_frames(actions=[SPLIT, DIVIDEND])
    honest = write_bundle(tmp_path / "honest", frames, name="honest", basis=PriceBasis.AS_TRADED, sources=[])
    last = date(2024, 3, 13)
    altered_frames = _later_absurd(frames, last, honest.calendar.close_at(last))
    altered = write_bundle(tmp_path / "altered", altered_frames, name="altered", basis=PriceBasis.AS_TRADED, sources=[])
    sessions = honest.calendar.sessions(honest.first_session, honest.last_session)
    same = [_all_of(_at(honest, day), sessions[0]) == _all_of(_at(altered, day), sessions[0]) for day in sessions]
    assert same == [day <= last for day in sessions], "and every later answer differs, so the alteration is real"


def test_news_lies_between_the_two_clocks(bundle: Bundle) -> None:
    view = _at(bundle, date(2024, 2, 7))
    items = view.news("AAA", bundle.calendar.close_at(date(2024, 2, 5)))
    assert [item.id for item in items] == ["AAA-0024", "AAA-0025"]
    assert items[-1].known_at <= view.as_of
    late = _at(bundle, date(2024, 2, 8)).news("AAA", view.as_of)
    assert [item.id for item in late] == ["AAA-0025b", "AAA-0026"], "an item after the close belongs to the next session"
    assert late[0].known_at == datetime(2024, 2, 7, 22, tzinfo=UTC)
    assert bundle.view(late[0].known_at).news("AAA", view.as_of) == late[:1], "the end is included"
    assert bundle.view(late[0].known_at).news("AAA", late[0].known_at) == (), "the start is not"


def test_derived_texts(tmp_path: Path) -> None:
    frames = make_frames()
    late = frames.news["summary_kind"] == "llm"
    bare = frames.news.index[late][3]
    frames.news.loc[bare, ["title", "title_kind"]] = ["", "none"]
    frames.filings.loc[frames.filings["form"] == "10-Q", "text_kind"] = "llm"
    bundle = write_bundle(tmp_path / "derived", frames, name="derived", basis=PriceBasis.AS_TRADED, sources=[])
    end = bundle.calendar.close_at(bundle.last_session)
    start = end - timedelta(days=400)
    strict, open_to_all = bundle.view(end), bundle.view(end, derived_text="allow")
    assert len(open_to_all.news("AAA", start)) == len(strict.news("AAA", start)) + 1 == len(frames.news)
    assert {item.summary for item in strict.news("AAA", start) if item.summary_kind == "llm"} == {""}
    assert {item.summary for item in open_to_all.news("AAA", start) if item.summary_kind == "llm"} == {"Told later."}
    assert strict.filings("AAA", "10-Q") == ()
    assert len(open_to_all.filings("AAA", "10-Q")) == 1


def test_day_precision_items_wait_for_the_next_session(tmp_path: Path) -> None:
    frames = make_frames()
    day = date(2024, 2, 6)
    chosen = frames.news["id"] == "AAA-0024"
    frames.news.loc[chosen, "time_precision"] = "day"
    frames.news.loc[chosen, "known_at"] = pd.Timestamp(end_of_day_new_york(day))
    bundle = write_bundle(tmp_path / "day", frames, name="day", basis=PriceBasis.AS_TRADED, sources=[])
    start = bundle.calendar.close_at(date(2024, 2, 5))
    assert _at(bundle, day).news("AAA", start) == ()
    assert [item.id for item in _at(bundle, date(2024, 2, 7)).news("AAA", start)] == ["AAA-0024", "AAA-0025"]


def test_filings_and_fundamentals_from_their_acceptance_on(bundle: Bundle) -> None:
    accepted = datetime(2024, 1, 4, 11, 30, tzinfo=UTC)
    early, late = bundle.view(accepted - timedelta(microseconds=1)), bundle.view(accepted)
    assert early.filings("AAA", "10-K") == ()
    assert early.latest_filing("AAA", "10-K", not_before=accepted - timedelta(days=400)) is None
    assert early.latest_fundamentals("AAA", "10-K") is None
    (filing,) = late.filings("AAA", "10-K")
    assert [name for name, _ in filing.sections] == ["Risk factors", "Management's discussion"]
    assert late.latest_filing("AAA", "10-K", not_before=accepted) == filing
    assert late.latest_filing("AAA", "10-K", not_before=accepted + timedelta(seconds=1)) is None
    figures = late.latest_fundamentals("AAA", "10-K")
    assert figures is not None
    assert figures.figures == {"income_statement.net_income": 100.0, "income_statement.revenues": 1000.0}
    assert late.filings("AAA", "8-K") == ()


def test_an_unknown_symbol_names_the_nearest(bundle: Bundle) -> None:
    with pytest.raises(DataError, match=r"^SYMBOL_UNKNOWN: no symbol AAB .*Did you mean AAA\?"):
        _at(bundle, date(2024, 2, 7)).closes("AAB", 5)
    assert _at(bundle, date(2024, 2, 7)).news("_MARKET", datetime(2024, 1, 1, tzinfo=UTC)) == ()


def test_a_clock_without_a_time_zone_is_refused(bundle: Bundle) -> None:
    with pytest.raises(TypeError):
        bundle.view(datetime(2024, 2, 7))  # noqa: DTZ001


def _action(day: date, kind: str, value: float) -> CorporateAction:
    split = kind == "split"
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return CorporateAction("AAA", ActionKind(kind), day, value if split else None, None if split else value, at)


def test_a_dividend_and_a_split_on_one_session() -> None:
    days = [date(2024, 1, day) for day in (2, 3, 4)]
    actions = [_action(days[2], "dividend", 1.0), _action(days[2], "split", 2.0)]
    adjusted = adjusted_closes(days, np.array([80.0, 100.0, 49.0]), actions)
    assert adjusted.tolist() == pytest.approx([40 * 0.98, 50 * 0.98, 49.0]), "the cash is on the scale after the split"


@pytest.mark.parametrize(
    ("actions", "stored", "adjusted"),
    [
        ([(4, "split", 4.0), (5, "dividend", 5.0)], [400.0, 400.0, 95.0], [95.0, 95.0, 95.0]),
        ([(4, "split", 0.1), (5, "dividend", 2.0)], [1.5, 1.5, 13.0], [13.0, 13.0, 13.0]),
        ([(4, "dividend", 8.0), (5, "split", 4.0)], [400.0, 400.0, 98.0], [98.0, 98.0, 98.0]),
        ([(4, "split", 2.0), (5, "split", 2.0), (8, "dividend", 5.0)], [400.0, 400.0, 95.0], [95.0, 95.0, 95.0]),
        ([(3, "split", 4.0), (5, "dividend", 5.0)], [400.0, 100.0, 95.0], [95.0, 95.0, 95.0]),
    ],
    ids=["split first", "reverse split first", "dividend first", "two splits", "the split before the halt"],
)
def test_a_dividend_in_a_halt_is_on_the_scale_of_its_own_session(
    actions: list[tuple[int, str, float]], stored: list[float], adjusted: list[float]
) -> None:
    """Bars on the 2nd, 3rd and 8th: a holder got the fall of the price as cash, so nothing was earned or lost."""
    days = [date(2024, 1, day) for day in (2, 3, 8)]
    listed = [_action(date(2024, 1, day), kind, value) for day, kind, value in actions]
    assert adjusted_closes(days, np.array(stored), listed).tolist() == pytest.approx(adjusted)


def test_a_dividend_as_large_as_the_price_is_an_error() -> None:
    days = [date(2024, 1, 2), date(2024, 1, 3)]
    with pytest.raises(DataError, match=r"^BUNDLE_INVALID: a dividend of AAA that is not below the close before it"):
        adjusted_closes(days, np.array([10.0, 1.0]), [_action(days[1], "dividend", 10.0)])


@given(
    closes=st.lists(st.floats(1, 1000), min_size=12, max_size=12),
    where=st.lists(st.integers(1, 11), min_size=1, max_size=4, unique=True),
    values=st.lists(st.floats(0.01, 0.9), min_size=4, max_size=4),
    start=st.integers(0, 11),
)
def test_adjusted_returns_count_what_holders_got(closes: list[float], where: list[int], values: list[float], start: int) -> None:
    days = [date(2024, 1, 2) + timedelta(days=number) for number in range(12)]
    actions = [
        _action(days[place], "split" if place % 2 else "dividend", value) for place, value in zip(sorted(where), values, strict=False)
    ]
    stored = np.array(closes)
    adjusted = adjusted_closes(days, stored, actions)
    for place in range(1, 12):
        expected = stored[place] / stored[place - 1]
        for action in actions:
            if action.ex_session == days[place]:
                previous = stored[place - 1]
                expected = stored[place] / (previous / action.ratio if action.ratio else previous - (action.cash_usd or 0))
        assert adjusted[place] / adjusted[place - 1] == pytest.approx(expected, rel=1e-9)
    assert adjusted[-1] == stored[-1]
    inside = [action for action in actions if action.ex_session > days[start]]
    assert adjusted_closes(days[start:], stored[start:], inside).tobytes() == adjusted[start:].tobytes(), "history before does not matter"
