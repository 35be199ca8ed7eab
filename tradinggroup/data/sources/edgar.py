"""Filings and as-filed figures from the SEC's EDGAR: https://www.sec.gov/search-filings/edgar-application-programming-interfaces.

Not run live by the project's tests: a loopback server gives this adapter documents of EDGAR's shape.

The SEC wants to know who asks (`EDGAR_IDENTITY`, a name and an e-mail address) and at most ten requests a second. A filing counts as
known from its acceptance on. Taken are 10-K and 10-Q by item, and the press release (exhibit 99.1) of each 8-K that has one. Figures
are those that a filing gave for its own period; a later restatement does not touch them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tradinggroup.clock import NEW_YORK, end_of_day_new_york, iso_utc, parse_utc
from tradinggroup.data.sources.edgar_figures import figures_of
from tradinggroup.data.sources.edgar_text import documents, plain_text, sections
from tradinggroup.data.sources.fetching import Fetcher
from tradinggroup.data.sources.port import SourceTexts
from tradinggroup.errors import DataError, ErrorCode, UsageError

FILES_URL, DATA_URL = "https://www.sec.gov", "https://data.sec.gov"
IDENTITY_VARIABLE = "EDGAR_IDENTITY"
MOST_PER_SECOND = 10.0
REPORTS = ("10-K", "10-Q")
PRESS_RELEASE = ("EX-99.1", "EX-99")
_NEVER = datetime.max.replace(tzinfo=UTC)
COLUMNS = ("accessionNumber", "form", "acceptanceDateTime", "reportDate", "primaryDocument")


@dataclass(frozen=True, slots=True)
class _Filing:
    accession: str
    form: str
    accepted_at: datetime
    period: str
    document: str

    def folder(self, cik: int) -> str:
        return f"/Archives/edgar/data/{cik}/{self.accession.replace('-', '')}"


class EdgarFilings:
    """Filings of one company at a time."""

    name = "edgar"
    licence = "public domain (SEC EDGAR)"

    def __init__(self, cache_folder: Path, *, files_url: str = FILES_URL, data_url: str = DATA_URL, fetcher: Fetcher | None = None) -> None:
        """Raises UsageError (KEY_MISSING) without an identity in the environment."""
        self._files_url, self._data_url = files_url, data_url
        self.fetcher = fetcher or Fetcher(
            self.name, cache_folder / self.name, headers={"User-Agent": _identity()}, most_per_second=MOST_PER_SECOND
        )

    def fetch(self, symbol: str, start: date, end: date) -> SourceTexts:
        """See `TextSource.fetch`."""
        until = end_of_day_new_york(end)
        cik = self._cik(symbol)
        listed = [filing for filing in self._listed(cik, start, until) if start <= filing.accepted_at.astimezone(NEW_YORK).date()]
        filings = [filing for filing in sorted(listed, key=lambda filing: filing.accepted_at) if filing.accepted_at <= until]
        lines = tuple(line for filing in filings for line in self._lines(symbol, cik, filing))
        reports = [filing for filing in filings if filing.form in REPORTS]
        return SourceTexts(symbol, filings=lines, fundamentals=tuple(self._figures(symbol, cik, reports, until)) if reports else ())

    def _cik(self, symbol: str) -> int:
        url = f"{self._files_url}/files/company_tickers.json"
        for known_through in (None, _NEVER):  # a symbol may be newer than the table that is kept
            table = self.fetcher.json(url, needs="0", known_through=known_through)
            found = next((row for row in table.values() if isinstance(row, dict) and row.get("ticker") == symbol), None)
            if found is not None:
                return int(found["cik_str"])
        raise DataError(
            ErrorCode.SYMBOL_UNKNOWN, f"EDGAR lists no {symbol}", remedy="Leave it out with --symbols, or edgar out of --texts."
        )

    def _listed(self, cik: int, start: date, until: datetime) -> Iterator[_Filing]:
        """The filings of the index and of those of its older pages that reach into the span."""
        url = f"{self._data_url}/submissions/CIK{cik:010d}.json"
        filings = self.fetcher.json(url, needs="filings", known_through=until)["filings"]
        yield from self._rows(url, filings.get("recent"))
        for page in filings.get("files") or ():
            if page["filingTo"] >= start.isoformat():
                older = f"{self._data_url}/submissions/{page['name']}"
                yield from self._rows(older, self.fetcher.json(older, needs="accessionNumber", known_through=until))

    def _rows(self, url: str, columns: Mapping[str, Any] | None) -> Iterator[_Filing]:
        missing = [name for name in COLUMNS if name not in (columns or {})]
        if columns is None or missing:
            raise self.fetcher.failed(url, f"no {missing[0]} in the answer")
        for accession, form, accepted, period, document in zip(*(columns[name] for name in COLUMNS), strict=True):
            if form in REPORTS or form == "8-K":
                try:
                    yield _Filing(accession, form, parse_utc(accepted), period, document)
                except ValueError:
                    raise self.fetcher.failed(url, f"{accepted!r} is no time of acceptance") from None

    def _lines(self, symbol: str, cik: int, filing: _Filing) -> Iterator[dict[str, Any]]:
        """The filing as lines of a plain folder."""
        if filing.form in REPORTS:
            url = f"{self._files_url}{filing.folder(cik)}/{filing.document}"
            parts = sections(plain_text(self._text(url)), filing.form)
        else:
            url = f"{self._files_url}{filing.folder(cik)}/{filing.accession}.txt"
            parts = [("Press release", text) for kind, text in documents(self._text(url)) if kind in PRESS_RELEASE][:1]
        for name, text in parts:
            if text.strip():
                yield {**_shared(symbol, filing), "section": name, "text": text, "url": url}

    def _text(self, url: str) -> str:
        return self.fetcher.document(url).content.decode("utf-8", errors="replace")

    def _figures(self, symbol: str, cik: int, reports: list[_Filing], until: datetime) -> Iterator[dict[str, Any]]:
        facts = self.fetcher.json(f"{self._data_url}/api/xbrl/companyfacts/CIK{cik:010d}.json", needs="facts", known_through=until)["facts"]
        for filing in reports:
            figures, first = figures_of(facts, accession=filing.accession, form=filing.form, period=filing.period)
            if figures:
                yield {**_shared(symbol, filing), "period_start": first, "figures": figures}


def _shared(symbol: str, filing: _Filing) -> dict[str, Any]:
    filed_at = {"filed_at": iso_utc(filing.accepted_at), "time_precision": "second"}
    return {"ticker": symbol, "form": filing.form, **filed_at, "period": filing.period, "origin": "edgar"}


def _identity() -> str:
    identity = os.environ.get(IDENTITY_VARIABLE, "").strip()
    if not identity:
        raise UsageError(
            ErrorCode.KEY_MISSING,
            f"EDGAR wants to know who asks: {IDENTITY_VARIABLE} is not set",
            remedy=f'Set {IDENTITY_VARIABLE}="Name name@example.org".',
        )
    return identity
