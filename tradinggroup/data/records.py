"""What a bundle holds: records that say when something happened and when it could be known.

Times ending in `_at` are timezone-aware UTC; a `session` is an exchange trading date. Prices are in USD on the scale of
the bundle's price basis, volumes in shares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class ActionKind(StrEnum):
    """A corporate action that changes what a share is, or pays cash to its holder."""

    SPLIT = "split"
    DIVIDEND = "dividend"


class PriceBasis(StrEnum):
    """On which scale the prices of a bundle stand."""

    AS_TRADED = "as_traded"
    SPLIT_ADJUSTED = "split_adjusted"
    TOTAL_RETURN = "total_return"

    @property
    def levels_unsafe(self) -> bool:
        """Whether a price level knows of later splits or dividends (design, Time 7)."""
        return self is not PriceBasis.AS_TRADED

    def carries(self, kind: ActionKind) -> bool:
        """Whether prices of this basis have actions of `kind` inside already, so that applying one would count it twice."""
        return self is PriceBasis.TOTAL_RETURN or (self is PriceBasis.SPLIT_ADJUSTED and kind is ActionKind.SPLIT)


@dataclass(frozen=True, slots=True)
class Bar:
    """One symbol's session, on the bundle's price basis. Known at the session's close."""

    symbol: str
    session: date
    open_usd: float
    high_usd: float
    low_usd: float
    close_usd: float
    volume_shares: float
    known_at: datetime


@dataclass(frozen=True, slots=True)
class CorporateAction:
    """A split (`ratio` new shares for one old) or a cash dividend (`cash_usd` a share), effective before the open of `ex_session`."""

    symbol: str
    kind: ActionKind
    ex_session: date
    ratio: float | None
    cash_usd: float | None
    known_at: datetime


@dataclass(frozen=True, slots=True)
class NewsItem:
    """One news item. `derived` means that its text was written later than `known_at` says (design, Time 2)."""

    id: str
    symbol: str
    event_at: datetime
    known_at: datetime
    time_precision: str
    title: str
    title_kind: str
    summary: str
    summary_kind: str
    source: str
    url: str
    origin: str

    @property
    def text(self) -> str:
        """Title and summary as one text; either may be empty."""
        return " ".join(part for part in (self.title.strip(), self.summary.strip()) if part)


@dataclass(frozen=True, slots=True)
class Filing:
    """One filing of one company: its sections joined, known from its acceptance on."""

    id: str
    symbol: str
    form: str
    period: str
    known_at: datetime
    sections: tuple[tuple[str, str], ...]
    """(section name, text) in the order of the filing."""
    text_kind: str
    """`filer` for the company's own words, `llm` for a summary written later (derived text)."""
    url: str
    origin: str


@dataclass(frozen=True, slots=True)
class Fundamentals:
    """Figures of one statement as filed, known from the filing's acceptance on. Amounts in USD unless a name says otherwise."""

    symbol: str
    form: str
    period: str
    fiscal: str
    known_at: datetime
    figures: Mapping[str, float]
    """Flat: `statement.item` -> value."""
