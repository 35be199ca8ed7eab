"""The market of one account as the second set of books reads it: sessions, bars, splits and dividends, straight from the bundle.

It leaves out the engine's own view of a window (`backtest/market.py`) on purpose: see `runs/books/ledger.py`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tradinggroup.data.bundle import Bundle
from tradinggroup.data.records import Bar, CorporateAction


@dataclass(frozen=True, slots=True)
class Tape:
    """What the exchange printed over a window. Sessions are ISO dates, as in the files."""

    sessions: tuple[str, ...]
    bars: Mapping[str, Bar]
    actions: Mapping[int, Sequence[CorporateAction]]
    """Place of a session -> what takes effect before its open: splits, then dividends."""
    mark_usd: float | None
    """The last close before the window."""
    is_ended: bool
    """Whether the symbol has no bar in the last session of the window, and none after it."""
    membership: Sequence[tuple[date, date | None]] = ()
    """First and last session of each time that the symbol belonged to the universe; empty where that is not dated."""

    def belongs(self, session: str) -> bool:
        """Whether it may be bought on a session."""
        day = date.fromisoformat(session)
        return not self.membership or any(first <= day <= (last or day) for first, last in self.membership)

    def delisted_at(self, sessions_without_bar: int) -> int | None:
        """Place of the session at which an ended symbol has been without a bar for so long; None where the window ends before."""
        if not self.is_ended or not self.bars:
            return None
        place = self.sessions.index(max(self.bars)) + sessions_without_bar
        return place if place < len(self.sessions) else None


def tape_of(bundle: Bundle, symbol: str, start: date, end: date) -> Tape:
    """The tape of `symbol` from session `start` to session `end`, both inclusive."""
    sessions, last = bundle.calendar.sessions(start, end), bundle.last_session
    view = bundle.view(as_of=bundle.calendar.close_at(max(last, end)))
    bars = {bar.session: bar for bar in view.bars(symbol, min(bundle.first_session, start), max(last, end))}
    before = [session for session in bars if session < start]
    marked_on = before[-1] if before else start - timedelta(days=1)
    return Tape(
        sessions=tuple(session.isoformat() for session in sessions),
        bars={session.isoformat(): bar for session, bar in bars.items() if start <= session <= end},
        actions=placed_actions(sessions, view.actions(symbol, after=marked_on, through=end)),
        mark_usd=bars[before[-1]].close_usd if before else None,
        is_ended=not any(session >= sessions[-1] for session in bars),
        membership=bundle.membership.get(symbol, ()),
    )


def placed_actions(sessions: Sequence[date], actions: Sequence[CorporateAction]) -> dict[int, list[CorporateAction]]:
    """Each action at the first session that is not before its ex-session; splits before dividends of the same day."""
    placed: dict[int, list[CorporateAction]] = {}
    for action in sorted(actions, key=lambda action: (action.ex_session, action.ratio is None)):
        place = bisect_left(sessions, action.ex_session)
        if place < len(sessions):
            placed.setdefault(place, []).append(action)
    return placed
