"""Checks of the times of texts: too round, in another time zone, or before what they are about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from tradinggroup.clock import NEW_YORK
from tradinggroup.data.bundle import MARKET_SYMBOL, Bundle
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.check_texts import first_day, plain_titles
from tradinggroup.data.findings import Finding

ROUND_SHARE = 0.25
"""Newswires send on the hour more often than by chance, but not every fourth item."""
FEWEST_ROUND = 20
MIDNIGHT_SHARE = 0.05
FEWEST_FOR_HOURS = 100
DAY_HOURS = range(8, 18)
"""Hours in New York in which most business news comes."""
EDGAR_HOURS = range(6, 22)
TWIN_TOLERANCE = pd.Timedelta(seconds=30)
FARTHEST_ZONE_HOURS = 14
FEWEST_TWINS = 3


def time_findings(bundle: Bundle, frames: BundleFrames) -> Iterator[Finding]:
    """Findings of each symbol's news, filings and figures, then of the market's news."""
    for symbol in (*bundle.symbols, MARKET_SYMBOL):
        news = _timed(frames.news, symbol)
        filings = _timed(frames.filings, symbol).drop_duplicates("id")
        figures = frames.fundamentals[frames.fundamentals["symbol"] == symbol]
        yield from _round(symbol, news)
        yield from _midnight(symbol, "news items", news, MIDNIGHT_SHARE)
        yield from _midnight(symbol, "filings", filings, 0.0)
        yield from _midnight(symbol, "fundamentals", _timed(frames.fundamentals, symbol), 0.0)
        yield from _news_hours(symbol, news)
        yield from _filing_hours(symbol, filings)
        yield from _early(symbol, figures, frames.filings[frames.filings["symbol"] == symbol])


def _timed(rows: pd.DataFrame, symbol: str) -> pd.DataFrame:
    return rows[(rows["symbol"] == symbol) & (rows["time_precision"] != "day")]


def _round(symbol: str, news: pd.DataFrame) -> Iterator[Finding]:
    """Many items exactly on the hour."""
    known = news["known_at"]
    on_the_hour = news[known == known.dt.floor("h")] if len(news) else news
    if len(on_the_hour) >= FEWEST_ROUND and len(on_the_hour) > ROUND_SHARE * len(news):
        share = len(on_the_hour) / len(news)
        text = f"{len(on_the_hour)} timed news items are exactly on the hour ({share:.0%} of them)."
        yield Finding("warning", "news_round_times", symbol, first_day(on_the_hour), text, len(on_the_hour))


def _midnight(symbol: str, what: str, rows: pd.DataFrame, share: float) -> Iterator[Finding]:
    """Moments at midnight in UTC or in New York: days that were made into times."""
    if rows.empty:
        return
    known = rows["known_at"]
    local = known.dt.tz_convert(NEW_YORK)
    at_midnight = rows[(known == known.dt.normalize()) | ((local.dt.hour == 0) & (local.dt.minute == 0) & (local.dt.second == 0))]
    if len(at_midnight) > share * len(rows):
        text = f"{len(at_midnight)} timed {what} are at midnight in UTC or New York."
        yield Finding("warning", f"{what.split()[0]}_midnight", symbol, first_day(at_midnight), text, len(at_midnight))


def _news_hours(symbol: str, news: pd.DataFrame) -> Iterator[Finding]:
    """Two signs of another time zone: more news by night than by day, and twins a whole number of hours apart."""
    if len(news) >= FEWEST_FOR_HOURS:
        by_day = float(news["known_at"].dt.tz_convert(NEW_YORK).dt.hour.isin(DAY_HOURS).mean())
        if by_day / len(DAY_HOURS) < (1 - by_day) / (24 - len(DAY_HOURS)):
            text = f"{len(news)} timed news items come more by night than by day in New York ({by_day:.0%} from 8:00 to 18:00)."
            yield Finding("warning", "news_hours_off", symbol, first_day(news), text, len(news))
            return
    twins = _twins(news)
    if len(twins) >= FEWEST_TWINS:
        text = f"{len(twins)} news items are a whole number of hours after another carrier's of the same title."
        yield Finding("warning", "news_hours_off", symbol, first_day(twins), text, len(twins))


def _twins(news: pd.DataFrame) -> pd.DataFrame:
    """Items whose title another origin has 1 to 14 whole hours earlier; none where most gaps are not whole."""
    titles = plain_titles(news)
    titled = news.assign(title=titles)[titles != ""].sort_values(["known_at", "id"])
    groups = titled.groupby("title")
    gaps, other = groups["known_at"].diff(), groups["origin"].shift() != titled["origin"]
    apart = other & (gaps >= pd.Timedelta(minutes=30)) & (gaps <= pd.Timedelta(hours=FARTHEST_ZONE_HOURS) + TWIN_TOLERANCE)
    whole = apart & ((gaps - gaps.dt.round("h")).abs() <= TWIN_TOLERANCE)
    return titled[whole] if whole.sum() * 2 > apart.sum() else titled.iloc[:0]


def _filing_hours(symbol: str, filings: pd.DataFrame) -> Iterator[Finding]:
    """Filings accepted while EDGAR accepts none."""
    if filings.empty:
        return
    local = filings["known_at"].dt.tz_convert(NEW_YORK)
    closed = filings[~local.dt.hour.isin(EDGAR_HOURS) | (local.dt.day_of_week >= 5)]
    if len(closed):
        text = (
            f"{len(closed)} filings are of hours at which EDGAR accepts none, the first at {closed['known_at'].min():%Y-%m-%d %H:%M} UTC."
        )
        yield Finding("warning", "filings_hours_off", symbol, first_day(closed), text, len(closed))


def _early(symbol: str, figures: pd.DataFrame, filings: pd.DataFrame) -> Iterator[Finding]:
    """Figures known before the filing that holds them was filed, or before their period had ended."""
    if figures.empty:
        return
    filed = filings.groupby(["form", "period"])["event_at"].min()
    keys = pd.MultiIndex.from_frame(figures[["form", "period"]])
    known = figures["known_at"]
    before_filing = known.to_numpy() < filed.reindex(keys).to_numpy() if len(filed) else np.zeros(len(figures), dtype=np.bool_)
    ends = pd.Series([_last_day(period) for period in figures["period"]], index=figures.index, dtype="datetime64[us, UTC]")
    early = figures[before_filing | (known < ends)]
    if len(early):
        first = early["period"].iloc[0]
        text = f"{len(early)} statements are known before their filing or the end of their period, the first of period {first}."
        yield Finding("error", "fundamentals_early", symbol, first_day(early), text, len(early))


def _last_day(period: str) -> pd.Timestamp | None:
    """The start in UTC of the period's last day; None where the period is written otherwise."""
    try:
        return pd.Timestamp(date.fromisoformat(period), tz="UTC")
    except ValueError:
        return None
