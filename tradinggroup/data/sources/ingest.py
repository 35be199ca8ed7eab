"""A bundle from what a source answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tradinggroup.clock import iso_utc, utc_now
from tradinggroup.data.bundle import DEFAULT_UNIVERSE_NOTE, Bundle, write_bundle
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.calendar import DEFAULT_EXCHANGE, ExchangeCalendar
from tradinggroup.data.importing import action_frame, check_new_bundle, price_frame
from tradinggroup.data.plain_prices import PriceRow
from tradinggroup.data.records import PriceBasis
from tradinggroup.data.sources.alpaca_news import AlpacaNews
from tradinggroup.data.sources.edgar import EdgarFilings
from tradinggroup.data.sources.port import PriceSource, SourcePrices, SourceTexts, TextSource
from tradinggroup.data.sources.text_frames import READERS, text_frame
from tradinggroup.data.sources.yfinance_prices import YfinancePrices
from tradinggroup.errors import DataError, ErrorCode, UsageError, did_you_mean

SOURCES: dict[str, type[PriceSource]] = {"yfinance": YfinancePrices}
TEXT_SOURCES: dict[str, Callable[[Path], TextSource]] = {"edgar": EdgarFilings, "alpaca": AlpacaNews}
CACHE = ".cache"
"""Inside the folder of bundles: what sources answered, kept so that it is not asked again."""


def make_price_source(name: str) -> PriceSource:
    """The source that `--source` names. Raises UsageError for an unknown one."""
    if name not in SOURCES:
        raise UsageError(ErrorCode.USAGE, f"no source {name}", remedy=did_you_mean(name, SOURCES))
    return SOURCES[name]()


def make_text_source(name: str, cache_folder: Path) -> TextSource:
    """The source that `--texts` names. Raises UsageError for an unknown one, or one whose key is not in the environment."""
    if name not in TEXT_SOURCES:
        raise UsageError(ErrorCode.USAGE, f"no source of texts {name}", remedy=did_you_mean(name, TEXT_SOURCES))
    return TEXT_SOURCES[name](cache_folder)


def ingest(
    source: PriceSource,
    symbols: Sequence[str],
    start: date,
    end: date,
    name: str,
    bundles_folder: Path,
    *,
    texts: Sequence[TextSource] = (),
    universe_note: str | None = None,
) -> Bundle:
    """Fetches every symbol from `source` and `texts` and writes bundle `name` (as traded); nothing is written where one fails.

    A bar whose session had not closed when it was fetched is left out. The retrieval time of each symbol stands in
    `bundle.json`. Raises DataError: SOURCE_FAILED, BUNDLE_EXISTS; UsageError for a name or dates that cannot be.
    """
    target = check_new_bundle(bundles_folder, name)
    if end < start:
        raise UsageError(
            ErrorCode.DATES_OUTSIDE,
            "dates are reversed",
            start=start.isoformat(),
            end=end.isoformat(),
            remedy="Put the earlier date first.",
        )
    if not symbols:
        raise UsageError(ErrorCode.USAGE, "no symbols to fetch", remedy="Name some with --symbols A,B.")
    calendar = ExchangeCalendar(DEFAULT_EXCHANGE, first=start, last=end)
    wanted = sorted(set(symbols))
    answers = [_closed(source.fetch(symbol, start, end), calendar) for symbol in wanted]
    told = _told(texts, wanted, start, end)
    frames = BundleFrames(
        prices=price_frame({answer.symbol: answer.rows for answer in answers}),
        actions=action_frame({answer.symbol: answer.actions for answer in answers}),
        **{table: text_frame(table, told) for table in READERS},
    )
    sources: list[dict[str, Any]] = [
        {"kind": source.name, "symbol": answer.symbol, "licence": source.licence, "retrieved_at": iso_utc(answer.retrieved_at)}
        for answer in answers
    ]
    sources += [
        {"kind": each.name, "licence": each.licence, "retrieved_at": iso_utc(utc_now()), "files": dict(sorted(each.fetcher.files.items()))}
        for each in texts
    ]
    return write_bundle(
        target, frames, name=name, basis=PriceBasis.AS_TRADED, sources=sources, universe_note=universe_note or DEFAULT_UNIVERSE_NOTE
    )


def _told(texts: Sequence[TextSource], symbols: Sequence[str], start: date, end: date) -> list[SourceTexts]:
    """What each source of texts says of each symbol; its connections are closed, whatever comes of it."""
    told = []
    for source in texts:
        try:
            told += [source.fetch(symbol, start, end) for symbol in symbols]
        finally:
            source.fetcher.close()
    return told


def _closed(answer: SourcePrices, calendar: ExchangeCalendar) -> SourcePrices:
    """`answer` without the bars that were still forming. Raises DataError where a day is no session, or nothing is left."""
    rows = tuple(row for row in answer.rows if _has_closed(answer, row, calendar))
    if not rows:
        raise _unusable(answer.symbol, "no closed session")
    actions = tuple(action for action in answer.actions if rows[0].session <= action.ex_session <= rows[-1].session)
    return SourcePrices(answer.symbol, rows, actions, answer.retrieved_at)


def _has_closed(answer: SourcePrices, row: PriceRow, calendar: ExchangeCalendar) -> bool:
    if not calendar.is_session(row.session):
        raise _unusable(answer.symbol, f"{row.session.isoformat()} is no session of {calendar.name}")
    return calendar.close_at(row.session) <= answer.retrieved_at


def _unusable(symbol: str, reason: str) -> DataError:
    return DataError(
        ErrorCode.SOURCE_FAILED,
        f"the source gave no usable prices of {symbol} ({reason})",
        remedy="Check the symbol and the dates, or use another source; nothing was written.",
    )
