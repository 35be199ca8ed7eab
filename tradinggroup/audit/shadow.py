"""A bundle that is altered behind a clock: what comes after the session that is being decided is gone, or absurd.

The clock is set from outside, session by session, and does not depend on the moment that the desk asks for. So code that asks for a
later moment finds nothing there, or nonsense, and what it makes of that differs from what it made of the whole bundle.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar

from tradinggroup.data.bundle import Bundle
from tradinggroup.data.bundle_format import TABLES, BundleFrames
from tradinggroup.data.symbol_data import NewsTable, SymbolData, microseconds

Record = TypeVar("Record")


class Alteration(Protocol):
    """What is done to everything that became known after a clock."""

    def symbol(self, symbol: str, data: SymbolData, clock: datetime) -> SymbolData:
        """The rows of one symbol, altered after `clock`. `data` itself is not touched."""
        ...

    def frames(self, frames: BundleFrames, clock: datetime) -> BundleFrames:
        """The five tables, altered after `clock`."""
        ...


class ShadowBundle(Bundle):
    """`whole`, altered after `clock`. For one symbol's desk at a time: the clock is moved between two decisions."""

    def __init__(self, whole: Bundle, alteration: Alteration, clock: datetime) -> None:
        self.__dict__.update(whole.__dict__)
        self._whole = whole
        self._alteration = alteration
        self.set_clock(clock)

    def set_clock(self, clock: datetime) -> None:
        """Alter everything after `clock` from now on."""
        self._clock = clock
        self._shadows: dict[str, SymbolData] = {}

    def symbol_data(self, symbol: str) -> SymbolData:
        """The altered rows of `symbol`. Raises DataError (SYMBOL_UNKNOWN)."""
        if symbol not in self._shadows:
            self._shadows[symbol] = self._alteration.symbol(symbol, self._whole.symbol_data(symbol), self._clock)
        return self._shadows[symbol]

    def frames(self) -> BundleFrames:
        """The altered tables."""
        return self._alteration.frames(self._whole.frames(), self._clock)


@dataclass(frozen=True, slots=True)
class Cut:
    """Removes what became known after the clock."""

    reach: Mapping[str, datetime | None]
    """Tables that reach further than the clock: up to this moment, or whole (None). The search for a leaking record uses it."""

    def symbol(self, symbol: str, data: SymbolData, clock: datetime) -> SymbolData:  # noqa: ARG002 (the port's signature)
        """The rows of one symbol up to the clock."""
        bars = self._place(data.bar_known, "prices", clock)
        # An action is known from the open of its ex-session on, and ex-sessions ascend.
        actions = self._place([microseconds(action.known_at) for action in data.actions], "actions", clock)
        return replace(
            data,
            sessions=data.sessions[:bars],
            bar_known=data.bar_known[:bars],
            opens_usd=data.opens_usd[:bars],
            highs_usd=data.highs_usd[:bars],
            lows_usd=data.lows_usd[:bars],
            closes_usd=data.closes_usd[:bars],
            vendor_closes_usd=data.vendor_closes_usd[:bars],
            volumes_shares=data.volumes_shares[:bars],
            actions=data.actions[:actions],
            ex_sessions=data.ex_sessions[:actions],
            news=_CutNews(data.news, self._micros("news", clock)),
            filings={form: self._records(each, "filings", clock) for form, each in data.filings.items()},
            fundamentals={form: self._records(each, "fundamentals", clock) for form, each in data.fundamentals.items()},
        )

    def frames(self, frames: BundleFrames, clock: datetime) -> BundleFrames:
        """The rows of every table that were known by the clock."""
        kept = {}
        for name in TABLES:
            frame, end = getattr(frames, name), self.reach.get(name, clock)
            kept[name] = frame if end is None else frame[frame["known_at"] <= end]
        return BundleFrames(**kept)

    def _records(self, known: tuple[list[int], tuple[Record, ...]], table: str, clock: datetime) -> tuple[list[int], tuple[Record, ...]]:
        place = self._place(known[0], table, clock)
        return known[0][:place], known[1][:place]

    def _place(self, known: list[int], table: str, clock: datetime) -> int:
        end = self._micros(table, clock)
        return len(known) if end is None else bisect_right(known, end)

    def _micros(self, table: str, clock: datetime) -> int | None:
        end = self.reach.get(table, clock)
        return None if end is None else microseconds(end)


class _CutNews(NewsTable):
    """The news that was known by a moment."""

    def __init__(self, whole: NewsTable, end: int | None) -> None:
        self.__dict__.update(whole.__dict__)
        if end is not None:
            every, readable = bisect_right(whole.every_known, end), bisect_right(whole.readable_known, end)
            self.every, self.every_known = whole.every[:every], whole.every_known[:every]
            self.readable, self.readable_known = whole.readable[:readable], whole.readable_known[:readable]


WHOLE = Cut(reach=dict.fromkeys(TABLES))
"""Removes nothing."""
AT_THE_CLOCK = Cut(reach={})
"""Removes every record that became known after the clock."""
