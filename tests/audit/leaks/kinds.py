"""Fifteen kinds of leak. `plant(honest=False)` puts one into the code or the data; `honest=True` puts in the twin that is allowed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.audit.leaks.market import Change, dated_without_time
from tradinggroup.audit.lookahead import ACTIONS, CUT
from tradinggroup.audit.row_checks import CLOCK, FILLS, RECORDS
from tradinggroup.clock import NEW_YORK
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.data.view import PriceHistory, View
from tradinggroup.desk import trading_nodes
from tradinggroup.desk.memories import SymbolMemories

Patch = pytest.MonkeyPatch
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def NOTHING(patch: Patch, honest: bool) -> None:
    """Leaves the code as it is."""


@dataclass(frozen=True)
class Leak:
    """One kind, planted by code (`plant`), by data (`leaky`, `honest`) or by a setting."""

    name: str
    found_by: str
    """The check of the audit that must find it."""
    record: str
    """Words that the finding must name."""
    plant: Callable[[Patch, bool], None] = NOTHING
    leaky: Change | None = None
    honest: Change | None = None
    leaky_settings: Mapping[str, Any] = field(default_factory=dict)


def later(view: View, *, sessions: int = 1) -> View:
    """A view at the close of a later session: what no code may make."""
    session = view.session
    for _ in range(sessions):
        session = view.calendar.next_session(session)
    return View(view._bundle, view.calendar.close_at(session))


def tomorrows_close(patch: Patch, honest: bool) -> None:
    """The last close of the features is a mean of two: today's and tomorrow's, or yesterday's and today's."""
    closes = View.closes

    def smoothed(self: View, symbol: str, count: int) -> PriceHistory:
        history = closes(self, symbol, count)
        pair = closes(self if honest else later(self), symbol, 2).closes_usd
        return replace(history, closes_usd=np.r_[history.closes_usd[:-1], pair.mean()])

    patch.setattr(View, "closes", smoothed)


def tomorrows_news(patch: Patch, honest: bool) -> None:
    """News up to the next close, or up to the clock."""
    news = View.news
    patch.setattr(View, "news", lambda self, symbol, after: news(self if honest else later(self), symbol, after))


def new_york_for_utc(patch: Patch, honest: bool) -> None:
    """The clock as New York's wall clock shows it, read as UTC: an item is known five hours early. The twin converts it back."""
    news = View.news

    def misread(self: View, symbol: str, after: datetime) -> Any:
        wall = self.as_of.astimezone(NEW_YORK)
        offset = wall.utcoffset() or timedelta(0)
        moment = wall.astimezone(UTC) if honest else wall.replace(tzinfo=UTC) - 2 * offset
        return news(View(self._bundle, moment), symbol, after)

    patch.setattr(View, "news", misread)


def late_clock(patch: Patch, honest: bool) -> None:
    """The decision's clock an hour after the close, when wire copies have come."""
    as_of = DecisionClock.as_of
    minutes = 0 if honest else 61
    patch.setattr(DecisionClock, "as_of", lambda self, session: as_of(self, session) + timedelta(minutes=minutes))


def adjusted_level(patch: Patch, honest: bool) -> None:
    """History from the source's adjusted column beside today's close as traded; the twin adjusts by what is known."""
    closes = View.closes

    def mixed(self: View, symbol: str, count: int) -> PriceHistory:
        history = closes(self, symbol, count)
        if honest or not history.sessions:
            return history
        past = [bar.close_usd for bar in self.vendor_adjusted_bars(symbol, history.sessions[0], history.sessions[-1])]
        return replace(history, closes_usd=np.r_[past[:-1], history.closes_usd[-1]])

    patch.setattr(View, "closes", mixed)


def announced_split(patch: Patch, honest: bool) -> None:
    """History is divided by the next split in the file, known or not; the twin takes those that have come."""
    closes = View.closes

    def divided(self: View, symbol: str, count: int) -> PriceHistory:
        history = closes(self, symbol, count)
        if honest:
            return history
        actions = self._bundle.symbol_data(symbol).actions
        ahead = [action.ratio for action in actions if action.ratio and action.ex_session > self.session]
        return replace(history, closes_usd=np.r_[history.closes_usd[:-1] / (ahead or [1.0])[0], history.closes_usd[-1]])

    patch.setattr(View, "closes", divided)


def statistic_over_the_span(patch: Patch, honest: bool) -> None:
    """Closes pulled towards the mean of the bundle's whole span, or of what was known."""
    closes = View.closes

    def shrunk(self: View, symbol: str, count: int) -> PriceHistory:
        history = closes(self, symbol, count)
        prices = self._bundle.frames().prices
        known = prices[prices["known_at"] <= self.as_of] if honest else prices
        return replace(history, closes_usd=0.5 * history.closes_usd + 0.5 * known["close_usd"].mean())

    patch.setattr(View, "closes", shrunk)


def idf_over_the_corpus(patch: Patch, honest: bool) -> None:
    """Titles weighted by how rare their words are among all news of the bundle, or among what was known."""
    news = View.news

    def weighted(self: View, symbol: str, after: datetime) -> Any:
        table = self._bundle.symbol_data(symbol).news
        corpus = news(self, symbol, EPOCH) if honest else [table.item(row, derived_allowed=False) for row in table.every]
        counts = Counter(word for item in corpus for word in set(item.text.split()))
        return tuple(
            replace(item, title=f"{item.title} {_rarity(item.text, counts, len(corpus)):.3f}") for item in news(self, symbol, after)
        )

    patch.setattr(View, "news", weighted)


def _rarity(text: str, counts: Counter[str], documents: int) -> float:
    words = text.split()
    return sum(math.log((1 + documents) / (1 + counts[word])) for word in words) / max(1, len(words))


def lesson_before_its_outcome(patch: Patch, honest: bool) -> None:
    """Forecasts are labelled with the return of the session after theirs."""
    label = SymbolMemories.label_forecast
    patch.setattr(
        SymbolMemories,
        "label_forecast",
        lambda self, moment: label(self, moment if honest else replace(moment, view=_Tomorrow(moment.view))),
    )


class _Tomorrow(View):
    """A view whose closes end a session later."""

    def __init__(self, view: View) -> None:
        super().__init__(view._bundle, view.as_of)

    def closes(self, symbol: str, count: int) -> PriceHistory:
        return later(View(self._bundle, self.as_of)).closes(symbol, count)


def order_by_the_next_bar(patch: Patch, honest: bool) -> None:
    """A purchase is dropped where the next session falls; the twin looks at the session that has ended."""
    sizing = trading_nodes.sizing

    async def picky(state: Any, runtime: Any) -> Any:
        made = await sizing(state, runtime)
        moment = runtime.context
        view = moment.view if honest else later(moment.view)
        bar = view.bar(moment.symbol, view.session)
        drops = bar is not None and bar.close_usd < bar.open_usd
        shares = 0 if drops else made["sizing"].shares
        return {**made, "sizing": replace(made["sizing"], shares=shares, wanted_shares=made["sizing"].wanted_shares + (0 if drops else 1))}

    patch.setattr(trading_nodes, "sizing", picky)


def filled_forward(frames: BundleFrames) -> None:
    """Figures dated by the period that they are of, not by their filing."""
    frames.fundamentals["known_at"] = pd.Timestamp("2024-01-01 12:00", tz="UTC")
    frames.fundamentals["event_at"] = frames.fundamentals["known_at"]


def before_it_happened(frames: BundleFrames) -> None:
    """News whose publication is later than the moment at which it is said to be known."""
    frames.news["known_at"] = frames.news["event_at"] - pd.Timedelta(hours=5)


LEAKS = (
    Leak("tomorrow's close in a feature", CUT, "the bar of AAA", tomorrows_close),
    Leak("tomorrow's news", CUT, "news AAA-", tomorrows_news),
    Leak("New York's time taken for UTC", CUT, "news AAA-", new_york_for_utc),
    Leak("a clock that is an hour late", CLOCK, "is honest", late_clock),
    Leak(
        "a dated item used on its day",
        RECORDS,
        "before that day was over",
        leaky=dated_without_time(8, 0, 0),
        honest=dated_without_time(23, 59, 59),
    ),
    Leak("an adjusted level", ACTIONS, "adjusted closes", adjusted_level),
    Leak("a split before its day", ACTIONS, "splits and dividends", announced_split),
    Leak("a summary written later", RECORDS, "written later", leaky_settings={"derived_text": "allow"}),
    Leak("a lesson before its outcome", CUT, "the bar of AAA", lesson_before_its_outcome),
    Leak("idf over the whole corpus", CUT, "news AAA-", idf_over_the_corpus),
    Leak("figures before their filing", RECORDS, "before they were filed", leaky=filled_forward),
    Leak("news before it happened", RECORDS, "before it happened", leaky=before_it_happened),
    Leak("a fill in the bar of its decision", FILLS, "is honest", leaky_settings={"fill": "same_close"}),
    Leak("an order that knows the next bar", CUT, "the bar of AAA", order_by_the_next_bar),
    Leak("a statistic over the whole span", CUT, "the bar of AAA", statistic_over_the_span),
)
