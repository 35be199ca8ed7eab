"""A bundle from a plain folder of CSV and JSON Lines files (design 8; the formats stand in docs/data-formats.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from tradinggroup.clock import end_of_day_new_york, iso_utc, utc_now
from tradinggroup.data.bundle import DEFAULT_UNIVERSE_NOTE, MARKET_SYMBOL, Bundle, taken, write_bundle
from tradinggroup.data.bundle_format import TABLES, BundleFrames
from tradinggroup.data.calendar import DEFAULT_EXCHANGE
from tradinggroup.data.derive_actions import derive_actions
from tradinggroup.data.membership import MEMBERSHIP_FILE, Spans, read_membership
from tradinggroup.data.plain_lines import LATEST, Place
from tradinggroup.data.plain_prices import ActionRow, PriceFile, PriceRow, read_actions, read_prices
from tradinggroup.data.plain_texts import read_filings, read_fundamentals, read_news
from tradinggroup.data.records import PriceBasis
from tradinggroup.errors import DataError, ErrorCode, UsageError, did_you_mean

BUNDLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def import_folder(
    folder: Path,
    *,
    name: str,
    bundles_folder: Path,
    prices: str = "prices",
    symbols: Sequence[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    basis: PriceBasis | None = None,
    universe_note: str | None = None,
) -> Bundle:
    """Reads a plain folder and writes bundle `name`; nothing is left behind where anything is wrong.

    `symbols` defaults to all files of the price folder. `start` and `end` (inclusive) cut the prices; texts are kept up to
    the end of day `end`, and from before `start` too, because a filing is used long after it was filed. Without `basis`:
    total_return when Close equals Adj Close in every row kept, else as_traded.
    Raises DataError: IMPORT_INVALID with file and line, SYMBOL_UNKNOWN, DATES_OUTSIDE, BUNDLE_EXISTS; UsageError for a
    name that cannot be a folder, or reversed dates.
    """
    target = check_new_bundle(bundles_folder, name)
    read = read_folder(folder, prices=prices, symbols=symbols, start=start, end=end, basis=basis)
    return write_bundle(
        target,
        read.frames,
        name=name,
        basis=read.basis,
        sources=[read.source],
        universe_note=universe_note or DEFAULT_UNIVERSE_NOTE,
        membership=read.membership,
    )


@dataclass(frozen=True, slots=True)
class PlainFolder:
    """What a plain folder holds, as a bundle's tables."""

    frames: BundleFrames
    basis: PriceBasis
    source: dict[str, Any]
    """Where it is from, for `bundle.json`."""
    membership: dict[str, Spans]


def read_folder(
    folder: Path,
    *,
    prices: str = "prices",
    symbols: Sequence[str] | None = None,
    start: date | None = None,
    end: date | None = None,
    basis: PriceBasis | None = None,
) -> PlainFolder:
    """The folder's rows; see `import_folder` for the arguments and the errors."""
    if start and end and end < start:
        raise UsageError(
            ErrorCode.DATES_OUTSIDE,
            "dates are reversed",
            start=start.isoformat(),
            end=end.isoformat(),
            remedy="Put the earlier date first.",
        )
    files = _price_files(folder, prices, symbols)
    read = [_cut(read_prices(file, DEFAULT_EXCHANGE), file, start, end) for file in files]
    chosen = basis or _basis_of(read)
    frames = BundleFrames(
        prices=price_frame({file.symbol: file.rows for file in read}),
        actions=action_frame({file.symbol: _actions(folder, file, chosen) for file in read}),
        news=_texts(folder, "news", [*(file.symbol for file in read), MARKET_SYMBOL], read_news, end),
        filings=_texts(folder, "filings", [file.symbol for file in read], read_filings, end),
        fundamentals=_texts(folder, "fundamentals", [file.symbol for file in read], read_fundamentals, end),
    )
    source = {
        "kind": "folder",
        "folder": folder.resolve().name,
        "prices": prices,
        "licence": "as the folder states",
        "imported_at": iso_utc(utc_now()),
        "origins": sorted({origin for frame in (frames.news, frames.filings, frames.fundamentals) for origin in frame["origin"]}),
        "files": _digests(folder, files, [file.symbol for file in read]),
    }
    return PlainFolder(frames, chosen, source, read_membership(folder, [file.symbol for file in read]))


def unread_texts(folder: Path, *, prices: str = "prices") -> list[str]:
    """Texts and actions of `folder` that no import reads, because `prices` has no file of their name: path inside the folder, by name."""
    known = {path.stem for path in _price_files(folder, prices, None)}
    kinds = {"actions": ".csv", "news": ".jsonl", "filings": ".jsonl", "fundamentals": ".jsonl"}
    return [
        path.relative_to(folder).as_posix()
        for kind, suffix in kinds.items()
        for path in sorted((folder / kind).glob(f"*{suffix}"))
        if path.stem not in known and (kind, path.stem) != ("news", MARKET_SYMBOL) and not path.name.startswith(".")
    ]


def check_new_bundle(bundles_folder: Path, name: str) -> Path:
    """The folder for a new bundle `name`. Raises UsageError for a name that cannot be one, DataError where it is taken."""
    if not BUNDLE_NAME.fullmatch(name):
        raise UsageError(
            ErrorCode.USAGE,
            f"{name!r} cannot be the name of a bundle",
            remedy="Use letters, digits, '.', '_' and '-', and begin with a letter or digit.",
        )
    target = bundles_folder / name
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise taken(target)
    return target


def price_frame(prices: Mapping[str, Sequence[PriceRow]]) -> pd.DataFrame:
    """Symbol -> rows as the bundle's prices, without the times that the calendar gives."""
    columns = [field for field in TABLES["prices"][0].names if field not in ("symbol", "event_at", "known_at")]
    rows = [(symbol, *(getattr(row, column) for column in columns)) for symbol, group in prices.items() for row in group]
    return pd.DataFrame(rows, columns=["symbol", *columns])


def action_frame(actions: Mapping[str, Sequence[ActionRow]]) -> pd.DataFrame:
    """Symbol -> actions as the bundle's actions, without the times that the calendar gives."""
    rows = [(symbol, row.kind.value, row.ex_session, row.ratio, row.cash_usd) for symbol, group in actions.items() for row in group]
    return pd.DataFrame(rows, columns=["symbol", "kind", "ex_session", "ratio", "cash_usd"])


def _price_files(folder: Path, prices: str, symbols: Sequence[str] | None) -> list[Path]:
    """The price files of `symbols`, or all of them, by name."""
    place = folder / prices
    if not folder.is_dir():
        raise DataError(ErrorCode.IMPORT_INVALID, f"no folder {folder}", remedy="Name a folder that holds prices/SYMBOL.csv.")
    if not place.is_dir():
        raise DataError(
            ErrorCode.IMPORT_INVALID, f"no folder {prices} in {folder}", remedy="Name the folder of price files with --prices SUBFOLDER."
        )
    found = {path.stem: path for path in sorted(place.glob("*.csv")) if not path.name.startswith(("_", "."))}
    if not found:
        raise DataError(ErrorCode.IMPORT_INVALID, f"no price files in {place}", remedy="A symbol's prices stand in SYMBOL.csv.")
    wanted = sorted(set(symbols)) if symbols else sorted(found)
    for symbol in wanted:
        if symbol not in found:
            raise DataError(ErrorCode.SYMBOL_UNKNOWN, f"no prices of {symbol} in {place}", remedy=did_you_mean(symbol, found))
    return [found[symbol] for symbol in wanted]


def _cut(prices: PriceFile, file: Path, start: date | None, end: date | None) -> PriceFile:
    rows = tuple(row for row in prices.rows if (start is None or row.session >= start) and (end is None or row.session <= end))
    if not rows:
        span = f"{prices.rows[0].session.isoformat()}..{prices.rows[-1].session.isoformat()}"
        raise DataError(
            ErrorCode.DATES_OUTSIDE,
            f"{file.parent.name}/{file.name} has no prices between the dates asked for",
            has=span,
            remedy="Choose other dates, or leave the symbol out with --symbols.",
        )
    return PriceFile(prices.symbol, rows, prices.adjusted_decimals)


def _basis_of(files: Iterable[PriceFile]) -> PriceBasis:
    same = all(row.close_usd == row.adjusted_close_usd for file in files for row in file.rows)
    return PriceBasis.TOTAL_RETURN if same else PriceBasis.AS_TRADED


def _actions(folder: Path, prices: PriceFile, basis: PriceBasis) -> tuple[ActionRow, ...]:
    """The folder's own list inside the span of the prices, else derived. Prices that already carry an action get none of it again."""
    file = folder / "actions" / f"{prices.symbol}.csv"
    if not file.exists():
        return tuple(row for row in derive_actions(prices) if not basis.carries(row.kind))
    first, last = prices.rows[0].session, prices.rows[-1].session
    listed = tuple(row for row in read_actions(file, DEFAULT_EXCHANGE) if first <= row.ex_session <= last)
    if any(basis.carries(row.kind) for row in listed):
        raise Place(file, 0).refuse(
            f"these actions are in the prices already, whose basis is {basis.value}",
            remedy="Remove the file, or say --basis as_traded if the prices are as traded.",
        )
    return listed


def _texts(
    folder: Path, table: str, symbols: Sequence[str], read: Callable[[Path, str], list[dict[str, Any]]], end: date | None
) -> pd.DataFrame:
    """The rows of `table` of all `symbols` that have a file, known by the end of day `end`."""
    limit: datetime | None = end_of_day_new_york(min(end, LATEST)) if end else None
    files = [(symbol, folder / table / f"{symbol}.jsonl") for symbol in symbols]
    rows = [row for symbol, file in files if file.exists() for row in read(file, symbol)]
    kept = [row for row in rows if limit is None or row["known_at"] <= limit]
    schema: pa.Schema = TABLES[table][0]
    return pd.DataFrame({name: [row[name] for row in kept] for name in schema.names}, columns=schema.names)


def _digests(folder: Path, prices: Sequence[Path], symbols: Sequence[str]) -> dict[str, str]:
    """Path inside the folder -> hash, of every file that was read."""
    texts = [folder / "actions" / f"{symbol}.csv" for symbol in symbols]
    texts += [folder / table / f"{symbol}.jsonl" for table in ("news", "filings", "fundamentals") for symbol in symbols]
    texts += [folder / "news" / f"{MARKET_SYMBOL}.jsonl", folder / MEMBERSHIP_FILE]
    return {
        file.relative_to(folder).as_posix(): "sha256:" + sha256(file.read_bytes()).hexdigest()
        for file in [*prices, *texts]
        if file.is_file()
    }
