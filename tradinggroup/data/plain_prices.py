"""Prices and corporate actions of a plain folder: `prices/SYMBOL.csv`, `actions/SYMBOL.csv`."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path

from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.plain_lines import Place, check_span, day_of, number_of
from tradinggroup.data.records import ActionKind

PRICE_COLUMNS = ("Date", "Open", "High", "Low", "Close", "Adj Close", "Volume")
LEVEL_COLUMNS = ("Open", "High", "Low", "Close", "Adj Close")
ACTION_COLUMNS = ("ex_session", "kind", "ratio", "cash_usd")
ROUNDING = 1e-6
"""Relative; adjusted prices of a source can put a high below a low by its rounding."""


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One line of a price file. USD, shares."""

    session: date
    open_usd: float
    high_usd: float
    low_usd: float
    close_usd: float
    adjusted_close_usd: float
    volume_shares: float


@dataclass(frozen=True, slots=True)
class PriceFile:
    """The checked rows of one symbol, ascending by session."""

    symbol: str
    rows: tuple[PriceRow, ...]
    adjusted_decimals: int
    """Digits after the point in the Adj Close column: how finely the source rounded it."""


@dataclass(frozen=True, slots=True)
class ActionRow:
    """A split (`ratio`) or a dividend (`cash_usd` a share), effective before the open of `ex_session`."""

    ex_session: date
    kind: ActionKind
    ratio: float | None
    cash_usd: float | None


def read_prices(file: Path, exchange: str) -> PriceFile:
    """The prices of one file. Raises DataError (IMPORT_INVALID) that names the line of the first thing that cannot be used."""
    placed = [(place, _price_row(place, fields), fields["Adj Close"]) for place, fields in csv_rows(file, PRICE_COLUMNS)]
    if not placed:
        raise Place(file, 0).refuse("no prices")
    _check_order([(place, row.session) for place, row, _ in placed])
    _check_sessions([(place, row.session) for place, row, _ in placed], exchange)
    decimals = max(len(text.strip().partition(".")[2]) for _, _, text in placed)
    return PriceFile(file.stem, tuple(row for _, row, _ in placed), decimals)


def read_actions(file: Path, exchange: str) -> tuple[ActionRow, ...]:
    """The actions of one file, ascending by ex-session. Raises DataError (IMPORT_INVALID) as `read_prices` does."""
    placed = [(place, _action_row(place, fields)) for place, fields in csv_rows(file, ACTION_COLUMNS)]
    seen: set[tuple[date, ActionKind]] = set()
    for place, row in placed:
        if (row.ex_session, row.kind) in seen:
            raise place.refuse(f"a second {row.kind.value} on {row.ex_session.isoformat()}")
        seen.add((row.ex_session, row.kind))
    _check_sessions([(place, row.ex_session) for place, row in placed], exchange)
    return tuple(sorted((row for _, row in placed), key=lambda row: (row.ex_session, row.kind.value)))


def csv_rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[Place, dict[str, str]]]:
    """The lines of a CSV file as {column: text}, with their places."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text)
            header = [name.strip() for name in next(reader, [])]
            for name in columns:
                if name not in header:
                    raise Place(file, 1).refuse(f"no column {name!r}", remedy=f"The columns are {','.join(columns)}.")
            for fields in reader:
                if not fields:
                    continue
                place = Place(file, reader.line_num)
                if len(fields) != len(header):
                    raise place.refuse(f"{len(fields)} fields under {len(header)} columns")
                yield place, dict(zip(header, fields, strict=True))
    except OSError as error:
        raise Place(file, 0).refuse(f"cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise Place(file, 0).refuse("not UTF-8 text") from None
    except csv.Error as error:
        raise Place(file, 0).refuse(f"not CSV ({error})") from None


def _price_row(place: Place, fields: dict[str, str]) -> PriceRow:
    session = day_of(place, "Date", fields["Date"].strip())
    levels = {name: number_of(place, name, fields[name]) for name in LEVEL_COLUMNS}
    volume = number_of(place, "Volume", fields["Volume"])
    for name, value in levels.items():
        if value <= 0:
            raise place.refuse(f"{name} is {value}, must be above zero")
    if volume < 0:
        raise place.refuse(f"Volume is {volume}, must not be negative")
    if levels["High"] < levels["Low"] * (1 - ROUNDING):
        raise place.refuse(f"High {levels['High']} is below Low {levels['Low']}")
    return PriceRow(
        session=session,
        open_usd=levels["Open"],
        high_usd=levels["High"],
        low_usd=levels["Low"],
        close_usd=levels["Close"],
        adjusted_close_usd=levels["Adj Close"],
        volume_shares=volume,
    )


def _action_row(place: Place, fields: dict[str, str]) -> ActionRow:
    ex_session = day_of(place, "ex_session", fields["ex_session"].strip())
    kind_text = fields["kind"].strip()
    if kind_text not in tuple(ActionKind):
        raise place.refuse(f"kind is {kind_text!r}, must be split or dividend")
    kind = ActionKind(kind_text)
    column, other = ("ratio", "cash_usd") if kind is ActionKind.SPLIT else ("cash_usd", "ratio")
    value = number_of(place, column, fields[column])
    if value <= 0:
        raise place.refuse(f"{column} is {value}, must be above zero")
    if fields[other].strip():
        raise place.refuse(f"a {kind.value} has no {other}")
    return ActionRow(ex_session, kind, *((value, None) if kind is ActionKind.SPLIT else (None, value)))


def _check_order(days: Sequence[tuple[Place, date]]) -> None:
    for (_, before), (place, day) in pairwise(days):
        if day == before:
            raise place.refuse(f"a second row for {day.isoformat()}")
        if day < before:
            raise place.refuse(f"{day.isoformat()} comes after {before.isoformat()}; rows must ascend by date")


def _check_sessions(days: Sequence[tuple[Place, date]], exchange: str) -> None:
    """Raises for a day on which the exchange was closed."""
    for place, day in days:
        check_span(place, day)
    if not days:
        return
    calendar = ExchangeCalendar(exchange, first=min(day for _, day in days), last=max(day for _, day in days))
    for place, day in days:
        if not calendar.is_session(day):
            raise place.refuse(f"{day.isoformat()} is no session of {exchange}", remedy="Remove the row: the exchange was closed that day.")
