"""News history of Alpaca (Benzinga's wire): https://docs.alpaca.markets, `v1beta1/news`.

Not run live by the project's tests: a loopback server gives this adapter documents of Alpaca's shape.

An item counts as known from its last update on: the words that come back are those of that moment, and Alpaca does not keep the
earlier ones.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tradinggroup.clock import end_of_day_new_york
from tradinggroup.data.sources.fetching import Fetcher
from tradinggroup.data.sources.port import SourceTexts
from tradinggroup.errors import ErrorCode, UsageError

BASE_URL = "https://data.alpaca.markets"
KEY_VARIABLES = ("ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY")
PAGE_ITEMS = 50
MOST_PER_SECOND = 3.0


class AlpacaNews:
    """News of one symbol at a time, page by page."""

    name = "alpaca"
    licence = "Alpaca terms of use; texts are Benzinga's, not for redistribution"

    def __init__(self, cache_folder: Path, *, base_url: str = BASE_URL, fetcher: Fetcher | None = None) -> None:
        """Raises UsageError (KEY_MISSING) without a key in the environment."""
        self._base_url = base_url
        self.fetcher = fetcher or Fetcher(self.name, cache_folder / self.name, headers=_headers(), most_per_second=MOST_PER_SECOND)

    def fetch(self, symbol: str, start: date, end: date) -> SourceTexts:
        """See `TextSource.fetch`."""
        rows: list[dict[str, Any]] = []
        token: str | None = None
        seen: set[str] = set()
        while True:
            url = self._page(symbol, start, end, token)
            page = self.fetcher.json(url, needs="news", known_through=end_of_day_new_york(end))
            rows += [_row(symbol, item) for item in page["news"] if symbol in item.get("symbols", [symbol])]
            token = page.get("next_page_token")
            if not token:
                return SourceTexts(symbol, news=tuple({row["id"]: row for row in rows}.values()))
            if token in seen:
                raise self.fetcher.failed(url, "its pages go round in a circle")
            seen.add(token)

    def _page(self, symbol: str, start: date, end: date, token: str | None) -> str:
        query = {"symbols": symbol, "start": start.isoformat(), "end": end.isoformat(), "limit": PAGE_ITEMS, "sort": "asc"}
        return f"{self._base_url}/v1beta1/news?{urlencode({**query, **({'page_token': token} if token else {})})}"


def _headers() -> dict[str, str]:
    values = [os.environ.get(name, "") for name in KEY_VARIABLES]
    missing = [name for name, value in zip(KEY_VARIABLES, values, strict=True) if not value]
    if missing:
        raise UsageError(ErrorCode.KEY_MISSING, f"Alpaca's news need {missing[0]}", remedy=f"Set {' and '.join(KEY_VARIABLES)}.")
    return {"APCA-API-KEY-ID": values[0], "APCA-API-SECRET-KEY": values[1]}


def _row(symbol: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as a line of a plain folder; fields that Alpaca may add are passed over."""
    moments = [text for text in (item.get("created_at"), item.get("updated_at")) if text]
    return {
        "id": f"alpaca-{item.get('id', '')}",
        "ticker": symbol,
        "published_at": max(moments, default=None),
        "time_precision": "second",
        "title": item.get("headline") or "",
        "summary": item.get("summary") or "",
        "source": item.get("source") or "",
        "url": item.get("url") or "",
        "origin": "alpaca",
    }
