"""When each symbol belonged to the universe: `membership.csv` beside an imported folder, kept in the bundle.

A decision at a close fills on the next session, so a symbol is decided from the close of its first session on, and no more at the
close of its last one: there whatever is held is sold, at the fill of any order made at that close. Nothing later than the last
session itself is looked at, so a leave that was announced on the very day is not anticipated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from tradinggroup.data.plain_lines import Place, day_of
from tradinggroup.data.plain_prices import csv_rows

MEMBERSHIP_FILE = "membership.csv"
MEMBERSHIP_COLUMNS = ("symbol", "from", "to")

Spans = tuple[tuple[date, date | None], ...]
"""First and last session of each time that a symbol belonged, both inclusive, ascending; None where it still belongs. Empty: not dated."""


def may_decide(spans: Spans, session: date) -> bool:
    """Whether a decision at the close of `session` fills while the symbol belongs. Always, where it is not dated."""
    return not spans or any(first <= session and (last is None or session < last) for first, last in spans)


def belongs(spans: Spans, session: date) -> bool:
    """Whether the symbol belongs on `session`. Always, where it is not dated."""
    return not spans or any(first <= session and (last is None or session <= last) for first, last in spans)


def read_membership(folder: Path, symbols: Sequence[str]) -> dict[str, Spans]:
    """The spans of those of `symbols` that the file names; none without a file. Raises DataError (IMPORT_INVALID) with the line."""
    file = folder / MEMBERSHIP_FILE
    if not file.exists():
        return {}
    placed: dict[str, list[tuple[Place, date, date | None]]] = {}
    for place, fields in csv_rows(file, MEMBERSHIP_COLUMNS):
        first, last = day_of(place, "from", fields["from"].strip()), fields["to"].strip()
        until = day_of(place, "to", last) if last else None
        if until is not None and until < first:
            raise place.refuse(f"to {until} is before from {first}")
        placed.setdefault(fields["symbol"].strip(), []).append((place, first, until))
    return {symbol: _ordered(placed[symbol]) for symbol in sorted(symbols) if symbol in placed}


def _ordered(spans: list[tuple[Place, date, date | None]]) -> Spans:
    ordered = sorted(spans, key=lambda span: span[1])
    for (_, _, until), (place, first, _) in pairwise(ordered):
        if until is None or first <= until:
            raise place.refuse(f"from {first} lies inside the span before it")
    return tuple((first, until) for _, first, until in ordered)


def plain_membership(membership: Mapping[str, Spans]) -> dict[str, list[list[str | None]]]:
    """As `bundle.json` keeps it."""
    return {
        symbol: [[first.isoformat(), last.isoformat() if last else None] for first, last in membership[symbol]] for symbol in membership
    }


def membership_of(plain: Mapping[str, Any]) -> dict[str, Spans]:
    """The inverse. Raises ValueError, TypeError or AttributeError for what it cannot be."""
    return {
        symbol: tuple((date.fromisoformat(first), date.fromisoformat(last) if last else None) for first, last in spans)
        for symbol, spans in plain.items()
    }
