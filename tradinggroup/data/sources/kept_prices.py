"""Prices that a source gave once are not asked for again: what was traded on a past session does not change."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from pathlib import Path

import orjson

from tradinggroup.clock import end_of_day_new_york, iso_utc, parse_utc
from tradinggroup.data.plain_prices import ActionRow, PriceRow
from tradinggroup.data.records import ActionKind
from tradinggroup.data.sources.fetching import write_whole
from tradinggroup.data.sources.port import PriceSource, SourcePrices


class KeptPrices:
    """Another source of prices, whose answers about spans that were over when it was asked are kept in a folder."""

    def __init__(self, source: PriceSource, cache_folder: Path) -> None:
        self._source = source
        self._folder = cache_folder / source.name
        self.name, self.licence = source.name, source.licence

    def fetch(self, symbol: str, start: date, end: date) -> SourcePrices:
        """See `PriceSource.fetch`. A folder that cannot be written keeps nothing."""
        name = sha256(f"{symbol} {start} {end}".encode()).hexdigest()[:32]
        path = self._folder / f"{name}.prices.json"
        kept = _read(path)
        if kept is not None:
            return kept
        answer = self._source.fetch(symbol, start, end)
        if answer.retrieved_at > end_of_day_new_york(end):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, _written(answer))
            except OSError:
                return answer
        return answer


def _written(answer: SourcePrices) -> bytes:
    facts = {"symbol": answer.symbol, "rows": answer.rows, "actions": answer.actions, "retrieved_at": iso_utc(answer.retrieved_at)}
    return orjson.dumps(facts)


def _read(path: Path) -> SourcePrices | None:
    """What is kept; None where nothing is, or the file was harmed."""
    try:
        facts = orjson.loads(path.read_bytes())
        rows = tuple(PriceRow(**{**row, "session": date.fromisoformat(row["session"])}) for row in facts["rows"])
        actions = tuple(
            ActionRow(date.fromisoformat(row["ex_session"]), ActionKind(row["kind"]), row["ratio"], row["cash_usd"])
            for row in facts["actions"]
        )
        return SourcePrices(facts["symbol"], rows, actions, parse_utc(facts["retrieved_at"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
