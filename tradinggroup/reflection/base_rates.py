"""What a forecaster could have said who knows only how often each class came: the class frequencies known at the time.

Frequencies grow with every label that became known, sessions before the window included, and start at one each (add-one
smoothing). Below 60 known labels there is no base rate: it would mostly measure its own warm-up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from tradinggroup.data.features import closes_passed, compute_features
from tradinggroup.data.view import View
from tradinggroup.reflection.outcomes import direction_of, sideways_band
from tradinggroup.reflection.records import DIRECTIONS, Direction
from tradinggroup.settings import ForecastSettings, ReflectionSettings

MINIMUM_LABELS = 60
"""Labels that must be known before frequencies count as a base rate."""


@dataclass(frozen=True, slots=True)
class KnownLabel:
    """One label of one move, and the session at whose close it became known (ISO, as in the files)."""

    session: str
    label: Direction


def base_rates(labels: Sequence[KnownLabel], asked: Sequence[str]) -> list[Mapping[str, float] | None]:
    """Probability of each class by the labels known at each of `asked`; None while fewer than `MINIMUM_LABELS` are known.

    Args:
        labels: of one symbol, in any order.
        asked: decision sessions, ISO, ascending. A label counts from the close of its own session on.
    """
    pending = sorted(labels, key=lambda each: each.session)
    counts: dict[str, int] = dict.fromkeys(DIRECTIONS, 1)
    rates: list[Mapping[str, float] | None] = []
    known = 0
    for session in asked:
        while known < len(pending) and pending[known].session <= session:
            counts[pending[known].label] += 1
            known += 1
        total = sum(counts.values())
        rates.append({label: counts[label] / total for label in DIRECTIONS} if known >= MINIMUM_LABELS else None)
    return rates


@dataclass(frozen=True, slots=True)
class EarlierLabels:
    """Labels of the sessions before a window, of one symbol: of the move to the next close, and of that from the next open."""

    close_to_close: tuple[KnownLabel, ...]
    fill_to_close: tuple[KnownLabel, ...]


def earlier_labels(view: View, symbol: str, *, before: date, forecast: ForecastSettings, settings: ReflectionSettings) -> EarlierLabels:
    """Label every session before `before` that has the history for it, exactly as a forecast of that session would be labelled.

    Args:
        view: its clock is the close of `before`; nothing newer can be used.
        symbol: whose prices.
        before: the first session with a forecast of its own.
        forecast: window of the mean absolute return, and with it the history needed.
        settings: width of the sideways band.
    """
    history = view.closes(symbol, len(view.calendar.sessions(view.calendar.first, before)))
    passed = closes_passed(forecast)
    closing, filling = [], []
    for place in range(1, len(history.sessions)):
        session, following = history.sessions[place - 1], history.sessions[place]
        features = compute_features(history.closes_usd[max(0, place - passed) : place], forecast)
        bar = view.bar(symbol, following)
        if features is None or bar is None or view.calendar.next_session(session) != following:
            continue
        band = sideways_band(features.mean_absolute_return_fraction, settings)
        known = following.isoformat()
        closing.append(KnownLabel(known, direction_of(float(history.closes_usd[place] / history.closes_usd[place - 1] - 1), band)))
        filling.append(KnownLabel(known, direction_of(bar.close_usd / bar.open_usd - 1, band)))
    return EarlierLabels(tuple(closing), tuple(filling))
