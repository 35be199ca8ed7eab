"""The files of a bundle and their columns: one definition for writing, reading, importing and the docs.

A bundle is a folder (design 11): `bundle.json`, `prices.parquet`, `actions.parquet`, `news.parquet`, `filings.parquet`,
`fundamentals.parquet`. Every table is sorted by its sort keys; times are UTC microseconds, sessions are dates.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

FORMAT_VERSION = 1
MOMENT = pa.timestamp("us", tz="UTC")

PRICES = pa.schema(
    [
        ("symbol", pa.string()),
        ("session", pa.date32()),
        ("open_usd", pa.float64()),
        ("high_usd", pa.float64()),
        ("low_usd", pa.float64()),
        ("close_usd", pa.float64()),
        ("adjusted_close_usd", pa.float64()),  # as the source gave it, for the record; NaN where it gave none. No agent reads it.
        ("volume_shares", pa.float64()),
        ("event_at", MOMENT),
        ("known_at", MOMENT),
    ]
)
ACTIONS = pa.schema(
    [
        ("symbol", pa.string()),
        ("kind", pa.string()),  # split | dividend
        ("ex_session", pa.date32()),
        ("ratio", pa.float64()),  # new shares for one old; null for a dividend
        ("cash_usd", pa.float64()),  # a share, on the scale of the ex-session's prices; null for a split
        ("event_at", MOMENT),  # the open of the ex-session
        ("known_at", MOMENT),
    ]
)
NEWS = pa.schema(
    [
        ("id", pa.string()),
        ("symbol", pa.string()),
        ("event_at", MOMENT),
        ("known_at", MOMENT),
        ("time_precision", pa.string()),  # second | day
        ("title", pa.string()),
        ("title_kind", pa.string()),  # publisher | url-slug | none
        ("summary", pa.string()),
        ("summary_kind", pa.string()),  # publisher | llm | none
        ("source", pa.string()),
        ("url", pa.string()),
        ("origin", pa.string()),
    ]
)
FILINGS = pa.schema(
    [
        ("id", pa.string()),
        ("symbol", pa.string()),
        ("form", pa.string()),  # 10-K | 10-Q
        ("period", pa.string()),
        ("event_at", MOMENT),
        ("known_at", MOMENT),
        ("time_precision", pa.string()),
        ("section", pa.string()),
        ("position", pa.int32()),  # of the section inside the filing
        ("text", pa.string()),
        ("text_kind", pa.string()),  # filer | llm
        ("url", pa.string()),
        ("origin", pa.string()),
    ]
)
FUNDAMENTALS = pa.schema(
    [
        ("symbol", pa.string()),
        ("form", pa.string()),
        ("period_start", pa.string()),
        ("period", pa.string()),
        ("fiscal", pa.string()),
        ("event_at", MOMENT),
        ("known_at", MOMENT),
        ("time_precision", pa.string()),
        ("figures", pa.string()),  # JSON object, flat: "statement.item" -> number
        ("origin", pa.string()),
    ]
)

TABLES: dict[str, tuple[pa.Schema, tuple[str, ...]]] = {
    "prices": (PRICES, ("symbol", "session")),
    "actions": (ACTIONS, ("symbol", "ex_session", "kind")),
    "news": (NEWS, ("symbol", "known_at", "id")),
    "filings": (FILINGS, ("symbol", "known_at", "id", "position")),
    "fundamentals": (FUNDAMENTALS, ("symbol", "known_at", "form", "period")),
}
"""Table name -> (schema, sort keys). The file is `NAME.parquet`."""


@dataclass(frozen=True)
class BundleFrames:
    """The five tables of a bundle as frames with the columns above; writing sorts and checks them."""

    prices: pd.DataFrame
    actions: pd.DataFrame
    news: pd.DataFrame
    filings: pd.DataFrame
    fundamentals: pd.DataFrame
