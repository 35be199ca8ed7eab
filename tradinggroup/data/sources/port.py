"""The port that a source of prices implements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from tradinggroup.data.plain_prices import ActionRow, PriceRow


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
