"""The demo market: the committed bundle, what is planted in it, and the strength of its signals."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradinggroup.clock import NEW_YORK, end_of_day_new_york
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.demo_market import DEFAULT_SEED, DemoMarket, build_market, make_demo
from tradinggroup.data.demo_market.companies import COMPANIES
from tradinggroup.data.demo_market.description import SignalMeasure, demo_market_tables, measure_signals
from tradinggroup.data.demo_market.parameters import EDGE
from tradinggroup.data.demo_market.sentences import Slots, sentence, topics
from tradinggroup.data.demo_market.streams import stream
from tradinggroup.errors import DataError

SYMBOLS = ("ACME", "QFRN", "TRWK")
SPAN = (date(2022, 7, 1), date(2023, 12, 29))
SEEDS = range(1, 13)
GOOD = re.compile(
    r"\b(beats?|exceeds?|strong|record|raise[sd]|upgrade[sd]?|lifts|growth|gains|improv\w+|profitable|solid|benefit|positive)\b"
)
BAD = re.compile(r"\b(miss\w*|weak\w*|cuts?|downgrade[sd]?|lower(s|ed)|lawsuit|recalls?|loss(es)?|warn\w*|decline|delays?|pressure|soft)\b")


@pytest.fixture(scope="module")
def market() -> DemoMarket:
    return build_market()


@pytest.fixture(scope="module")
def committed(repository: Path) -> Bundle:
    return Bundle.open(repository / "data" / "demo")


@pytest.fixture(scope="module")
def calendar() -> ExchangeCalendar:
    return ExchangeCalendar(first=SPAN[0], last=SPAN[1])


def lexicon_score(text: str) -> int:
    return len(GOOD.findall(text.lower())) - len(BAD.findall(text.lower()))


# The bundle


def test_the_committed_bundle_is_what_the_generator_makes(committed: Bundle, tmp_path: Path) -> None:
    made = make_demo(tmp_path / "demo")
    assert made.hash == committed.hash
    assert made.manifest == committed.manifest


def test_the_committed_bundle_is_small(committed: Bundle) -> None:
    assert sum(path.stat().st_size for path in committed.folder.iterdir()) < 1_500_000


def test_same_seed_same_files(tmp_path: Path) -> None:
    one, two = make_demo(tmp_path / "one", seed=5), make_demo(tmp_path / "two", seed=5)
    assert one.hash == two.hash
    for path in one.folder.glob("*.parquet"):
        assert path.read_bytes() == (two.folder / path.name).read_bytes()


@pytest.mark.parametrize("edge", [True, False])
def test_other_seed_same_symbols_and_sessions_other_prices(committed: Bundle, tmp_path: Path, edge: bool) -> None:
    other = make_demo(tmp_path / "other", name="other", seed=DEFAULT_SEED + 1, edge=edge)
    assert other.symbols == committed.symbols == SYMBOLS
    assert (other.first_session, other.last_session) == (committed.first_session, committed.last_session) == SPAN
    assert other.hash != committed.hash
    keys = ["symbol", "session"]
    pd.testing.assert_frame_equal(other.frames().prices[keys], committed.frames().prices[keys])
    assert (other.frames().prices["close_usd"] != committed.frames().prices["close_usd"]).mean() > 0.99


def test_an_existing_bundle_is_not_overwritten(tmp_path: Path) -> None:
    made = make_demo(tmp_path / "demo")
    with pytest.raises(DataError, match="BUNDLE_EXISTS"):
        make_demo(tmp_path / "demo", seed=1)
    assert Bundle.open(tmp_path / "demo").hash == made.hash


# Prices and actions


def test_bars_stand_on_all_sessions_but_the_halted_one(market: DemoMarket, calendar: ExchangeCalendar) -> None:
    sessions = calendar.sessions(*SPAN)
    assert len(sessions) == 377
    for symbol, bars in market.frames.prices.groupby("symbol"):
        missing = sorted(set(sessions) - set(bars["session"]))
        assert missing == ([date(2023, 9, 13)] if symbol == "TRWK" else [])
    assert calendar.is_session(date(2023, 9, 13))


@pytest.mark.parametrize("edge", [True, False])
def test_bars_are_consistent_and_in_cents(edge: bool) -> None:
    prices = build_market(seed=3, edge=edge).frames.prices
    assert (prices["low_usd"] <= prices[["open_usd", "close_usd"]].min(axis=1)).all()
    assert (prices["high_usd"] >= prices[["open_usd", "close_usd"]].max(axis=1)).all()
    assert (prices["low_usd"] > 5).all()
    assert (prices["volume_shares"] > 10_000).all()
    for name in ("open_usd", "high_usd", "low_usd", "close_usd"):
        assert (prices[name].round(2) == prices[name]).all()


def test_volatility_is_that_of_real_shares(market: DemoMarket) -> None:
    for truth in market.truth.values():
        assert 0.013 < truth.return_fraction.std() < 0.027


def test_split_and_dividends_are_steps_in_the_prices(market: DemoMarket, calendar: ExchangeCalendar) -> None:
    actions = market.frames.actions
    split = actions[actions["kind"] == "split"]
    assert list(zip(split["symbol"], split["ex_session"], split["ratio"], strict=True)) == [("QFRN", date(2023, 6, 13), 4.0)]
    dividends = actions[actions["kind"] == "dividend"]
    assert set(dividends["symbol"]) == {"ACME"}
    assert sum(day.year == 2023 for day in dividends["ex_session"]) == 4
    assert all(calendar.is_session(day) for day in actions["ex_session"])
    quillfern = market.frames.prices.query("symbol == 'QFRN'").set_index("session")["close_usd"]
    assert quillfern[date(2023, 6, 12)] / quillfern[date(2023, 6, 13)] == pytest.approx(4, rel=0.1)


def test_the_true_returns_are_those_of_the_file(market: DemoMarket) -> None:
    """Close to close with splits and dividends undone, which is also the step of the adjusted closes."""
    for symbol in ("ACME", "QFRN"):
        bars = market.frames.prices[market.frames.prices["symbol"] == symbol]
        adjusted = bars["adjusted_close_usd"].to_numpy()
        np.testing.assert_allclose(adjusted[1:] / adjusted[:-1] - 1, market.truth[symbol].return_fraction[1:], atol=1e-6)


# News


def test_news_ids_are_unique_and_windows_hold_up_to_six(market: DemoMarket, calendar: ExchangeCalendar) -> None:
    assert market.frames.news["id"].is_unique
    for symbol in SYMBOLS:
        counts = [len(items) for items in market.news[symbol]]
        assert max(counts) <= 6
        assert counts.count(0) > 20
        for session, items in zip(market.truth[symbol].sessions, market.news[symbol], strict=True):
            start, end = calendar.close_at(calendar.previous_session(session)), calendar.close_at(session)
            assert all(start < item.known_at <= end for item in items)


def test_news_outside_trading_hours_and_on_weekends(market: DemoMarket, calendar: ExchangeCalendar) -> None:
    moments = [moment.to_pydatetime() for moment in market.frames.news.query("time_precision == 'second'")["known_at"]]
    days = [moment.astimezone(NEW_YORK).date() for moment in moments]
    outside = [
        not calendar.is_session(day) or not calendar.open_at(day) <= at <= calendar.close_at(day)
        for day, at in zip(days, moments, strict=True)
    ]
    assert 0.5 < np.mean(outside) < 0.75
    assert sum(day.weekday() >= 5 for day in days) > 20


def test_day_precision_items_are_known_at_the_end_of_their_day(market: DemoMarket) -> None:
    items = market.frames.news.query("time_precision == 'day'")
    assert len(items) > 50
    for moment in items["known_at"]:
        assert moment == end_of_day_new_york(moment.tz_convert(NEW_YORK).date())


def test_wire_copies_follow_within_minutes_from_another_source(market: DemoMarket) -> None:
    copies = 0
    for items in (items for symbol in SYMBOLS for items in market.news[symbol]):
        for copy in (item for item in items if item.is_copy):
            originals = [
                item
                for item in items
                if not item.is_copy
                and item.title in copy.title
                and item.source != copy.source
                and timedelta(0) < copy.known_at - item.known_at < timedelta(minutes=30)
            ]
            assert originals
            copies += 1
    assert 0.08 < copies / len(market.frames.news) < 0.16


def test_the_default_view_leaves_texts_written_later_out(committed: Bundle) -> None:
    news = committed.frames().news
    derived = news[news["summary_kind"] == "llm"]
    untitled = set(derived[derived["title_kind"] == "none"]["id"])
    titled = set(derived[derived["title_kind"] == "publisher"]["id"])
    assert len(untitled) > 10
    assert len(titled) > 10
    end = datetime(2024, 1, 1, tzinfo=UTC)
    items = {item.id: item for symbol in SYMBOLS for item in committed.view(end).news(symbol, datetime(2022, 1, 1, tzinfo=UTC))}
    assert set(items) == set(news["id"]) - untitled
    assert all(not items[name].summary and items[name].title for name in titled)


def test_tones_are_legible_in_ordinary_words(market: DemoMarket) -> None:
    items = [item for symbol in SYMBOLS for session in market.news[symbol] for item in session if item.counts]
    tones = np.array([item.tone for item in items])
    scores = np.array([np.sign(lexicon_score(f"{item.title} {item.summary}")) for item in items])
    assert np.corrcoef(tones, scores)[0, 1] > 0.7
    assert {tone: int((tones == tone).sum()) > 100 for tone in (-1, -0.5, 0, 0.5, 1)} == dict.fromkeys((-1, -0.5, 0, 0.5, 1), True)


# Filings


def test_filings_are_long_and_accepted_after_a_close(market: DemoMarket, calendar: ExchangeCalendar) -> None:
    for name, sections in market.frames.filings.groupby("id"):
        assert 3_000 <= sum(len(text.split()) for text in sections["text"]) <= 6_000, name
        moment = sections["known_at"].iloc[0].to_pydatetime()
        local = moment.astimezone(NEW_YORK)
        assert time(16) < local.time() < time(18), name
        if SPAN[0] <= local.date() <= SPAN[1]:
            assert calendar.close_at(local.date()) < moment
    assert any(section.startswith("MD&A") for section in market.frames.filings["section"])
    assert any(section.startswith("Risk Factors") for section in market.frames.filings["section"])


def test_a_report_of_each_form_is_known_before_the_first_session(market: DemoMarket) -> None:
    first_close = datetime(2022, 7, 1, 20, tzinfo=UTC)
    for symbol in SYMBOLS:
        reports = market.reports[symbol]
        assert {report.form for report in reports if report.accepted_at < first_close} == {"10-K", "10-Q"}
        assert sum(report.accepted_at > first_close for report in reports) == 6
        assert any(report.form == "10-K" and report.accepted_at > first_close for report in reports)


def test_texts_state_the_figures_that_were_filed(market: DemoMarket) -> None:
    texts = market.frames.filings.groupby("id")["text"].agg("\n".join)
    for row in market.frames.fundamentals.itertuples():
        figures = json.loads(row.figures)
        text = texts[f"{row.symbol}-{row.form}-{row.period}"]
        for name in ("income_statement.revenues", "income_statement.net_income_loss", "balance_sheet.cash", "balance_sheet.long_term_debt"):
            assert f"{figures[name] / 1e6:,.1f} million" in text, (row.symbol, row.period, name)
        assert f"{figures['income_statement.diluted_earnings_per_share']:.2f} dollars per diluted share" in text
        assert figures["balance_sheet.assets"] == figures["balance_sheet.liabilities"] + figures["balance_sheet.equity"]


def test_share_counts_follow_the_split(market: DemoMarket) -> None:
    rows = market.frames.fundamentals.query("symbol == 'QFRN'").sort_values("known_at")
    counts = [json.loads(figures)["income_statement.diluted_average_shares"] for figures in rows["figures"]]
    after = rows["known_at"] > pd.Timestamp("2023-06-13", tz="UTC")
    assert counts == [164e6 if late else 41e6 for late in after]


def test_guidance_words_follow_the_tone_of_a_filing(market: DemoMarket) -> None:
    words = {1: "raised our full-year guidance", 0: "maintain our full-year guidance", -1: "lowered our full-year guidance"}
    texts = market.frames.filings.groupby("id")["text"].agg("\n".join)
    reports = [report for symbol in SYMBOLS for report in market.reports[symbol]]
    assert {report.tone for report in reports} == {-1, 0, 1}
    for report in reports:
        text = texts[report.id]
        others = [phrase for tone, phrase in words.items() if tone not in {report.tone, 0}]
        assert not any(phrase in text for phrase in others), report.id
        guided = [line for line in text.split(". ") if "outlook" in line.lower() or "guidance" in line.lower()]
        assert guided


def test_no_sentence_of_a_filing_stands_twice_outside_the_segments(market: DemoMarket) -> None:
    for text in market.frames.filings["text"]:
        sentences = [part for part in re.split(r"(?<=[.])\s+", text) if len(part.split()) > 12]
        assert len(set(sentences)) > 0.95 * len(sentences)


# The grammar


def test_choices_and_slots_are_resolved_everywhere(market: DemoMarket) -> None:
    for text in [*market.frames.filings["text"], *market.frames.news["title"], *market.frames.news["summary"]]:
        assert not re.search(r"[<>{}|]", text)


def test_a_slot_with_a_two_is_another_word() -> None:
    for number in range(50):
        rng = stream(1, number)
        text = sentence("<{product2}|{product2}> {product} <a<b|c>|d>", rng, Slots(COMPANIES[0], rng))
        first, second = (next(p for p in COMPANIES[0].products if text[0].lower() + text[1:] == f"{p} {q} {e}") for q, e in _pairs(text))
        assert first == second


def _pairs(text: str) -> Sequence[tuple[str, str]]:
    lowered = text[0].lower() + text[1:]
    ending = lowered.rsplit(" ", 1)[1]
    assert ending in {"ab", "ac", "d"}
    others = [product for product in COMPANIES[0].products if lowered.endswith(f" {product} {ending}")]
    assert len(others) == 1
    assert not lowered.startswith(others[0])
    return [(others[0], ending)] * 2


def test_every_topic_has_lines() -> None:
    for name in ("news", "mdna", "risk_factors"):
        assert all(topics(name).values())


# The signals


def test_no_text_depends_on_prices() -> None:
    with_edge, without_edge = build_market(seed=11).frames, build_market(seed=11, edge=False).frames
    pd.testing.assert_frame_equal(with_edge.news, without_edge.news)
    pd.testing.assert_frame_equal(with_edge.filings, without_edge.filings)
    pd.testing.assert_frame_equal(with_edge.fundamentals, without_edge.fundamentals)
    assert (with_edge.prices["close_usd"] != without_edge.prices["close_usd"]).mean() > 0.9


@pytest.fixture(scope="module")
def measured() -> dict[bool, list[tuple[SignalMeasure, ...]]]:
    return {edge: [measure_signals(build_market(seed=seed, edge=edge).truth) for seed in SEEDS] for edge in (True, False)}


@pytest.mark.parametrize("place", [0, 1, 2], ids=["news", "filings", "prices"])
def test_each_signal_has_its_documented_strength(measured: dict[bool, list[tuple[SignalMeasure, ...]]], place: int) -> None:
    documented = (EDGE.news_fraction, EDGE.filing_fraction, EDGE.momentum_fraction)[place]
    found = [measures[place] for measures in measured[True]]
    assert np.mean([measure.slope_fraction for measure in found]) == pytest.approx(documented, rel=0.35)
    assert np.mean([measure.t_value for measure in found]) > 1.5


@pytest.mark.parametrize("place", [0, 1, 2], ids=["news", "filings", "prices"])
def test_without_an_edge_there_is_no_signal(measured: dict[bool, list[tuple[SignalMeasure, ...]]], place: int) -> None:
    t_values = [measures[place].t_value for measures in measured[False]]
    assert abs(np.mean(t_values)) < 1.0
    assert np.max(np.abs(t_values)) < 3.0


def test_the_committed_market_shows_all_three_signals(market: DemoMarket) -> None:
    assert all(measure.t_value > 2 for measure in measure_signals(market.truth))


def test_a_reader_with_a_small_lexicon_sees_the_news_signal(market: DemoMarket) -> None:
    """From texts and prices of the bundle alone, and with the fill at the next open."""
    scores, returns = [], []
    for symbol in SYMBOLS:
        bars = market.frames.prices[market.frames.prices["symbol"] == symbol].set_index("session")
        sessions = market.truth[symbol].sessions
        for place, session in enumerate(sessions[1:]):
            items = [item for item in market.news[symbol][place] if item.counts]
            if items and session in bars.index:
                scores.append(np.mean([np.sign(lexicon_score(f"{item.title} {item.summary}")) for item in items]))
                returns.append(bars.loc[session, "close_usd"] / bars.loc[session, "open_usd"] - 1)
    correlation = np.corrcoef(scores, returns)[0, 1]
    assert correlation * np.sqrt(len(scores)) > 2


def test_the_page_states_the_parameters_of_the_code(repository: Path) -> None:
    page = (repository / "docs" / "demo-market.md").read_text(encoding="utf-8")
    generated = page.split("<!-- generated: demo market -->\n")[1].split("\n<!-- end -->")[0]
    assert generated == demo_market_tables()
