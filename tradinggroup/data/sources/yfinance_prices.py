"""Daily prices from Yahoo through the `yfinance` package.

Not run live by the project's tests: they give this adapter frames of yfinance's shape.

Yahoo's open, high, low, close and volume are adjusted for every split up to the day of the download, also with
`auto_adjust=False`, which only leaves dividends out of them; its dividends are adjusted for splits too. So the history
is asked up to now, whatever the end of the bundle, and the splits it lists are taken out again: prices and dividends
times the ratios of all later splits, volumes divided by them. What comes back is as traded.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import pandas as pd

from tradinggroup.clock import utc_now
from tradinggroup.data.plain_prices import ActionRow, PriceRow
from tradinggroup.data.records import ActionKind
from tradinggroup.data.sources.port import SourcePrices
from tradinggroup.errors import DataError, ErrorCode

COLUMNS = ("Open", "High", "Low", "Close", "Adj Close", "Volume", "Dividends", "Stock Splits")
PRICE_DECIMALS = 4
"""Yahoo keeps single precision; four digits bring back the price that was printed."""
CASH_DECIMALS = 6


class YfinancePrices:
    """Prices of Yahoo, by way of `yfinance.Ticker.history`."""

    name = "yfinance"
    licence = "Yahoo terms of use; not for redistribution"

    def fetch(self, symbol: str, start: date, end: date) -> SourcePrices:
        """See `PriceSource.fetch`. Nothing of yfinance's own errors comes through: each is a DataError (SOURCE_FAILED)."""
        retrieved_at = utc_now()
        frame = _history(symbol, start)
        missing = [column for column in COLUMNS if column not in frame.columns]
        if frame.empty or missing:
            raise _failed(symbol, f"the answer has no column {missing[0]}" if missing and not frame.empty else "an empty answer")
        days = [moment.date() for moment in frame.index]
        splits = [(day, float(ratio)) for day, ratio in zip(days, frame["Stock Splits"], strict=True) if ratio > 0 and ratio != 1]
        dividends = [(day, float(cash)) for day, cash in zip(days, frame["Dividends"], strict=True) if cash > 0]
        rows = [row for row in _rows(symbol, days, frame, splits) if start <= row.session <= end]
        if not rows:
            raise _failed(symbol, f"no prices from {start.isoformat()} to {end.isoformat()}")
        actions = [row for row in _actions(splits, dividends) if rows[0].session <= row.ex_session <= rows[-1].session]
        return SourcePrices(symbol, tuple(rows), tuple(actions), retrieved_at)


def _history(symbol: str, start: date) -> pd.DataFrame:
    """Yahoo's daily history from `start` to now, with the splits that its prices are adjusted for."""
    import yfinance

    yfinance.set_tz_cache_location(_cache_folder().name)
    yfinance.config.debug.hide_exceptions = False
    try:
        ticker = yfinance.Ticker(symbol)  # type: ignore[no-untyped-call]
        frame: pd.DataFrame | None = ticker.history(
            start=start.isoformat(), interval="1d", auto_adjust=False, back_adjust=False, actions=True
        )
    except Exception as error:  # yfinance lets errors of its transport through, which share no base class with its own
        reason = (str(error).splitlines() or ["no reason given"])[0].rstrip(".")
        raise _failed(symbol, f"{type(error).__name__}: {reason}") from error
    if frame is None:
        raise _failed(symbol, "no answer")
    return frame


@lru_cache(maxsize=1)
def _cache_folder() -> tempfile.TemporaryDirectory[str]:
    """Where yfinance keeps cookies and time zones: a folder of ours, gone with the process."""
    return tempfile.TemporaryDirectory(prefix="tradinggroup-yfinance-", ignore_cleanup_errors=True)


def _rows(symbol: str, days: Sequence[date], frame: pd.DataFrame, splits: Sequence[tuple[date, float]]) -> list[PriceRow]:
    """The rows as traded. A row without any price is left out, as a session without a bar."""
    rows = []
    for day, values in zip(days, frame[list(COLUMNS[:6])].itertuples(index=False), strict=True):
        levels = [float(value) for value in values]
        if all(math.isnan(level) for level in levels[:4]):
            continue
        if not all(math.isfinite(level) for level in levels):
            raise _failed(symbol, f"a price of {day.isoformat()} is missing")
        rows.append(_as_traded(day, levels, _later_splits(day, splits)))
    return rows


def _as_traded(day: date, levels: Sequence[float], factor: float) -> PriceRow:
    opened, high, low, close, adjusted, volume = levels
    return PriceRow(
        session=day,
        open_usd=round(opened * factor, PRICE_DECIMALS),
        high_usd=round(high * factor, PRICE_DECIMALS),
        low_usd=round(low * factor, PRICE_DECIMALS),
        close_usd=round(close * factor, PRICE_DECIMALS),
        adjusted_close_usd=adjusted,
        volume_shares=float(round(volume / factor)),
    )


def _actions(splits: Sequence[tuple[date, float]], dividends: Sequence[tuple[date, float]]) -> list[ActionRow]:
    """Splits, and dividends on the scale of their ex-session, ascending by (ex-session, kind)."""
    rows = [ActionRow(day, ActionKind.SPLIT, ratio, None) for day, ratio in splits]
    rows += [ActionRow(day, ActionKind.DIVIDEND, None, round(cash * _later_splits(day, splits), CASH_DECIMALS)) for day, cash in dividends]
    return sorted(rows, key=lambda row: (row.ex_session, row.kind.value))


def _later_splits(day: date, splits: Sequence[tuple[date, float]]) -> float:
    """By how much prices of `day` were divided since: the product of the ratios of all later splits."""
    return math.prod(ratio for ex_session, ratio in splits if ex_session > day)


def _failed(symbol: str, reason: str) -> DataError:
    return DataError(
        ErrorCode.SOURCE_FAILED,
        f"yfinance gave no usable prices of {symbol} ({reason})",
        remedy="Check the symbol, the dates and the network, or try again later; nothing was written.",
    )
