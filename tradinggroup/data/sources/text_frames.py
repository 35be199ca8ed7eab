"""What sources said of news, filings and figures, checked by the readers of a plain folder and put into a bundle's tables."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pandas as pd

from tradinggroup.data.bundle_format import TABLES
from tradinggroup.data.plain_texts import read_filings, read_fundamentals, read_news
from tradinggroup.data.sources.port import SourceTexts

READERS: dict[str, Callable[[Path, str], list[dict[str, Any]]]] = {
    "news": read_news,
    "filings": read_filings,
    "fundamentals": read_fundamentals,
}


def text_frame(table: str, answers: Sequence[SourceTexts]) -> pd.DataFrame:
    """One table of all answers. Raises DataError (IMPORT_INVALID) for a line that no plain folder may hold."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="tradinggroup-source-") as folder:
        for place, answer in enumerate(answers):
            file = Path(folder) / f"{place}-{table}" / f"{answer.symbol}.jsonl"
            file.parent.mkdir()
            file.write_bytes(b"\n".join(orjson.dumps(line) for line in getattr(answer, table)))
            rows += READERS[table](file, answer.symbol)
    names = TABLES[table][0].names
    return pd.DataFrame({name: [row[name] for row in rows] for name in names}, columns=names)
