"""The numbers that the demo market is made with. `docs/demo-market.md` prints them; a test compares the two."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

DEFAULT_SEED = 59
"""The seed of the committed bundle. `docs/demo-market.md` says how it was chosen."""

FIRST_SESSION = date(2022, 7, 1)
LAST_SESSION = date(2023, 12, 29)
CALENDAR_FIRST = date(2021, 6, 1)
"""Filings from before the window need sessions, too."""
CALENDAR_LAST = date(2024, 1, 31)

MOMENTUM_SESSIONS = 20
NEWS_TONE_PERSISTENCE = 0.85
"""Autocorrelation, a session, of the mood behind a company's news."""


@dataclass(frozen=True, slots=True)
class SignalStrength:
    """How much each kind of evidence moves the expected return of the next session. Zero everywhere: no edge.

    All three are known at the close before that session. `overnight_share` of the shift happens in the gap to the open,
    the rest between open and close.
    """

    news_fraction: float
    """Shift of the expected return per unit of news tone (-1 to 1)."""
    filing_fraction: float
    """Shift per unit of the tone of the newest filing (-1, 0 or 1)."""
    momentum_fraction: float
    """Shift per unit of scaled momentum (-1 to 1)."""
    overnight_share: float = 0.25


EDGE = SignalStrength(news_fraction=0.006, filing_fraction=0.0022, momentum_fraction=0.0028)
NO_EDGE = SignalStrength(news_fraction=0.0, filing_fraction=0.0, momentum_fraction=0.0)
