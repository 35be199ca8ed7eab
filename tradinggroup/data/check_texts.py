"""Checks of a bundle's news, filings and fundamentals: what is left out, late, copied or missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from tradinggroup.data.bundle import MARKET_SYMBOL, Bundle
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.findings import Finding
from tradinggroup.data.symbol_data import DERIVED

THIN_SHARE = 0.1
"""A month with less than this share of the median month's items is a break in coverage."""
COPY_WINDOW = pd.Timedelta(days=1)
LOWER_CASE_SHARE = 0.002
"""Fewer capitals than this among the characters of a filing: somebody put it to lower case."""


def text_findings(bundle: Bundle, frames: BundleFrames) -> Iterator[Finding]:
    """Findings of each symbol's texts, then of the market's news."""
    for symbol in (*bundle.symbols, MARKET_SYMBOL):
        news = frames.news[frames.news["symbol"] == symbol]
        filings = frames.filings[frames.filings["symbol"] == symbol].drop_duplicates("id")
        if symbol != MARKET_SYMBOL:
            yield from _absent(symbol, news, filings)
        elif len(news):
            text = f"{len(news)} news items are of the whole market: they are kept, and no agent reads them yet."
            yield Finding("note", "market_news", symbol, first_day(news), text, len(news))
        yield from _derived(symbol, news, filings)
        yield from _copies(symbol, news)
        yield from _carriers(symbol, news, filings)
        yield from _timing(bundle, symbol, "news items", news)
        yield from _timing(bundle, symbol, "filings", filings)
        yield from _breaks(bundle, symbol, news)


def left_out_items(news: pd.DataFrame) -> pd.Series:
    """Rows of which nothing is left without derived text: a summary written later, and no title of its own."""
    return pd.Series((news["summary_kind"] == DERIVED) & ((news["title_kind"] == "none") | (news["title"].str.strip() == "")))


def left_out_summaries(news: pd.DataFrame) -> pd.Series:
    """Rows that lose their summary and keep their title."""
    return pd.Series((news["summary_kind"] == DERIVED) & ~left_out_items(news))


def news_per_month(news: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Symbol -> month of `known_at` in UTC (`2025-03`) -> items."""
    months = news["known_at"].dt.strftime("%Y-%m") if len(news) else news["id"]
    counts = news.groupby(["symbol", months]).size() if len(news) else pd.Series(dtype=int)
    table: dict[str, dict[str, int]] = {}
    for (symbol, month), count in counts.items():  # type: ignore[misc]
        table.setdefault(str(symbol), {})[str(month)] = int(count)
    return table


def _absent(symbol: str, news: pd.DataFrame, filings: pd.DataFrame) -> Iterator[Finding]:
    for what, rows in (("news", news), ("filings", filings)):
        if rows.empty:
            yield Finding("note", f"no_{what}", symbol, None, f"No {what} at all: the agents will say so.", 0)


def _derived(symbol: str, news: pd.DataFrame, filings: pd.DataFrame) -> Iterator[Finding]:
    items, summaries = news[left_out_items(news)], news[left_out_summaries(news)]
    written_later = filings[filings["text_kind"] == DERIVED]
    if len(items):
        text = f"{len(items)} news items are left out entirely: their text was written later than they say, and they have no title."
        yield Finding("warning", "derived_items", symbol, first_day(items), text, len(items))
    if len(summaries):
        text = f"{len(summaries)} news items are read by title only: their summary was written later than they say."
        yield Finding("note", "derived_summaries", symbol, first_day(summaries), text, len(summaries))
    if len(written_later):
        text = f"{len(written_later)} filings are left out: they are summaries that a model wrote later."
        yield Finding("warning", "derived_filings", symbol, first_day(written_later), text, len(written_later))


def _copies(symbol: str, news: pd.DataFrame) -> Iterator[Finding]:
    """Items with the title of another item of the day before them: wire copies, or the same item twice."""
    titles = plain_titles(news)
    titled = news.assign(title=titles)[titles != ""].sort_values(["known_at", "id"])
    copies = titled[titled.groupby("title")["known_at"].diff() <= COPY_WINDOW]
    twice = titled[titled.duplicated(["title", "summary", "source", "known_at"])]
    copies = copies[~copies["id"].isin(set(twice["id"]))]
    if len(copies):
        text = f"{len(copies)} news items repeat a title within a day of it."
        yield Finding("note", "news_copies", symbol, first_day(copies), text, len(copies))
    if len(twice):
        text = f"{len(twice)} news items are there twice: the same title, summary, source and time under another id."
        yield Finding("warning", "news_duplicates", symbol, first_day(twice), text, len(twice))


def _carriers(symbol: str, news: pd.DataFrame, filings: pd.DataFrame) -> Iterator[Finding]:
    """What a carrier did to the words: titles made from addresses, filings put to lower case."""
    rebuilt = news[news["title_kind"] == "url-slug"]
    if len(rebuilt):
        text = f"{len(rebuilt)} titles were rebuilt from addresses."
        yield Finding("note", "rebuilt_titles", symbol, first_day(rebuilt), text, len(rebuilt))
    lowered = filings[
        (filings["text_kind"] != DERIVED) & (filings["text"].str.count("[A-Z]") < LOWER_CASE_SHARE * filings["text"].str.len())
    ]
    if len(lowered):
        text = f"{len(lowered)} filings were put to lower case by whoever carried them."
        yield Finding("note", "filings_lower_case", symbol, first_day(lowered), text, len(lowered))


def plain_titles(news: pd.DataFrame) -> pd.Series:
    """Titles in lower case, words and single spaces only."""
    return pd.Series(news["title"].str.casefold().str.replace(r"\W+", " ", regex=True).str.strip())


def first_day(rows: pd.DataFrame) -> date:
    """The UTC day on which the first of `rows` became known."""
    day: date = rows["known_at"].min().date()
    return day


def _timing(bundle: Bundle, symbol: str, what: str, rows: pd.DataFrame) -> Iterator[Finding]:
    if rows.empty:
        return
    code = what.split()[0]
    dated = rows[rows["time_precision"] == "day"]
    if len(dated):
        yield Finding("note", f"{code}_day_precision", symbol, first_day(dated), f"{len(dated)} {what} have a day and no time.", len(dated))
    timed = rows[rows["time_precision"] != "day"]
    closed = timed[_while_closed(bundle.calendar.name, timed["known_at"])]
    if len(closed):
        text = f"{len(closed)} timed {what} came while the exchange was closed."
        yield Finding("note", f"{code}_after_hours", symbol, first_day(closed), text, len(closed))
    late = rows[rows["known_at"] > bundle.calendar.close_at(bundle.last_session)]
    if len(late):
        text = f"{len(late)} {what} became known after the last close and are never seen."
        yield Finding("note", f"{code}_after_prices", symbol, first_day(late), text, len(late))


def _while_closed(exchange: str, known: pd.Series) -> npt.NDArray[np.bool_]:
    """Which moments lie outside opening hours."""
    if known.empty:
        return np.zeros(0, dtype=np.bool_)
    calendar = ExchangeCalendar(exchange, first=known.min().date(), last=known.max().date())
    days = calendar.sessions(known.min().date(), known.max().date())
    opens = pd.DatetimeIndex([calendar.open_at(day) for day in days], dtype="datetime64[us, UTC]").asi8
    closes = pd.DatetimeIndex([calendar.close_at(day) for day in days], dtype="datetime64[us, UTC]").asi8
    moments = pd.DatetimeIndex(known).as_unit("us").asi8
    # Inside a session as many opens as closes plus one have passed.
    return np.asarray(np.searchsorted(opens, moments, side="right") == np.searchsorted(closes, moments, side="right"), dtype=np.bool_)


def _breaks(bundle: Bundle, symbol: str, news: pd.DataFrame) -> Iterator[Finding]:
    """Months between the first and last item, inside the span of the prices, with far fewer items than usual."""
    counts = news_per_month(news).get(symbol, {})
    thin, median = thin_months(counts, bundle.first_session, bundle.last_session)
    if thin:
        named = ", ".join(thin[:6]) + (" …" if len(thin) > 6 else "")
        text = f"{len(thin)} months with hardly any news (a usual month has {median:g} items): {named}."
        yield Finding("warning", "coverage_break", symbol, date.fromisoformat(f"{thin[0]}-01"), text, len(thin))


def thin_months(counts: Mapping[str, int], first_session: date, last_session: date) -> tuple[list[str], float]:
    """The months of one symbol that are breaks in its coverage, and how many items its usual month has."""
    if not counts:
        return [], 0.0
    first, last = max(min(counts), f"{first_session:%Y-%m}"), min(max(counts), f"{last_session:%Y-%m}")
    months = [f"{month}" for month in pd.period_range(first, last, freq="M")] if first <= last else []
    there = [counts[month] for month in months if month in counts]
    median = float(np.median(there)) if there else 0.0
    return [month for month in months if counts.get(month, 0) < max(1.0, THIN_SHARE * median)], median
