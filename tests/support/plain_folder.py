"""A plain folder as a data vendor would give it: Adj Close on the scale of the last day, no list of actions."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd

from tradinggroup.clock import NEW_YORK, iso_utc
from tradinggroup.data.bundle_format import BundleFrames

PRICE_HEADER = ("Date", "Open", "High", "Low", "Close", "Adj Close", "Volume")
TEXT_TABLES = {"news": "published_at", "filings": "filed_at", "fundamentals": "filed_at"}


def write_plain_folder(frames: BundleFrames, folder: Path, *, decimals: int = 6) -> Path:
    """`frames` as files that `import_folder` reads. Adj Close is computed from the actions over the whole span, then rounded."""
    (folder / "prices").mkdir(parents=True)
    for name, prices in frames.prices.groupby("symbol"):
        rows = _price_lines(prices, frames.actions[frames.actions["symbol"] == name], decimals)
        with (folder / "prices" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([PRICE_HEADER, *rows])
    for table, time_key in TEXT_TABLES.items():
        (folder / table).mkdir()
        for name, rows in getattr(frames, table).groupby("symbol", sort=True):
            lines = [json.dumps(_object(row, time_key)) for row in rows.to_dict("records")]
            (folder / table / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _price_lines(prices: pd.DataFrame, actions: pd.DataFrame, decimals: int) -> list[list[Any]]:
    """Lines of one symbol. No halts around actions: each ex-session has a bar on the session before."""
    splits = dict(actions[actions["kind"] == "split"][["ex_session", "ratio"]].itertuples(index=False))
    dividends = dict(actions[actions["kind"] == "dividend"][["ex_session", "cash_usd"]].itertuples(index=False))
    lines, factor = [], 1.0
    bars = list(prices.sort_values("session").itertuples())
    for bar, before in zip(reversed(bars), [*reversed(bars[:-1]), None], strict=True):
        levels = [bar.open_usd, bar.high_usd, bar.low_usd, bar.close_usd]
        lines.append([bar.session.isoformat(), *levels, f"{bar.close_usd * factor:.{decimals}f}", bar.volume_shares])
        ratio = splits.get(bar.session, 1.0)
        kept = 1 - dividends.get(bar.session, 0.0) * ratio / before.close_usd if before else 1.0
        factor *= kept / ratio
    return lines[::-1]


def _object(row: dict[str, Any], time_key: str) -> dict[str, Any]:
    left_out = {"event_at", "known_at", "symbol", "position", "text_kind", *(() if time_key == "published_at" else ("id",))}
    item = {key: value for key, value in row.items() if key not in left_out}
    moment = row["event_at"].to_pydatetime()
    item[time_key] = moment.astimezone(NEW_YORK).date().isoformat() if row["time_precision"] == "day" else iso_utc(moment)
    if "figures" in item:
        item["figures"] = json.loads(item["figures"])
    return item
