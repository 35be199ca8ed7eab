"""The only door to the records of a bundle: everything as it was known at one moment.

There is no look-up without a clock. A record with `known_at > as_of` cannot come back; asking for one by date raises
LookaheadError (code LOOKAHEAD).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from tradinggroup.clock import iso_utc
from tradinggroup.data.adjust import adjusted_closes, rebased_volumes
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.records import Bar, CorporateAction, Filing, Fundamentals, NewsItem
from tradinggroup.data.symbol_data import DERIVED, SymbolData, microseconds
from tradinggroup.errors import DataError, ErrorCode, LookaheadError

if TYPE_CHECKING:
    from tradinggroup.data.bundle import Bundle

DerivedText = Literal["exclude", "allow"]


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """Closes of one symbol up to a clock, oldest first, on the scale of the newest one."""

    sessions: tuple[date, ...]
    closes_usd: npt.NDArray[np.float64]
    """(n_sessions,), adjusted for splits and dividends whose ex-session has come; the newest close is as stored."""
    newest_known_at: datetime


class View:
    """What a bundle says at `as_of`. Cheap to make: one per symbol and session."""

    __slots__ = ("_bundle", "_derived_allowed", "_micros", "as_of", "session")

    def __init__(self, bundle: Bundle, as_of: datetime, *, derived_text: DerivedText = "exclude") -> None:
        self._bundle = bundle
        self._derived_allowed = derived_text == "allow"
        self._micros = microseconds(as_of)
        self.as_of = as_of
        self.session = bundle.calendar.session_as_of(as_of)
        """The latest session that has closed by `as_of`."""

    @property
    def calendar(self) -> ExchangeCalendar:
        return self._bundle.calendar

    @property
    def symbols(self) -> tuple[str, ...]:
        return self._bundle.symbols

    @property
    def levels_unsafe(self) -> bool:
        """Whether price levels of this bundle know of later splits or dividends (design, Time 7)."""
        return self._bundle.levels_unsafe

    def has_bar(self, symbol: str, session: date) -> bool:
        """Whether `symbol` traded on `session`. Raises LookaheadError for a session that has not closed."""
        return self._position(self._data(symbol), session) is not None

    def bar(self, symbol: str, session: date) -> Bar | None:
        """The bar of `session`, None where there is none. Raises LookaheadError for a session that has not closed."""
        data = self._data(symbol)
        position = self._position(data, session)
        return None if position is None else self._bar(symbol, data, position)

    def bars(self, symbol: str, start: date, end: date) -> tuple[Bar, ...]:
        """Bars from `start` to `end`, both inclusive. Raises LookaheadError where `end` has not closed."""
        data = self._data(symbol)
        self._refuse_later(symbol, end)
        first, last = bisect_left(data.sessions, start), bisect_right(data.sessions, end)
        return tuple(self._bar(symbol, data, position) for position in range(first, last))

    def vendor_adjusted_bars(self, symbol: str, start: date, end: date) -> tuple[Bar, ...]:
        """Bars from `start` to `end`, both inclusive, on the scale of the source's own adjusted close.

        Open, high and low are multiplied by adjusted close ÷ close. That scale knows of splits and dividends after `as_of`, so
        no agent and no baseline of the default convention may ask: it is here for the convention `finsaber`, which repeats
        what was published on such prices. Returns of the bars know of nothing later, levels and share counts do.
        Raises LookaheadError where `end` has not closed, DataError (BUNDLE_INVALID) where the source gave no adjusted close.
        """
        data = self._data(symbol)
        self._refuse_later(symbol, end)
        first, last = bisect_left(data.sessions, start), bisect_right(data.sessions, end)
        return tuple(self._vendor_bar(symbol, data, position) for position in range(first, last))

    def closes(self, symbol: str, count: int) -> PriceHistory:
        """The last `count` closes by `as_of`, fewer where there are fewer, on the scale of the newest.

        Adjusted for the actions whose ex-session is not after the newest bar's session; see `adjusted_closes`.
        """
        data = self._data(symbol)
        stop = bisect_right(data.bar_known, self._micros)
        start = max(0, stop - count)
        sessions = data.sessions[start:stop]
        closes = data.closes_usd[start:stop]
        if not sessions:
            return PriceHistory((), closes, self.as_of)
        first, last = bisect_right(data.ex_sessions, sessions[0]), bisect_right(data.ex_sessions, sessions[-1])
        adjusted = adjusted_closes(sessions, closes, data.actions[first:last])
        return PriceHistory(sessions, adjusted, self.calendar.close_at(sessions[-1]))

    def mean_volume_shares(self, symbol: str, count: int) -> float | None:
        """Mean daily volume of the last `count` bars by `as_of`, of fewer where there are fewer, on the share scale of the newest.

        None without a bar, or where a volume is not known.
        """
        data = self._data(symbol)
        stop = bisect_right(data.bar_known, self._micros)
        start = max(0, stop - count)
        sessions = data.sessions[start:stop]
        if not sessions:
            return None
        first, last = bisect_right(data.ex_sessions, sessions[0]), bisect_right(data.ex_sessions, sessions[-1])
        volumes = rebased_volumes(sessions, data.volumes_shares[start:stop], data.actions[first:last])
        mean = math.fsum(volumes.tolist()) / len(sessions)
        return mean if math.isfinite(mean) else None

    def actions(self, symbol: str, after: date, through: date) -> tuple[CorporateAction, ...]:
        """Splits and dividends with `after < ex_session <= through`: an action is known from the open of its ex-session.

        Raises LookaheadError where `through` is after the latest session that has opened.
        """
        data = self._data(symbol)
        opened = self.calendar.session_opened_by(self.as_of)
        if through > opened:
            raise LookaheadError(
                f"actions of {symbol} through {through.isoformat()}", as_of=iso_utc(self.as_of), latest_open_session=opened.isoformat()
            )
        return data.actions[bisect_right(data.ex_sessions, after) : bisect_right(data.ex_sessions, through)]

    def news(self, symbol: str, after: datetime) -> tuple[NewsItem, ...]:
        """Items with `after < known_at <= as_of`, ordered by (known_at, id).

        Unless derived texts are allowed, a summary written later comes back empty, and an item that has no title besides it is left out.
        """
        table = self._data(symbol).news
        known, rows = (table.every_known, table.every) if self._derived_allowed else (table.readable_known, table.readable)
        chosen = rows[bisect_right(known, microseconds(after)) : bisect_right(known, self._micros)]
        return tuple(table.item(row, derived_allowed=self._derived_allowed) for row in chosen)

    def filings(self, symbol: str, form: str) -> tuple[Filing, ...]:
        """Filings of `form` (such as 10-K) known by `as_of`, oldest first; texts written later only where they are allowed."""
        known, filings = self._data(symbol).filings.get(form, ([], ()))
        chosen = filings[: bisect_right(known, self._micros)]
        return tuple(filing for filing in chosen if self._derived_allowed or filing.text_kind != DERIVED)

    def latest_filing(self, symbol: str, form: str, *, not_before: datetime) -> Filing | None:
        """The newest known filing of `form` that became known at or after `not_before`, else None."""
        filings = self.filings(symbol, form)
        return filings[-1] if filings and filings[-1].known_at >= not_before else None

    def latest_fundamentals(self, symbol: str, form: str) -> Fundamentals | None:
        """The figures of `form` that were filed last by `as_of`, else None."""
        known, statements = self._data(symbol).fundamentals.get(form, ([], ()))
        position = bisect_right(known, self._micros)
        return statements[position - 1] if position else None

    def _data(self, symbol: str) -> SymbolData:
        return self._bundle.symbol_data(symbol)

    def _position(self, data: SymbolData, session: date) -> int | None:
        self._refuse_later("a bar", session)
        position = bisect_left(data.sessions, session)
        return position if position < len(data.sessions) and data.sessions[position] == session else None

    def _refuse_later(self, what: str, day: date) -> None:
        if day > self.session:
            raise LookaheadError(f"{what} of {day.isoformat()}", as_of=iso_utc(self.as_of), latest_closed_session=self.session.isoformat())

    def _vendor_bar(self, symbol: str, data: SymbolData, position: int) -> Bar:
        adjusted_usd = float(data.vendor_closes_usd[position])
        bar = self._bar(symbol, data, position)
        if not adjusted_usd > 0:
            raise DataError(
                ErrorCode.BUNDLE_INVALID,
                f"no adjusted close of {symbol}",
                session=bar.session,
                remedy="The convention finsaber needs one for every session; import a source that has them.",
            )
        factor = adjusted_usd / bar.close_usd
        return replace(
            bar, open_usd=bar.open_usd * factor, high_usd=bar.high_usd * factor, low_usd=bar.low_usd * factor, close_usd=adjusted_usd
        )

    def _bar(self, symbol: str, data: SymbolData, position: int) -> Bar:
        session = data.sessions[position]
        return Bar(
            symbol,
            session,
            float(data.opens_usd[position]),
            float(data.highs_usd[position]),
            float(data.lows_usd[position]),
            float(data.closes_usd[position]),
            float(data.volumes_shares[position]),
            self.calendar.close_at(session),
        )
