"""The ports that sources of prices and of texts implement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from tradinggroup.data.plain_prices import ActionRow, PriceRow
from tradinggroup.data.sources.fetching import Fetcher


@dataclass(frozen=True, slots=True)
class SourcePrices:
    """What a source said about one symbol. Prices as traded, splits and dividends beside them."""

    symbol: str
    rows: tuple[PriceRow, ...]
    """Ascending by session. On the scale that was traded on each session, whatever split came later."""
    actions: tuple[ActionRow, ...]
    retrieved_at: datetime
    """When the source was asked, by the wall clock."""


class PriceSource(Protocol):
    """A source of daily prices."""

    @property
    def name(self) -> str:
        """What `--source` calls it."""

    @property
    def licence(self) -> str:
        """Under which terms its data may be used; kept in the bundle."""

    def fetch(self, symbol: str, start: date, end: date) -> SourcePrices:
        """Prices and actions of `symbol` from `start` to `end`, both inclusive.

        Raises DataError (SOURCE_FAILED) where it cannot be reached, knows no such symbol or has no prices; never gives an
        empty answer.
        """


@dataclass(frozen=True, slots=True)
class SourceTexts:
    """What a source said about one symbol, as lines of a plain folder (docs/data-formats.md), which are checked as those are."""

    symbol: str
    news: tuple[Mapping[str, Any], ...] = ()
    filings: tuple[Mapping[str, Any], ...] = ()
    fundamentals: tuple[Mapping[str, Any], ...] = ()


class TextSource(Protocol):
    """A source of news or filings."""

    @property
    def name(self) -> str:
        """What the command line calls it."""

    @property
    def licence(self) -> str:
        """Under which terms its data may be used; kept in the bundle."""

    @property
    def fetcher(self) -> Fetcher:
        """What asks for its documents and keeps them."""

    def fetch(self, symbol: str, start: date, end: date) -> SourceTexts:
        """Texts of `symbol` that became known from `start` to `end`, both inclusive; empty where there are none.

        Raises DataError (SOURCE_FAILED) where it cannot be reached, or answers what cannot be used.
        """
