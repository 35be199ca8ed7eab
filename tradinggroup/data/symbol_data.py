"""The rows of one symbol as arrays made once, so that every look-up of a view is a binary search."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from tradinggroup.data.records import ActionKind, CorporateAction, Filing, Fundamentals, NewsItem

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DERIVED = "llm"
"""The kind of a text that was written later than its `known_at` says (design, Time 2)."""


def microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970 in UTC: times are compared as integers."""
    return (moment - EPOCH) // MICROSECOND


Record = TypeVar("Record", Filing, Fundamentals)


@dataclass(frozen=True, slots=True)
class SymbolData:
    """All rows of one symbol. Lists named `*_known` hold microseconds, ascending, one for each record beside them."""

    sessions: tuple[date, ...]
    bar_known: list[int]
    opens_usd: npt.NDArray[np.float64]
    highs_usd: npt.NDArray[np.float64]
    lows_usd: npt.NDArray[np.float64]
    closes_usd: npt.NDArray[np.float64]
    vendor_closes_usd: npt.NDArray[np.float64]
    """Adjusted closes as the source gave them, NaN where it gave none; they know of every later split and dividend."""
    volumes_shares: npt.NDArray[np.float64]
    actions: tuple[CorporateAction, ...]
    """By ex-session; a dividend before a split of the same session."""
    ex_sessions: tuple[date, ...]
    news: NewsTable
    filings: dict[str, tuple[list[int], tuple[Filing, ...]]]
    """Form -> (known, filings), oldest first."""
    fundamentals: dict[str, tuple[list[int], tuple[Fundamentals, ...]]]


class NewsTable:
    """News of one symbol by column; items are made when they are asked for.

    `readable` holds the rows that are left when derived texts are excluded: those with a title of the publisher's or of the address.
    """

    def __init__(self, rows: pa.Table) -> None:
        self._columns = {name: rows.column(name).to_pylist() for name in rows.column_names if not name.endswith("_at")}
        self._known = _known(rows)
        self._event = _micros(rows, "event_at")
        self._derived = [kind == DERIVED for kind in self._columns["summary_kind"]]
        self.every = list(range(len(self._known)))
        self.readable = [row for row in self.every if not self._derived[row] or self._has_title(row)]
        self.every_known = self._known
        self.readable_known = [self._known[row] for row in self.readable]

    def _has_title(self, row: int) -> bool:
        return bool(self._columns["title"][row].strip()) and self._columns["title_kind"][row] != "none"

    def item(self, row: int, *, derived_allowed: bool) -> NewsItem:
        """Item `row`; a derived summary is left empty unless it is allowed; its kind stays and says why."""
        columns = self._columns
        hidden = self._derived[row] and not derived_allowed
        return NewsItem(
            columns["id"][row],
            columns["symbol"][row],
            EPOCH + timedelta(microseconds=self._event[row]),
            EPOCH + timedelta(microseconds=self._known[row]),
            columns["time_precision"][row],
            columns["title"][row],
            columns["title_kind"][row],
            "" if hidden else columns["summary"][row],
            columns["summary_kind"][row],
            columns["source"][row],
            columns["url"][row],
            columns["origin"][row],
        )


def load_symbol(symbol: str, tables: Mapping[str, pa.Table]) -> SymbolData:
    """The rows of `symbol` out of the sorted tables of a bundle."""
    rows = {name: table.filter(pc.equal(table.column("symbol"), symbol)) for name, table in tables.items()}
    prices = rows["prices"]
    actions = action_records(rows["actions"])
    return SymbolData(
        sessions=tuple(prices.column("session").to_pylist()),
        bar_known=_known(prices),
        opens_usd=_floats(prices, "open_usd"),
        highs_usd=_floats(prices, "high_usd"),
        lows_usd=_floats(prices, "low_usd"),
        closes_usd=_floats(prices, "close_usd"),
        vendor_closes_usd=_floats(prices, "adjusted_close_usd"),
        volumes_shares=_floats(prices, "volume_shares"),
        actions=actions,
        ex_sessions=tuple(action.ex_session for action in actions),
        news=NewsTable(rows["news"]),
        filings=_by_form(_filings(rows["filings"])),
        fundamentals=_by_form([_fundamentals(row) for row in rows["fundamentals"].to_pylist()]),
    )


def _micros(rows: pa.Table, column: str) -> list[int]:
    values: list[int] = rows.column(column).cast(pa.int64()).to_pylist()
    return values


def _known(rows: pa.Table) -> list[int]:
    return _micros(rows, "known_at")


def _floats(rows: pa.Table, column: str) -> npt.NDArray[np.float64]:
    values = np.array(rows.column(column).to_numpy(), dtype=np.float64)
    values.flags.writeable = False
    return values


def action_records(rows: pa.Table) -> tuple[CorporateAction, ...]:
    """The rows of an actions table as records, in its order."""
    return tuple(
        CorporateAction(
            row["symbol"], ActionKind(row["kind"]), row["ex_session"], row["ratio"], row["cash_usd"], row["known_at"].astimezone(UTC)
        )
        for row in rows.to_pylist()
    )


def _filings(rows: pa.Table) -> list[Filing]:
    """Sections joined by filing; the table is sorted by (known_at, id, position)."""
    grouped: dict[str, list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        grouped.setdefault(row["id"], []).append(row)
    return [
        Filing(
            id=name,
            symbol=sections[0]["symbol"],
            form=sections[0]["form"],
            period=sections[0]["period"],
            known_at=sections[0]["known_at"].astimezone(UTC),
            sections=tuple((row["section"], row["text"]) for row in sections),
            text_kind=sections[0]["text_kind"],
            url=sections[0]["url"],
            origin=sections[0]["origin"],
        )
        for name, sections in grouped.items()
    ]


def _fundamentals(row: dict[str, Any]) -> Fundamentals:
    return Fundamentals(
        row["symbol"], row["form"], row["period"], row["fiscal"], row["known_at"].astimezone(UTC), orjson.loads(row["figures"])
    )


def _by_form(records: list[Record]) -> dict[str, tuple[list[int], tuple[Record, ...]]]:
    """Form -> (known, records), in the order given (by known_at)."""
    forms = sorted({record.form for record in records})
    chosen = {form: tuple(record for record in records if record.form == form) for form in forms}
    return {form: ([microseconds(record.known_at) for record in group], group) for form, group in chosen.items()}
