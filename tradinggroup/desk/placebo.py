"""Placebo evidence: news and filings of the same symbol's past in the place of today's (`--placebo news,filings`).

What an agent reads is true, of its time and well formed; it only has nothing to do with the session. So whatever a run earns by it
was not earned by reading. Nothing here is newer than the clock: a donor lies before the session it stands in for.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta

from tradinggroup.data.bundle import Bundle
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.data.records import Filing, Fundamentals
from tradinggroup.data.view import DerivedText, View
from tradinggroup.reflection.chance import stream

JUST_BEFORE = timedelta(microseconds=1)


class PlaceboViews:
    """The views of one symbol in which its evidence is replaced; each depends on (seed, symbol, session) alone."""

    def __init__(
        self, bundle: Bundle, symbol: str, *, clock: DecisionClock, what: Collection[str], seed: int, derived_text: DerivedText
    ) -> None:
        self._bundle = bundle
        self._clock = clock
        self._symbol = symbol
        self._what = frozenset(what)
        self._seed = seed
        self._derived_text = derived_text

    def news(self, view: View, after: datetime) -> tuple[View, datetime]:
        """(view, after) of the session whose news is read at the clock of `view`.

        The donor is drawn from all sessions of the bundle before the present one, with news or without. On the bundle's first
        session there is none: the same view then, from its own clock on, so that no news is read.
        """
        if "news" not in self._what:
            return view, after
        past = self._sessions_before(view.session)
        if not past:
            return view, view.as_of
        generator = stream(self._seed, symbol=self._symbol, session=view.session, purpose="placebo of news")
        donor = past[int(generator.integers(len(past)))]
        return self._view(self._clock.as_of(donor)), self._clock.as_of(self._bundle.calendar.previous_session(donor))

    def reports(self, view: View) -> View:
        """A view at the same clock whose latest filing of each form is an earlier one, drawn anew at each session."""
        if "filings" not in self._what:
            return view
        return EarlierFilings(self._bundle, view.as_of, seed=self._seed, derived_text=self._derived_text)

    def _view(self, clock: datetime) -> View:
        return self._bundle.view(clock, derived_text=self._derived_text)

    def _sessions_before(self, session: date) -> list[date]:
        calendar, first = self._bundle.calendar, self._bundle.first_session
        return calendar.sessions(first, calendar.previous_session(session)) if session > first else []


class EarlierFilings(View):
    """A view whose latest filing of a form is an earlier one, with the figures that were known beside it; without one, none."""

    __slots__ = ("_seed", "_text")

    def __init__(self, bundle: Bundle, as_of: datetime, *, seed: int, derived_text: DerivedText) -> None:
        super().__init__(bundle, as_of, derived_text=derived_text)
        self._seed = seed
        self._text: DerivedText = derived_text

    def latest_filing(self, symbol: str, form: str, *, not_before: datetime) -> Filing | None:
        """The filing that was the newest at the donor's clock, if it was not too old then."""
        clock = self._donor_clock(symbol, form)
        return None if clock is None else self._at(clock).latest_filing(symbol, form, not_before=not_before - (self.as_of - clock))

    def latest_fundamentals(self, symbol: str, form: str) -> Fundamentals | None:
        """The figures that were the newest at the donor's clock."""
        clock = self._donor_clock(symbol, form)
        return None if clock is None else self._at(clock).latest_fundamentals(symbol, form)

    def _at(self, clock: datetime) -> View:
        return self._bundle.view(clock, derived_text=self._text)

    def _donor_clock(self, symbol: str, form: str) -> datetime | None:
        """The last moment at which an earlier filing was the newest of its form; None where there is no earlier one."""
        moments = sorted({filing.known_at for filing in self.filings(symbol, form)})
        if len(moments) < 2:
            return None
        generator = stream(self._seed, symbol=symbol, session=self.session, purpose=f"placebo of filings, {form}")
        return moments[int(generator.integers(1, len(moments)))] - JUST_BEFORE
