"""Checks of a bundle's news, filings and fundamentals: what is left out, late, copied or missing."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tradinggroup.data.bundle import MARKET_SYMBOL, Bundle
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.findings import Finding
from tradinggroup.data.symbol_data import DERIVED

THIN_SHARE = 0.1
"""A month with less than this share of the median month's items is a break in coverage."""
COPY_WINDOW = pd.Timedelta(days=1)


def text_findings(bundle: Bundle, frames: BundleFrames) -> Iterator[Finding]:
    """Findings of each symbol's texts, then of the market's news."""
    for symbol in (*bundle.symbols, MARKET_SYMBOL):
        news = frames.news[frames.news["symbol"] == symbol]
        filings = frames.filings[frames.filings["symbol"] == symbol].drop_duplicates("id")
        if symbol != MARKET_SYMBOL:
            yield from _absent(symbol, news, filings)
        elif len(news):
            text = f"{len(news)} news items are of the whole market: they are kept, and no agent reads them yet."
            yield Finding("note", "market_news", symbol, None, text, len(news))
        yield from _derived(symbol, news, filings)
        yield from _copies(symbol, news)
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
    items, summaries = int(left_out_items(news).sum()), int(left_out_summaries(news).sum())
    written_later = int((filings["text_kind"] == DERIVED).sum())
    if items:
        text = f"{items} news items are left out entirely: their text was written later than they say, and they have no title."
        yield Finding("warning", "derived_items", symbol, None, text, items)
    if summaries:
        text = f"{summaries} news items are read by title only: their summary was written later than they say."
        yield Finding("note", "derived_summaries", symbol, None, text, summaries)
    if written_later:
        text = f"{written_later} filings are left out: they are summaries that a model wrote later."
        yield Finding("warning", "derived_filings", symbol, None, text, written_later)


def _copies(symbol: str, news: pd.DataFrame) -> Iterator[Finding]:
    """Items with the title of another item of the day before them (wire copies)."""
    titles = news["title"].str.casefold().str.replace(r"\W+", " ", regex=True).str.strip()
    titled = news.assign(title=titles)[titles != ""].sort_values(["known_at", "id"])
    copies = titled[titled.groupby("title")["known_at"].diff() <= COPY_WINDOW]
    if len(copies):
        day = copies["known_at"].iloc[0].date()
        yield Finding("note", "news_copies", symbol, day, f"{len(copies)} news items repeat a title within a day of it.", len(copies))


def _timing(bundle: Bundle, symbol: str, what: str, rows: pd.DataFrame) -> Iterator[Finding]:
    if rows.empty:
        return
    code = what.split()[0]
    dated = int((rows["time_precision"] == "day").sum())
    if dated:
        text = f"{dated} {what} have a day and no time: known at the end of that day in New York, so from the next session on."
        yield Finding("note", f"{code}_day_precision", symbol, None, text, dated)
    timed = rows[rows["time_precision"] != "day"]
    closed = _while_closed(bundle.calendar.name, timed["known_at"])
    if closed:
        text = f"{closed} timed {what} came while the exchange was closed."
        yield Finding("note", f"{code}_after_hours", symbol, None, text, closed)
    late = int((rows["known_at"] > bundle.calendar.close_at(bundle.last_session)).sum())
    if late:
        text = f"{late} {what} became known after the last close and are never seen."
        yield Finding("note", f"{code}_after_prices", symbol, None, text, late)


def _while_closed(exchange: str, known: pd.Series) -> int:
    """How many moments lie outside opening hours."""
    if known.empty:
        return 0
    calendar = ExchangeCalendar(exchange, first=known.min().date(), last=known.max().date())
    days = calendar.sessions(known.min().date(), known.max().date())
    opens = pd.DatetimeIndex([calendar.open_at(day) for day in days], dtype="datetime64[us, UTC]").asi8
    closes = pd.DatetimeIndex([calendar.close_at(day) for day in days], dtype="datetime64[us, UTC]").asi8
    moments = pd.DatetimeIndex(known).as_unit("us").asi8
    # Inside a session as many opens as closes plus one have passed.
    return int((np.searchsorted(opens, moments, side="right") == np.searchsorted(closes, moments, side="right")).sum())


def _breaks(bundle: Bundle, symbol: str, news: pd.DataFrame) -> Iterator[Finding]:
    """Months between the first and last item, inside the span of the prices, with far fewer items than usual."""
    counts = news_per_month(news).get(symbol, {})
    if not counts:
        return
    first, last = max(min(counts), f"{bundle.first_session:%Y-%m}"), min(max(counts), f"{bundle.last_session:%Y-%m}")
    months = [f"{month}" for month in pd.period_range(first, last, freq="M")] if first <= last else []
    there = [counts[month] for month in months if month in counts]
    median = float(np.median(there)) if there else 0.0
    thin = [month for month in months if counts.get(month, 0) < max(1.0, THIN_SHARE * median)]
    if thin:
        named = ", ".join(thin[:6]) + (" …" if len(thin) > 6 else "")
        text = f"{len(thin)} months with hardly any news (a usual month has {median:g} items): {named}."
        yield Finding("warning", "coverage_break", symbol, None, text, len(thin))
