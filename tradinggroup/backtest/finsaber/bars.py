"""Bars of the convention: the source's adjusted prices, on sessions for training, on every calendar day for trading."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.baselines.forecasts import years_before
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.records import Bar

Prices = npt.NDArray[np.float64]
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayBars:
    """Ascending bars of one symbol, one a day of `days`. All prices of shape (n,), in USD on the source's adjusted scale."""

    symbol: str
    days: tuple[date, ...]
    open_usd: Prices
    high_usd: Prices
    low_usd: Prices
    close_usd: Prices

    def between(self, start: date, end: date) -> DayBars:
        """The bars with `start <= day < end`."""
        return self._taken(np.arange(bisect_left(self.days, start), bisect_left(self.days, end)), None)

    def on_calendar_days(self) -> DayBars:
        """A bar for every calendar day from the first to the last one: a day without its own repeats the bar before it."""
        if not self.days:
            return self
        days = tuple(self.days[0] + DAY * step for step in range((self.days[-1] - self.days[0]).days + 1))
        ordinals = np.array([day.toordinal() for day in self.days])
        places = np.searchsorted(ordinals, np.array([day.toordinal() for day in days]), side="right") - 1
        return self._taken(places, days)

    def _taken(self, places: npt.NDArray[np.int64], days: tuple[date, ...] | None) -> DayBars:
        return DayBars(
            self.symbol,
            tuple(self.days[place] for place in places) if days is None else days,
            self.open_usd[places],
            self.high_usd[places],
            self.low_usd[places],
            self.close_usd[places],
        )


@dataclass(frozen=True, slots=True)
class SymbolWindow:
    """What the baselines of one symbol are made from: all its sessions before the end, and the bounds of the window.

    Attributes:
        sessions: bars of every exchange session of the bundle before `end`.
        start: first day of the window.
        end: first day after the window (exclusive).
        training_years: how many years before `start` the model baselines are fitted on.
    """

    sessions: DayBars
    start: date
    end: date
    training_years: int

    @property
    def symbol(self) -> str:
        """The symbol of the bars."""
        return self.sessions.symbol

    @property
    def training_start(self) -> date:
        """The day `training_years` before `start`; 28 February where that year has no 29th."""
        return years_before(self.start, self.training_years)

    @property
    def training_end(self) -> date:
        """First day after the training rows: the day before the window, so that the last session before the window is left out."""
        return self.start - DAY

    def trading_bars(self) -> DayBars:
        """The calendar-day bars of the window."""
        return self.sessions.between(self.start, self.end).on_calendar_days()

    def training_bars(self) -> DayBars:
        """The sessions of the training years."""
        return self.sessions.between(self.training_start, self.training_end)

    def reason_to_skip(self) -> str | None:
        """Why the convention leaves the symbol out; None where it does not.

        Every baseline, whether it is fitted or not, wants rows from `training_years` years before the window, and compares
        the year of the first one only.
        """
        earlier = self.sessions.between(self.training_start, self.start)
        if earlier.days and earlier.days[0].year <= self.start.year - self.training_years:
            return None if self.sessions.between(self.start, self.end).days else f"no bar from {self.start} to before {self.end}"
        first = f"first row of these is {earlier.days[0]}" if earlier.days else "there is none"
        return f"asks for rows from {self.training_years} years before {self.start}, but the {first}"


def window_of(bundle: Bundle, symbol: str, *, start: date, end: date, training_years: int) -> SymbolWindow:
    """The window of `symbol` between two calendar days, both inclusive, read as of the last session's close in it.

    Raises LookaheadError and DataError as `View.vendor_adjusted_bars` does.
    """
    last = bundle.calendar.sessions(start, end)[-1]
    view = bundle.view(as_of=bundle.calendar.close_at(last))
    bars = view.vendor_adjusted_bars(symbol, bundle.first_session, last)
    return SymbolWindow(day_bars(symbol, bars), start, end + DAY, training_years)


def day_bars(symbol: str, bars: Sequence[Bar]) -> DayBars:
    """Bars as columns."""
    return DayBars(
        symbol,
        tuple(bar.session for bar in bars),
        np.array([bar.open_usd for bar in bars], dtype=np.float64),
        np.array([bar.high_usd for bar in bars], dtype=np.float64),
        np.array([bar.low_usd for bar in bars], dtype=np.float64),
        np.array([bar.close_usd for bar in bars], dtype=np.float64),
    )
