"""The sessions of one symbol on one scale, for baselines that look at prices: nothing later bends an earlier bit.

The scale is that of the first bar: from a split or dividend on, later prices are multiplied by what it took from them. So a value
depends on bars and actions up to its own session only, and a whole series can be prepared at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

import numpy as np
import numpy.typing as npt

from tradinggroup.data.adjust import close_before, dividend_factor
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.records import ActionKind, Bar, CorporateAction

Prices = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SessionHistory:
    """Bars of `symbol` from the start of the bundle to the end of the window, ascending. Prices of shape (n,).

    `place_in_month` says which session of its month, by the exchange's calendar, each bar stands on, from 1 on.
    """

    symbol: str
    sessions: tuple[date, ...]
    open_usd: Prices
    high_usd: Prices
    low_usd: Prices
    close_usd: Prices
    place_in_month: tuple[int, ...]

    def count_before(self, day: date) -> int:
        """How many bars are before `day`: the place of the first one that is not."""
        return bisect_left(self.sessions, day)

    @classmethod
    def build(
        cls, symbol: str, bars: Sequence[Bar], actions: Sequence[CorporateAction] = (), *, place_in_month: Sequence[int] | None = None
    ) -> SessionHistory:
        """Bring ascending bars to the scale of the first one; actions before it are of no account."""
        sessions = tuple(bar.session for bar in bars)
        closes = np.array([bar.close_usd for bar in bars], dtype=np.float64)
        factors = _factors(sessions, closes, actions)
        return cls(
            symbol,
            sessions,
            np.array([bar.open_usd for bar in bars], dtype=np.float64) * factors,
            np.array([bar.high_usd for bar in bars], dtype=np.float64) * factors,
            np.array([bar.low_usd for bar in bars], dtype=np.float64) * factors,
            closes * factors,
            tuple(place_in_month) if place_in_month is not None else (0,) * len(sessions),
        )


def history_of(bundle: Bundle, symbol: str, end: date) -> SessionHistory:
    """All sessions of `symbol` up to calendar day `end`, inclusive, through a view as of the last one's close."""
    sessions = bundle.calendar.sessions(bundle.first_session, end)
    view = bundle.view(as_of=bundle.calendar.close_at(sessions[-1]))
    bars = view.bars(symbol, sessions[0], sessions[-1])
    actions = view.actions(symbol, after=bars[0].session, through=sessions[-1]) if bars else ()
    return SessionHistory.build(symbol, bars, actions, place_in_month=_places_in_month(bundle, bars))


def _places_in_month(bundle: Bundle, bars: Sequence[Bar]) -> list[int]:
    if not bars:
        return []
    first = bars[0].session.replace(day=1)
    places: dict[date, int] = {}
    for _, month in groupby(bundle.calendar.sessions(first, bars[-1].session), key=lambda session: (session.year, session.month)):
        places.update({session: place for place, session in enumerate(month, start=1)})
    return [places[bar.session] for bar in bars]


def _factors(sessions: Sequence[date], closes_usd: Prices, actions: Sequence[CorporateAction]) -> Prices:
    """What each bar is multiplied by. Dividends stand on the scale of their ex-session, as in `data.adjust`."""
    factors = np.ones(len(sessions))
    for action in sorted(actions, key=lambda action: (action.ex_session, action.kind is ActionKind.DIVIDEND)):
        previous_usd = close_before(action.ex_session, sessions, closes_usd, actions)
        if previous_usd is not None:
            change = (action.ratio or 1.0) if action.kind is ActionKind.SPLIT else 1 / dividend_factor(action, previous_usd)
            factors[bisect_left(sessions, action.ex_session) :] *= change
    return factors
