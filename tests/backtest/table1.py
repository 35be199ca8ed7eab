"""What the published baselines must come out as, read from the files beside the checkout; nothing of it stands in the code."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

STRATEGIES = {
    "Buy and Hold": "buy_and_hold",
    "SMA Cross": "sma_cross",
    "WMA Cross": "wma_cross",
    "ATR Band": "atr_band",
    "Bollinger Bands": "bollinger",
    "Turn of The Month": "turn_of_month",
    "ARIMA": "arima",
    "XGBoost": "xgboost",
}
METRICS = {
    "CR": "total_return_fraction",
    "AV": "annual_volatility_fraction",
    "SPR": "sharpe_ratio",
    "MDD": "max_drawdown_fraction",
}


def price_rows(folder: Path, symbol: str) -> Iterator[dict[str, str]]:
    yield from rows(folder, f"prices/{symbol}.csv")


def rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    with (folder / "table1" / name).open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def expected_cells(folder: Path) -> dict[tuple[str, str, str], float]:
    """(baseline, symbol, metric) -> figure of the re-run, as a fraction where it is printed in percent."""
    found = {}
    for row in rows(folder, "expected_cells.csv"):
        scale = 1 if row["metric"] == "SPR" else 100
        found[STRATEGIES[row["strategy"]], row["ticker"], METRICS[row["metric"]]] = float(row["rerun"]) / scale
    return found
