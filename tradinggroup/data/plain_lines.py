"""Errors and small parsers that every reader of a plain folder shares: each names the file and the line."""

from __future__ import annotations

import math
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson

from tradinggroup.clock import NEW_YORK, end_of_day_new_york, parse_utc
from tradinggroup.errors import DataError, ErrorCode

PRECISIONS = ("second", "day")
EARLIEST, LATEST = date(1970, 1, 1), date(2100, 1, 1)
"""Days outside are typing mistakes; exchange calendars are built up to here only."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, for errors. `line` counts from 1; 0 means the file as a whole."""

    file: Path
    line: int

    def refuse(self, text: str, remedy: str = "Correct the file and import again; nothing was written.") -> DataError:
        """The error for what is wrong here."""
        where = f"{self.file.parent.name}/{self.file.name}"
        return DataError(ErrorCode.IMPORT_INVALID, f"{where}{f' line {self.line}' if self.line else ''}: {text}", remedy=remedy)


@dataclass(frozen=True, slots=True)
class Times:
    """When an item happened and when it could be known."""

    event_at: datetime
    known_at: datetime
    precision: str


def read_objects(file: Path) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The objects of a JSON Lines file with their places; blank lines and a byte order mark are passed over."""
    try:
        lines = file.read_bytes().removeprefix(BOM_UTF8).splitlines()
    except OSError as error:
        raise Place(file, 0).refuse(f"cannot be read ({error.strerror})") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        place = Place(file, number)
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise place.refuse(f"not JSON ({error.msg})") from None
        if not isinstance(value, dict):
            raise place.refuse("not a JSON object")
        yield place, value


def text_of(place: Place, item: Mapping[str, Any], key: str, default: str = "") -> str:
    """The text under `key`; `default` where it is absent or null."""
    value = item.get(key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise place.refuse(f"{key} is not text")
    return value


def choice_of(place: Place, item: Mapping[str, Any], key: str, choices: tuple[str, ...], default: str) -> str:
    """The text under `key`, one of `choices`."""
    value = text_of(place, item, key, default)
    if value not in choices:
        raise place.refuse(f"{key} is {value!r}, must be one of {', '.join(choices)}")
    return value


def required_text(place: Place, item: Mapping[str, Any], key: str) -> str:
    """The text under `key`, which must be there."""
    value = text_of(place, item, key).strip()
    if not value:
        raise place.refuse(f"no {key}")
    return value


def times_of(place: Place, item: Mapping[str, Any], key: str) -> Times:
    """Event and knowledge times from the text under `key` (design, Time 1).

    To the second: known then. A day alone: known at 23:59:59 in New York of that day, after its close.
    """
    text = required_text(place, item, key)
    precision = required_text(place, item, "time_precision")
    if precision not in PRECISIONS:
        raise place.refuse(f"time_precision is {precision!r}, must be one of {', '.join(PRECISIONS)}")
    if precision == "second":
        try:
            moment = parse_utc(text)
        except ValueError:
            raise place.refuse(f"{key} {text!r} is not a time with a time zone, such as 2025-01-31T21:05:00Z") from None
        check_span(place, moment.date())
        return Times(moment, moment, precision)
    day = day_of(place, key, text)
    check_span(place, day)
    return Times(datetime(day.year, day.month, day.day, tzinfo=NEW_YORK).astimezone(UTC), end_of_day_new_york(day), precision)


def day_of(place: Place, key: str, text: str) -> date:
    """`text` as a date written YYYY-MM-DD."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise place.refuse(f"{key} {text!r} is not a date written YYYY-MM-DD")
    return day


def check_span(place: Place, day: date) -> None:
    """Raises DataError (IMPORT_INVALID) for a day that no price or text of ours can have."""
    if not EARLIEST <= day <= LATEST:
        raise place.refuse(f"{day.isoformat()} is outside {EARLIEST.year} to {LATEST.year}")


def number_of(place: Place, key: str, text: str) -> float:
    """`text` as a finite number."""
    try:
        value = float(text)
    except ValueError:
        raise place.refuse(f"{key} {text!r} is not a number" if text.strip() else f"{key} is empty") from None
    if not math.isfinite(value):
        raise place.refuse(f"{key} is {text}, not a finite number")
    return value
