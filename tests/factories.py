"""Small synthetic bundles for the tests of every room."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.bundle_format import (
    ACTIONS,
    FILINGS,
    FUNDAMENTALS,
    NEWS,
    BundleFrames,
)
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.records import PriceBasis

FIRST_DAY = date(2024, 1, 2)
TITLES = (
    "{symbol} raises its guidance after a strong quarter",
    "{symbol} cuts its forecast as demand slows",
    "Regulator opens an inquiry into {symbol}",
    "{symbol} wins a large contract",
    "What to know about {symbol} this week",
)
SENTENCES = (
    "Revenue grew in the period because demand was strong.",
    "Margins fell as costs of materials rose.",
    "We expect revenue of the next quarter to be higher.",
    "A loss of a large customer would harm our results.",
    "New products may open further markets.",
    "We face competition and changes in regulation.",
    "Cash from operations paid for our investments.",
)
Action = tuple[str, str, date, float]
"""(symbol, "split" or "dividend", ex-session, ratio or cash in USD)"""


def make_frames(
    *,
    symbols: Sequence[str] = ("AAA",),
    sessions: int = 80,
    seed: int = 0,
    with_news: bool = True,
    with_filings: bool = True,
    actions: Sequence[Action] = (),
    first_day: date = FIRST_DAY,
) -> BundleFrames:
    """The tables of `make_bundle`, to be altered before they are written."""
    calendar = ExchangeCalendar(first=first_day, last=first_day + timedelta(days=sessions * 2))
    days = calendar.sessions(first_day, first_day + timedelta(days=sessions * 2))[:sessions]
    return BundleFrames(
        prices=pd.concat([_prices(symbol, days, calendar, seed, actions) for symbol in symbols], ignore_index=True),
        actions=_actions(actions, calendar),
        news=_frame([row for symbol in symbols for row in _news(symbol, days, calendar)] if with_news else [], NEWS.names),
        filings=_frame([row for symbol in symbols for row in _filings(symbol, days)] if with_filings else [], FILINGS.names),
        fundamentals=_frame([row for symbol in symbols for row in _fundamentals(symbol, days)] if with_filings else [], FUNDAMENTALS.names),
    )


def make_bundle(
    tmp_path: Path,
    symbols: Sequence[str] = ("AAA",),
    sessions: int = 80,
    seed: int = 0,
    with_news: bool = True,
    with_filings: bool = True,
    actions: Sequence[Action] = (),
    *,
    name: str = "tiny",
    basis: PriceBasis = PriceBasis.AS_TRADED,
    first_day: date = FIRST_DAY,
) -> Bundle:
    """A bundle in `tmp_path/data/NAME`: a seeded walk from 100 USD, as traded.

    Each action of `actions` happens in the prices too: a 2:1 split halves them from its ex-session on. News: one item a
    session at 15:00 UTC, and each fifth session a wire copy of it after the close with a summary written later. Filings:
    a 10-K before the third session, a 10-Q before the thirtieth, with their figures.
    """
    frames = make_frames(
        symbols=symbols,
        sessions=sessions,
        seed=seed,
        with_news=with_news,
        with_filings=with_filings,
        actions=actions,
        first_day=first_day,
    )
    return write_bundle(tmp_path / "data" / name, frames, name=name, basis=basis, sources=[{"kind": "test", "licence": "none needed"}])


def _prices(symbol: str, days: Sequence[date], calendar: ExchangeCalendar, seed: int, actions: Sequence[Action]) -> pd.DataFrame:
    stream = np.random.default_rng([seed, zlib.crc32(symbol.encode())])
    closes = 100 * np.exp(np.cumsum(stream.normal(0.0005, 0.02, len(days))))
    opens = np.r_[100.0, closes[:-1]] * np.exp(stream.normal(0, 0.005, len(days)))
    spread = 1 + np.abs(stream.normal(0, 0.005, len(days)))
    scale = np.ones(len(days))
    for name, kind, ex_session, value in actions:
        if name == symbol:
            later = np.array([day >= ex_session for day in days])
            before = closes[max(0, int(np.argmax(later)) - 1)]
            scale = np.where(later, scale / value if kind == "split" else scale * (1 - value / before), scale)
    closes_at = pd.Series([calendar.close_at(day) for day in days], dtype="datetime64[us, UTC]")
    return pd.DataFrame(
        {
            "symbol": symbol,
            "session": list(days),
            "open_usd": np.round(opens * scale, 4),
            "high_usd": np.round(np.maximum(opens, closes) * spread * scale, 4),
            "low_usd": np.round(np.minimum(opens, closes) / spread * scale, 4),
            "close_usd": np.round(closes * scale, 4),
            "adjusted_close_usd": np.nan,
            "volume_shares": np.round(1e6 / scale),
            "event_at": closes_at,
            "known_at": closes_at,
        }
    )


def _actions(actions: Sequence[Action], calendar: ExchangeCalendar) -> pd.DataFrame:
    rows = []
    for symbol, kind, ex_session, value in actions:
        opened = calendar.open_at(ex_session)
        ratio, cash = (value, None) if kind == "split" else (None, value)
        rows.append((symbol, kind, ex_session, ratio, cash, opened, opened))
    return _frame(rows, ACTIONS.names)


def _news(symbol: str, days: Sequence[date], calendar: ExchangeCalendar) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for number, day in enumerate(days):
        title = TITLES[number % len(TITLES)].format(symbol=symbol)
        at = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
        summary = f"Item {number}. {SENTENCES[number % len(SENTENCES)]}"
        rows.append((f"{symbol}-{number:04d}", symbol, at, at, "second", title, "publisher", summary, "publisher", "wire one", "", "test"))
        if number % 5 == 0:
            late = calendar.close_at(day) + timedelta(hours=1)
            rows.append(
                (f"{symbol}-{number:04d}b", symbol, late, late, "second", title, "publisher", "Told later.", "llm", "wire two", "", "test")
            )
    return rows


def _filings(symbol: str, days: Sequence[date]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for form, number, sections in (("10-K", 2, ("Risk factors", "Management's discussion")), ("10-Q", 29, ("Management's discussion",))):
        if number < len(days):
            at = datetime(days[number].year, days[number].month, days[number].day, 11, 30, tzinfo=UTC)
            for position, section in enumerate(sections):
                text = " ".join(SENTENCES[(turn * 3 + position) % len(SENTENCES)] for turn in range(60))
                rows.append(
                    (
                        f"{symbol}-{form}",
                        symbol,
                        form,
                        "2023-12-31",
                        at,
                        at,
                        "second",
                        section,
                        position,
                        text,
                        "filer",
                        "",
                        "test",
                    )
                )
    return rows


def _fundamentals(symbol: str, days: Sequence[date]) -> list[tuple[object, ...]]:
    at = datetime(days[2].year, days[2].month, days[2].day, 11, 30, tzinfo=UTC)
    figures = '{"income_statement.net_income":100.0,"income_statement.revenues":1000.0}'
    return [(symbol, "10-K", "2023-01-01", "2023-12-31", "2023FY", at, at, "second", figures, "test")]


def _frame(rows: Sequence[tuple[object, ...]], names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(names))
