"""One symbol's window: the exchange's sessions, the bars that it has, its corporate actions.

This is the broker's world, not the trader's. It is read through a `View` as of the last session's close, like everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

import numpy as np
import numpy.typing as npt

from tradinggroup.data.bundle import Bundle
from tradinggroup.data.membership import Spans, belongs, may_decide
from tradinggroup.data.records import ActionKind, Bar, CorporateAction
from tradinggroup.errors import DataError, ErrorCode

Prices = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SymbolMarket:
    """Bars of `symbol` in a window of n exchange sessions, of which it traded on m <= n.

    Attributes:
        symbol: the symbol.
        sessions: all n exchange sessions, ascending, whether the symbol traded or not.
        bar_positions: for each of the m bars its position in `sessions`, ascending.
        open_usd, high_usd, low_usd, close_usd, volume_shares: shape (m,), as the bundle holds them.
        actions: for each session the splits and dividends that take effect before its open, splits first.
        close_before_usd: the last close before the window, on the scale of that day; None where there is none.
        is_ended: whether the bundle holds no bar after the last one of the window.
        membership: when the symbol belongs to the universe; empty where that is not dated.
    """

    symbol: str
    sessions: tuple[date, ...]
    bar_positions: tuple[int, ...]
    open_usd: Prices
    high_usd: Prices
    low_usd: Prices
    close_usd: Prices
    volume_shares: Prices
    actions: tuple[tuple[CorporateAction, ...], ...]
    close_before_usd: float | None
    is_ended: bool = False
    membership: Spans = ()

    @classmethod
    def build(
        cls,
        symbol: str,
        *,
        sessions: Sequence[date],
        bars: Sequence[Bar],
        actions: Sequence[CorporateAction] = (),
        close_before_usd: float | None = None,
        is_ended: bool = False,
        membership: Spans = (),
    ) -> Self:
        """Put bars and actions on the sessions of a window.

        An action takes effect on the first session of the window that is not before its ex-session; one after the window is
        left out. Raises ValueError for a bar outside the sessions.
        """
        place = {session: position for position, session in enumerate(sessions)}
        if any(bar.session not in place for bar in bars):
            raise ValueError(f"{symbol}: a bar outside the sessions of the window")
        ordered = sorted(bars, key=lambda bar: bar.session)
        return cls(
            symbol=symbol,
            sessions=tuple(sessions),
            bar_positions=tuple(place[bar.session] for bar in ordered),
            open_usd=_column([bar.open_usd for bar in ordered]),
            high_usd=_column([bar.high_usd for bar in ordered]),
            low_usd=_column([bar.low_usd for bar in ordered]),
            close_usd=_column([bar.close_usd for bar in ordered]),
            volume_shares=_column([bar.volume_shares for bar in ordered]),
            actions=_by_session(sessions, actions),
            close_before_usd=close_before_usd,
            is_ended=is_ended,
            membership=membership,
        )

    def may_decide(self, session: date) -> bool:
        """Whether a trader is asked at the close of `session`: not where the symbol no longer belongs, or not yet."""
        return may_decide(self.membership, session)

    def belongs(self, session: date) -> bool:
        """Whether the symbol is in the universe on `session`, so that a purchase may fill on it."""
        return belongs(self.membership, session)

    def delisting_position(self, sessions: int) -> int | None:
        """The position at which a symbol that has ended has been without a bar for `sessions`; None where that does not come."""
        if not self.is_ended or not self.bar_positions:
            return None
        position = self.bar_positions[-1] + sessions
        return position if position < len(self.sessions) else None


def market_of(bundle: Bundle, symbol: str, start: date, end: date) -> SymbolMarket:
    """The window of `symbol` between two calendar days, both inclusive.

    Raises DataError DATES_OUTSIDE where no session lies between the days.
    """
    sessions = bundle.calendar.sessions(start, end)
    if not sessions:
        raise DataError(
            ErrorCode.DATES_OUTSIDE,
            "no exchange session between the dates",
            start=start,
            end=end,
            remedy=f"The bundle covers {bundle.first_session} to {bundle.last_session}.",
        )
    view = bundle.view(as_of=bundle.calendar.close_at(sessions[-1]))
    bars = view.bars(symbol, min(bundle.first_session, sessions[0]), sessions[-1])
    before = [bar for bar in bars if bar.session < sessions[0]]
    marked_on = before[-1].session if before else sessions[0] - timedelta(days=1)
    actions = view.actions(symbol, after=marked_on, through=sessions[-1])
    return SymbolMarket.build(
        symbol,
        sessions=sessions,
        bars=bars[len(before) :],
        actions=actions,
        close_before_usd=before[-1].close_usd if before else None,
        is_ended=bool(bars) and bars[-1].session < sessions[-1] and not _has_bar_after(bundle, symbol, sessions[-1]),
        membership=bundle.membership.get(symbol, ()),
    )


def _has_bar_after(bundle: Bundle, symbol: str, session: date) -> bool:
    """Whether the bundle goes on with `symbol`: what tells a halt from an end. No trader is given this."""
    if bundle.last_session <= session:
        return False
    view = bundle.view(as_of=bundle.calendar.close_at(bundle.last_session))
    return bool(view.bars(symbol, session + timedelta(days=1), bundle.last_session))


def _column(values: list[float]) -> Prices:
    column = np.array(values, dtype=np.float64)
    column.flags.writeable = False
    return column


def _by_session(sessions: Sequence[date], actions: Sequence[CorporateAction]) -> tuple[tuple[CorporateAction, ...], ...]:
    placed: list[list[CorporateAction]] = [[] for _ in sessions]
    for action in sorted(actions, key=lambda action: (action.ex_session, action.kind is not ActionKind.SPLIT)):
        position = next((index for index, session in enumerate(sessions) if session >= action.ex_session), None)
        if position is not None:
            placed[position].append(action)
    return tuple(tuple(group) for group in placed)
