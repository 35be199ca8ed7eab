"""Whether a bundle holds what an experiment asks for: its symbols and its dates. Said before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.settings import Experiment


class Calendar(Protocol):
    """What is needed of an exchange calendar: sessions from `start` to `end` inclusive, and the neighbours of a day."""

    def sessions(self, start: date, end: date) -> list[date]: ...
    def previous_session(self, day: date) -> date: ...
    def next_session(self, day: date) -> date: ...


class BundleSpan(Protocol):
    """What is needed of a bundle to check an experiment against it."""

    @property
    def name(self) -> str: ...
    @property
    def symbols(self) -> Sequence[str]: ...
    @property
    def first_session(self) -> date: ...
    @property
    def last_session(self) -> date: ...
    @property
    def calendar(self) -> Calendar: ...


def check_against_bundle(experiment: Experiment, bundle: BundleSpan) -> None:
    """Raise UsageError for a symbol that the bundle lacks (SYMBOL_UNKNOWN) or dates it does not cover (DATES_OUTSIDE)."""
    for symbol in experiment.symbols:
        if symbol not in bundle.symbols:
            remedy = did_you_mean(symbol.upper(), bundle.symbols)
            raise UsageError(ErrorCode.SYMBOL_UNKNOWN, f"bundle {bundle.name} has no symbol {symbol}", remedy=remedy)
    for symbol in experiment.training_years:
        if symbol != "default" and symbol not in bundle.symbols:
            remedy = did_you_mean(symbol, ["default", *bundle.symbols])
            raise UsageError(ErrorCode.SYMBOL_UNKNOWN, f"training_years names {symbol}, which bundle {bundle.name} has not", remedy=remedy)
    starts_early = experiment.start <= bundle.calendar.previous_session(bundle.first_session)
    ends_late = experiment.end >= bundle.calendar.next_session(bundle.last_session)
    if not (starts_early or ends_late or bundle.calendar.sessions(experiment.start, experiment.end)):
        before, after = bundle.calendar.previous_session(experiment.start), bundle.calendar.next_session(experiment.end)
        raise UsageError(
            ErrorCode.DATES_OUTSIDE,
            f"no session lies between {experiment.start} and {experiment.end}: the exchange was closed",
            remedy=f"The sessions around are {before} and {after}; choose --start and --end to have one between them.",
        )
    if starts_early or ends_late:
        raise UsageError(
            ErrorCode.DATES_OUTSIDE,
            f"{experiment.start}..{experiment.end} is not covered by bundle {bundle.name}",
            remedy=f"Its sessions are {bundle.first_session}..{bundle.last_session}; choose --start and --end inside.",
        )
