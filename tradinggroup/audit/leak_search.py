"""Which record leaked: tables, then moments, are given back to a session until it comes out as in the run again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cached_property

from tradinggroup.audit.observed import Observed
from tradinggroup.audit.passes import Reference, Workshop, run_shadow
from tradinggroup.audit.poison import PARTS, Poison
from tradinggroup.audit.shadow import AT_THE_CLOCK, WHOLE, Alteration, Cut
from tradinggroup.clock import iso_utc
from tradinggroup.data.bundle_format import TABLES

UNKNOWN = "not found by giving tables back"
_LEVELS = {
    "prices": "bars after the clock",
    "actions": "splits and dividends after the clock",
    "adjusted": "adjusted closes, which know of later splits and dividends",
    "news": "news after the clock",
    "filings": "filings after the clock",
    "fundamentals": "fundamentals after the clock",
}


class LeakSearch:
    """For one session of one symbol whose shadow differs from the run."""

    def __init__(self, shop: Workshop, reference: Reference, session: date) -> None:
        self._shop = shop
        self._reference = reference
        self._session = session
        self._clock = shop.clock(session)

    def behind_cut(self) -> str:
        """The earliest record whose return changes what the cut bundle gave; in words."""
        sessions = next((each for each in self._ways if not self._see(WHOLE, each).is_like(self._see(AT_THE_CLOCK, each))), None)
        if sessions is None:
            return UNKNOWN
        cut, whole = self._see(AT_THE_CLOCK, sessions), self._see(WHOLE, sessions)
        changing: list[str] = []
        for table in TABLES:
            seen = self._see(Cut({table: None}), sessions)
            if seen.is_like(whole):
                changing.insert(0, table)
            elif not seen.is_like(cut):
                changing.append(table)
        if not changing:
            return UNKNOWN
        return self._first_record(changing[0], lambda moment: not self._see(Cut({changing[0]: moment}), sessions).is_like(cut))

    def behind_poison(self) -> tuple[str, str]:
        """(part, words): the part of the poison that alone makes a difference; an empty part where none does."""
        bundle = self._shop.inputs.bundle
        for sessions in self._ways:
            whole = self._see(WHOLE, sessions)
            for part in PARTS:
                if not self._see(Poison(bundle.calendar, bundle.basis, (part,)), sessions).is_like(whole):
                    return part, _LEVELS[part]
        return "", UNKNOWN

    @cached_property
    def _ways(self) -> list[Sequence[date]]:
        """The session alone, which is quick; then with all before it, whose memory may be what leaks."""
        sessions = self._reference.sessions
        return [(self._session,), sessions[: bisect_right(sessions, self._session)]]

    def _see(self, alteration: Alteration, sessions: Sequence[date]) -> Observed:
        *_, last = run_shadow(self._shop, self._reference, alteration, sessions)
        return last

    def _first_record(self, table: str, is_changed: Callable[[datetime], bool]) -> str:
        """The record of `table` that is the first to change something, by halving the moments after the clock."""
        moments = self._moments(table)
        low, high = 0, len(moments)
        if moments and is_changed(moments[0]):  # most leaks are of the very next record
            high = 1
        while low + 1 < high:
            middle = (low + high - 1) // 2
            low, high = (low, middle + 1) if is_changed(moments[middle]) else (middle + 1, high)
        return self._named(table, moments[low]) if low < len(moments) else _LEVELS[table]

    def _moments(self, table: str) -> list[datetime]:
        known = getattr(self._shop.inputs.bundle.frames(), table)["known_at"]
        later = sorted(set(known[known > self._clock]))
        return [moment.to_pydatetime().astimezone(UTC) for moment in later]

    def _named(self, table: str, moment: datetime) -> str:
        frame = getattr(self._shop.inputs.bundle.frames(), table)
        rows = frame[frame["known_at"] == moment]
        own = rows[rows["symbol"] == self._reference.symbol]
        row = (own if len(own) else rows).iloc[0]
        known = f"known at {iso_utc(moment)}"
        if table == "prices":
            return f"the bar of {row['symbol']} on {row['session']}, {known}"
        if table == "actions":
            return f"the {row['kind']} of {row['symbol']} on {row['ex_session']}, {known}"
        if table == "news":
            return f"news {row['id']} of {row['symbol']}, {known}"
        return f"the {row['form']} of {row['symbol']} for {row['period'] or 'no stated period'} ({table}), {known}"
