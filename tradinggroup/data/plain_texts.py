"""News, filings and fundamentals of a plain folder: one JSON object a line, as rows of a bundle's tables."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from tradinggroup.data.plain_lines import Place, Times, choice_of, read_objects, required_text, text_of, times_of
from tradinggroup.data.symbol_data import DERIVED

Row = dict[str, Any]
TITLE_KINDS = ("publisher", "url-slug", "none")
SUMMARY_KINDS = ("publisher", DERIVED, "none")
MODEL_WRITTEN = "llm-written"


def read_news(file: Path, symbol: str) -> list[Row]:
    """News items of one file. Raises DataError (IMPORT_INVALID) that names the line."""
    rows: list[Row] = []
    seen: dict[str, int] = {}
    for place, item in read_objects(file):
        row = _news_row(place, item, symbol)
        if row["id"] in seen:
            raise place.refuse(f"id {row['id']} again, first in line {seen[row['id']]}")
        seen[row["id"]] = place.line
        rows.append(row)
    return rows


def _news_row(place: Place, item: Mapping[str, Any], symbol: str) -> Row:
    _check_symbol(place, item, symbol)
    times = times_of(place, item, "published_at")
    title, summary = text_of(place, item, "title"), text_of(place, item, "summary")
    return {
        "id": text_of(place, item, "id") or sha256(orjson.dumps(item, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12],
        "symbol": symbol,
        **_time_columns(times),
        "title": title,
        "title_kind": choice_of(place, item, "title_kind", TITLE_KINDS, "publisher" if title else "none"),
        "summary": summary,
        "summary_kind": choice_of(place, item, "summary_kind", SUMMARY_KINDS, "publisher" if summary else "none"),
        "source": text_of(place, item, "source"),
        "url": text_of(place, item, "url"),
        "origin": text_of(place, item, "origin"),
    }


@dataclass(frozen=True, slots=True)
class _Section:
    """One section of a filing as a line gave it."""

    form: str
    times: Times
    period: str
    name: str
    text: str
    url: str
    origin: str

    @property
    def text_kind(self) -> str:
        return DERIVED if MODEL_WRITTEN in self.name.lower() else "filer"

    @property
    def topic(self) -> str:
        """The name without remarks: `MD&A (10-K Item 7)` and `MD&A, original case` are the same section."""
        return re.sub(r"\(.*?\)|,.*$", "", self.name).strip().casefold() or self.name.strip().casefold()

    @property
    def upper_case_share(self) -> float:
        letters = [letter for letter in self.text if letter.isalpha()]
        return sum(letter.isupper() for letter in letters) / len(letters) if letters else 0.0


def read_filings(file: Path, symbol: str) -> list[Row]:
    """Sections of one file, joined to filings. Raises DataError (IMPORT_INVALID) that names the line.

    Sections of one form and one filing time are one filing, whoever carried them; what a model wrote later is a filing of
    its own. Where two carriers give the same section, the one with more upper-case letters is kept: one of them may have
    been put to lower case.
    """
    filings: dict[tuple[datetime, str, str], list[_Section]] = {}
    for place, item in read_objects(file):
        section = _section(place, item, symbol)
        filings.setdefault((section.times.known_at, section.form, section.text_kind), []).append(section)
    return [row for key in sorted(filings) for row in _filing_rows(symbol, filings[key])]


def _section(place: Place, item: Mapping[str, Any], symbol: str) -> _Section:
    _check_symbol(place, item, symbol)
    return _Section(
        form=required_text(place, item, "form"),
        times=times_of(place, item, "filed_at"),
        period=text_of(place, item, "period"),
        name=text_of(place, item, "section"),
        text=required_text(place, item, "text"),
        url=text_of(place, item, "url"),
        origin=text_of(place, item, "origin"),
    )


def _filing_rows(symbol: str, sections: list[_Section]) -> list[Row]:
    best: dict[str, _Section] = {}
    for section in sections:
        kept = best.get(section.topic)
        if kept is None or section.upper_case_share > kept.upper_case_share:
            best[section.topic] = section
    first = sections[0]
    filed = first.times.known_at.strftime("%Y%m%dT%H%M%SZ")
    mark = f"-{DERIVED}" if first.text_kind == DERIVED else ""
    shared = {
        "id": f"{symbol}-{first.form}-{filed}{mark}",
        "symbol": symbol,
        "form": first.form,
        "period": next((section.period for section in sections if section.period), ""),
        **_time_columns(first.times),
        "text_kind": first.text_kind,
        "url": next((section.url for section in sections if section.url), ""),
        "origin": "+".join(sorted({section.origin for section in best.values()})),
    }
    return [
        {**shared, "section": section.name, "position": position, "text": section.text} for position, section in enumerate(best.values())
    ]


def read_fundamentals(file: Path, symbol: str) -> list[Row]:
    """Statements of one file. Raises DataError (IMPORT_INVALID) that names the line."""
    rows: list[Row] = []
    seen: dict[tuple[datetime, str, str], int] = {}
    for place, item in read_objects(file):
        _check_symbol(place, item, symbol)
        times = times_of(place, item, "filed_at")
        form, period = required_text(place, item, "form"), required_text(place, item, "period")
        key = (times.known_at, form, period)
        if key in seen:
            raise place.refuse(f"{form} of {period} again, first in line {seen[key]}")
        seen[key] = place.line
        rows.append(
            {
                "symbol": symbol,
                "form": form,
                "period_start": text_of(place, item, "period_start"),
                "period": period,
                "fiscal": text_of(place, item, "fiscal"),
                **_time_columns(times),
                "figures": orjson.dumps(_flat_figures(place, item.get("figures")), option=orjson.OPT_SORT_KEYS).decode(),
                "origin": text_of(place, item, "origin"),
            }
        )
    return rows


def _flat_figures(place: Place, figures: object) -> dict[str, float]:
    """`{statement: {item: number}}` as `{"statement.item": number}`; nulls are left out."""
    if not isinstance(figures, dict):
        raise place.refuse("no figures")
    flat: dict[str, float] = {}
    for statement, items in figures.items():
        pairs = {f"{statement}.{name}": value for name, value in items.items()} if isinstance(items, dict) else {statement: items}
        for name, value in pairs.items():
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise place.refuse(f"figure {name} is not a number")
            flat[name] = float(value)
    return flat


def _time_columns(times: Times) -> Row:
    return {"event_at": times.event_at, "known_at": times.known_at, "time_precision": times.precision}


def _check_symbol(place: Place, item: Mapping[str, Any], symbol: str) -> None:
    ticker = text_of(place, item, "ticker", symbol)
    if ticker != symbol:
        raise place.refuse(f"ticker is {ticker}, in a file of {symbol}")
