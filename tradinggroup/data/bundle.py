"""A bundle: a hashed, point-in-time data set in one folder (design 11). Opened, written whole, and read through views."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tradinggroup.data.bundle_format import FORMAT_VERSION, TABLES, BundleFrames
from tradinggroup.data.bundle_hash import bundle_hash, month_hashes
from tradinggroup.data.bundle_tables import tables_of
from tradinggroup.data.calendar import DEFAULT_EXCHANGE, ExchangeCalendar
from tradinggroup.data.membership import Spans, membership_of, plain_membership
from tradinggroup.data.records import ActionKind, PriceBasis
from tradinggroup.data.symbol_data import SymbolData, load_symbol
from tradinggroup.data.view import DerivedText, View
from tradinggroup.errors import DataError, ErrorCode, did_you_mean

MANIFEST = "bundle.json"
MARKET_SYMBOL = "_MARKET"
"""News of the whole market is kept under this name; it is no symbol of the bundle."""
DEFAULT_UNIVERSE_NOTE = "chosen by hand; survivorship not excluded"


class Bundle:
    """An opened bundle. Made by `Bundle.open` or `write_bundle`; safe to read from several threads."""

    def __init__(self, folder: Path, manifest: Mapping[str, Any], tables: Mapping[str, pa.Table]) -> None:
        sessions = tables["prices"].column("session")
        self.folder = folder
        self.manifest = dict(manifest)
        self.name: str = manifest["name"]
        self.id: str = manifest["id"]
        self.hash: str = manifest["hash"]
        self.basis = PriceBasis(manifest["basis"])
        self.symbols: tuple[str, ...] = tuple(manifest["symbols"])
        self.universe_note: str = manifest.get("universe_note", DEFAULT_UNIVERSE_NOTE)
        self.membership: dict[str, Spans] = membership_of(manifest.get("membership", {}))
        self.first_session: date = pc.min(sessions).as_py()
        self.last_session: date = pc.max(sessions).as_py()
        self.calendar = ExchangeCalendar(manifest["exchange"], first=self.first_session, last=self.last_session)
        self._tables = tables
        self._symbol_data: dict[str, SymbolData] = {}

    @classmethod
    def open(cls, folder: Path) -> Bundle:
        """The bundle in `folder`, its contents checked against its hash.

        Raises DataError: BUNDLE_NOT_FOUND where there is none, BUNDLE_INVALID where a file is missing, unreadable,
        of a newer format, or was changed.
        """
        manifest = read_manifest(folder)
        tables = {name: _read_table(folder, name) for name in TABLES}
        bundle = _checked(folder, manifest, tables)
        return cls(folder, bundle, tables)

    def __reduce__(self) -> tuple[object, ...]:
        """How it travels between processes: as its folder, which is read again there. It was checked where it was opened."""
        return _read_again, (self.folder, self.hash)

    @property
    def levels_unsafe(self) -> bool:
        """Whether price levels know of later splits or dividends (design, Time 7)."""
        return self.basis.levels_unsafe

    def view(self, as_of: datetime, *, derived_text: DerivedText = "exclude") -> View:
        """What was known at `as_of`. Raises TypeError for a moment without a time zone."""
        return View(self, as_of, derived_text=derived_text)

    def frames(self) -> BundleFrames:
        """Copies of the five tables as frames, for tools that alter or count data. No agent may read these."""
        return BundleFrames(**{name: _to_frame(table) for name, table in self._tables.items()})

    def symbol_data(self, symbol: str) -> SymbolData:
        """The rows of `symbol`, prepared on first use. For views; raises DataError (SYMBOL_UNKNOWN)."""
        data = self._symbol_data.get(symbol)
        if data is None:
            self.require_symbol(symbol)
            data = self._symbol_data[symbol] = load_symbol(symbol, self._tables)
        return data

    def require_symbol(self, symbol: str) -> None:
        """Raises DataError (SYMBOL_UNKNOWN) where the bundle does not hold `symbol`."""
        if symbol not in self.symbols and symbol != MARKET_SYMBOL:
            raise DataError(
                ErrorCode.SYMBOL_UNKNOWN, f"no symbol {symbol} in bundle {self.name}", remedy=did_you_mean(symbol, self.symbols)
            )


def _read_again(folder: Path, expected_hash: str) -> Bundle:
    """The bundle in `folder`, whose contents were checked a moment ago. Raises DataError where it is another one by now."""
    manifest = read_manifest(folder)
    if manifest["hash"] != expected_hash:
        raise _invalid(folder, "it was replaced while it was used")
    return Bundle(folder, manifest, {name: _read_table(folder, name) for name in TABLES})


def read_manifest(folder: Path) -> dict[str, Any]:
    """`bundle.json` alone: quick, without the tables. Raises DataError (BUNDLE_NOT_FOUND, BUNDLE_INVALID)."""
    path = folder / MANIFEST
    if not path.is_file():
        raise DataError(
            ErrorCode.BUNDLE_NOT_FOUND,
            f"no bundle {folder.name}",
            folder=folder,
            remedy="List the bundles with: tradinggroup data list.",
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["format_version"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _invalid(folder, f"{MANIFEST} cannot be read") from None
    if version != FORMAT_VERSION:
        raise _invalid(folder, f"format {version}, this version reads {FORMAT_VERSION}")
    missing = [key for key in ("name", "id", "hash", "exchange", "basis", "symbols", "months") if key not in manifest]
    if missing or not isinstance(manifest["months"], dict):
        raise _invalid(folder, f"{MANIFEST} has no {missing[0] if missing else 'hash per month'}")
    return dict(manifest)


def write_bundle(
    folder: Path,
    frames: BundleFrames,
    *,
    name: str,
    basis: PriceBasis,
    sources: Sequence[Mapping[str, Any]],
    universe_note: str = DEFAULT_UNIVERSE_NOTE,
    membership: Mapping[str, Spans] | None = None,
    exchange: str = DEFAULT_EXCHANGE,
) -> Bundle:
    """Writes the bundle whole or not at all, and opens it.

    `prices` and `actions` may leave out `event_at` and `known_at`; they follow from the calendar. `sources` are plain
    objects that say where the data is from, under which licence, and when it was fetched.
    Raises DataError: BUNDLE_EXISTS where `folder` holds anything, BUNDLE_INVALID for what no bundle may hold,
    BUNDLE_UNWRITABLE where the disk is full or read-only.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise taken(folder)
    tables = tables_of(frames, exchange)
    for kind in pc.unique(tables["actions"].column("kind")).to_pylist():
        if basis.carries(ActionKind(kind)):
            raise _invalid(folder, f"a {kind} beside prices of basis {basis.value}, which have it inside already")
    manifest = _manifest(tables, name=name, basis=basis, sources=sources, universe_note=universe_note, exchange=exchange)
    manifest = _with_membership(manifest, plain_membership(membership or {}))
    with _whole_folder(folder) as partial:
        for table_name, table in tables.items():
            pq.write_table(table, partial / f"{table_name}.parquet", compression="zstd")
        text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
        (partial / MANIFEST).write_text(text + "\n", encoding="utf-8", newline="\n")
    return Bundle(folder, manifest, tables)


def _manifest(
    tables: Mapping[str, pa.Table], *, name: str, basis: PriceBasis, sources: Sequence[Mapping[str, Any]], universe_note: str, exchange: str
) -> dict[str, Any]:
    months = month_hashes(tables)
    digest = bundle_hash(basis=basis.value, exchange=exchange, months=months)
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "id": digest.removeprefix("sha256:")[:12],
        "hash": digest,
        "basis": basis.value,
        "levels_unsafe": basis.levels_unsafe,
        "exchange": exchange,
        "universe_note": universe_note,
        "symbols": _symbols(tables),
        "spans": _spans(tables["prices"]),
        "rows": {table_name: table.num_rows for table_name, table in tables.items()},
        "sources": [dict(source) for source in sources],
        "months": months,
    }


def _with_membership(manifest: dict[str, Any], membership: Mapping[str, Any]) -> dict[str, Any]:
    """`manifest` with the dates of membership, which its hash covers; as it is where there are none."""
    if not membership:
        return manifest
    digest = bundle_hash(basis=manifest["basis"], exchange=manifest["exchange"], months=manifest["months"], membership=membership)
    return {**manifest, "id": digest.removeprefix("sha256:")[:12], "hash": digest, "membership": dict(membership)}


def _checked(folder: Path, manifest: dict[str, Any], tables: Mapping[str, pa.Table]) -> dict[str, Any]:
    """`manifest`, where the tables are what it says. Raises DataError (BUNDLE_INVALID) with the first month that differs."""
    if tables["prices"].num_rows == 0 or manifest["symbols"] != _symbols(tables):
        raise _invalid(folder, f"the symbols of {MANIFEST} are not those of prices.parquet")
    months = month_hashes(tables)
    if months != manifest["months"]:
        named = {**manifest["months"], **months}
        changed = sorted(month for month in named if months.get(month) != manifest["months"].get(month))
        raise _invalid(folder, f"contents of {changed[0]} differ from the hash")
    membership = manifest.get("membership")
    if bundle_hash(basis=manifest["basis"], exchange=manifest["exchange"], months=months, membership=membership) != manifest["hash"]:
        raise _invalid(folder, f"{MANIFEST} differs from the hash")
    return manifest


def _read_table(folder: Path, name: str) -> pa.Table:
    path = folder / f"{name}.parquet"
    schema, _ = TABLES[name]
    if not path.is_file():
        raise _invalid(folder, f"no {path.name}")
    try:
        table = pq.read_table(path, memory_map=False).replace_schema_metadata(None)
    except (OSError, pa.ArrowException) as error:
        raise _invalid(folder, f"{path.name} cannot be read ({str(error).splitlines()[0]})") from None
    if table.schema != schema:
        raise _invalid(folder, f"{path.name} has other columns than this format")
    return table


def taken(folder: Path) -> DataError:
    """The error for a name that a bundle has already, or that another process has just given to one."""
    return DataError(
        ErrorCode.BUNDLE_EXISTS, f"{folder.name} is already there", folder=folder, remedy="Choose another name, or remove it yourself."
    )


def _invalid(folder: Path, text: str) -> DataError:
    return DataError(
        ErrorCode.BUNDLE_INVALID, f"bundle {folder.name}: {text}", folder=folder, remedy="Import it again, or restore it from a copy."
    )


def _symbols(tables: Mapping[str, pa.Table]) -> list[str]:
    return sorted(pc.unique(tables["prices"].column("symbol")).to_pylist())


def _spans(prices: pa.Table) -> dict[str, dict[str, Any]]:
    """Symbol -> first session, last session and number of sessions."""
    grouped = prices.group_by("symbol").aggregate([("session", "min"), ("session", "max"), ("session", "count")]).to_pylist()
    return {
        row["symbol"]: {
            "first": row["session_min"].isoformat(),
            "last": row["session_max"].isoformat(),
            "sessions": row["session_count"],
        }
        for row in sorted(grouped, key=lambda row: str(row["symbol"]))
    }


def _to_frame(table: pa.Table) -> Any:
    return table.to_pandas(date_as_object=True)


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A sibling folder that becomes `folder` when the block ends well, and is removed when it does not.

    Raises DataError (BUNDLE_UNWRITABLE) for a disk that is full or read-only.
    """
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield partial
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except OSError as problem:
        if problem.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise taken(folder) from problem
        raise DataError(
            ErrorCode.BUNDLE_UNWRITABLE,
            f"bundle {folder.name}: {problem.strerror or problem}",
            folder=folder,
            remedy="Make room or give write permission; nothing was left behind.",
        ) from problem
    finally:
        shutil.rmtree(partial, ignore_errors=True)
