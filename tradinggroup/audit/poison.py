"""A future that is absurd: other prices, other texts, and a split and a dividend with every adjusted column recomputed.

What is written into the adjusted column is what a data vendor would write: every earlier price knows of the later actions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tradinggroup.data.bundle import MARKET_SYMBOL
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.records import ActionKind, CorporateAction, NewsItem, PriceBasis
from tradinggroup.data.symbol_data import NewsTable, SymbolData, microseconds

Record = TypeVar("Record", bound=Any)

SPLIT_RATIO = 7.0
DIVIDEND_FRACTION = 0.05
"""Of the last close before the clock, on the scale after the split."""
ABSURD_TEXT = "ABSURD: bankruptcy, fraud and recall, record profit, guidance raised a thousandfold, upgrade. "
ABSURD_FIGURES = {"income_statement.revenues": 1e15}
PARTS = ("prices", "actions", "adjusted", "news", "filings", "fundamentals")
"""What can be poisoned; `adjusted` is the source's adjusted close of every session, the past ones too."""


@dataclass(frozen=True, slots=True)
class Poison:
    """Makes what became known after the clock absurd."""

    calendar: ExchangeCalendar
    basis: PriceBasis
    parts: Collection[str] = PARTS

    @property
    def has_actions(self) -> bool:
        """Whether later splits and dividends can be inserted: not where the price levels have them inside already."""
        return not self.basis.levels_unsafe

    def symbol(self, symbol: str, data: SymbolData, clock: datetime) -> SymbolData:
        """The rows of one symbol with an absurd future."""
        known = bisect_right(data.bar_known, microseconds(clock))
        changed: dict[str, Any] = {}
        if "prices" in self.parts:
            changed |= _absurd_bars(data, known)
        inserted = self._inserted(symbol, data, known, clock)
        if "actions" in self.parts and inserted:
            past = tuple(action for action in data.actions if action.known_at <= clock)
            changed |= {"actions": (*past, *inserted), "ex_sessions": tuple(action.ex_session for action in (*past, *inserted))}
        if "adjusted" in self.parts:
            closes = changed.get("closes_usd", data.closes_usd)
            changed["vendor_closes_usd"] = _adjusted(data, closes, known, inserted)
        if "news" in self.parts:
            changed["news"] = _AbsurdNews(data.news, clock)
        if "filings" in self.parts:
            changed["filings"] = _absurd_records(data.filings, clock, sections=(("absurd", ABSURD_TEXT * 400),), text_kind="filer")
        if "fundamentals" in self.parts:
            changed["fundamentals"] = _absurd_records(data.fundamentals, clock, figures=ABSURD_FIGURES)
        return replace(data, **changed)

    def frames(self, frames: BundleFrames, clock: datetime) -> BundleFrames:
        """The tables with absurd bars after the clock; texts there are gone. For code that reads whole tables."""
        prices = frames.prices
        later = prices["known_at"] > clock
        for name in ("open_usd", "high_usd", "low_usd", "close_usd", "adjusted_close_usd"):
            prices.loc[later, name] = 1000.0
        kept = {name: getattr(frames, name) for name in ("actions", "news", "filings", "fundamentals")}
        return BundleFrames(prices=prices, **{name: frame[frame["known_at"] <= clock] for name, frame in kept.items()})

    def _inserted(self, symbol: str, data: SymbolData, known: int, clock: datetime) -> tuple[CorporateAction, ...]:
        if not self.has_actions or symbol == MARKET_SYMBOL or known == 0:
            return ()
        # The ex-session of the split is the second one after the clock: nobody may know of it, nor of the morning before it.
        split_day = self.calendar.next_session(self.calendar.next_session(self.calendar.session_opened_by(clock)))
        dividend_day = self.calendar.next_session(split_day)
        cash_usd = DIVIDEND_FRACTION * float(data.closes_usd[known - 1]) / SPLIT_RATIO
        return (
            CorporateAction(symbol, ActionKind.SPLIT, split_day, SPLIT_RATIO, None, self.calendar.open_at(split_day)),
            CorporateAction(symbol, ActionKind.DIVIDEND, dividend_day, None, cash_usd, self.calendar.open_at(dividend_day)),
        )


def _absurd_bars(data: SymbolData, known: int) -> dict[str, npt.NDArray[np.float64]]:
    wild = 1000.0 * (1 + np.arange(len(data.sessions) - known) % 7)
    factors = {"opens_usd": 1.0, "highs_usd": 1.5, "lows_usd": 0.5, "closes_usd": 1.2}
    bars = {name: np.concatenate([getattr(data, name)[:known], wild * factor]) for name, factor in factors.items()}
    return bars | {"volumes_shares": np.concatenate([data.volumes_shares[:known], np.ones(len(wild))])}


def _adjusted(
    data: SymbolData, closes_usd: npt.NDArray[np.float64], known: int, inserted: Sequence[CorporateAction]
) -> npt.NDArray[np.float64]:
    adjusted = np.concatenate([data.vendor_closes_usd[:known], closes_usd[known:]])
    for action in inserted:
        factor = 1 / SPLIT_RATIO if action.kind is ActionKind.SPLIT else 1 - DIVIDEND_FRACTION
        adjusted[: bisect_left(data.sessions, action.ex_session)] *= factor
    return adjusted


def _absurd_records(
    by_form: Mapping[str, tuple[list[int], tuple[Record, ...]]], clock: datetime, **changes: Any
) -> dict[str, tuple[list[int], tuple[Record, ...]]]:
    return {
        form: (known, tuple(replace(record, **changes) if record.known_at > clock else record for record in records))
        for form, (known, records) in by_form.items()
    }


class _AbsurdNews(NewsTable):
    """News in which every item after the clock says the same absurd thing."""

    def __init__(self, honest: NewsTable, clock: datetime) -> None:
        self.__dict__.update(honest.__dict__)
        self._clock = clock

    def item(self, row: int, *, derived_allowed: bool) -> NewsItem:
        """Item `row`, absurd where it became known after the clock."""
        item = super().item(row, derived_allowed=derived_allowed)
        if item.known_at <= self._clock:
            return item
        return replace(item, title=ABSURD_TEXT, summary=ABSURD_TEXT * 3, title_kind="publisher", summary_kind="publisher")
