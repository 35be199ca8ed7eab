"""The hash of a bundle: over what its tables say, not over the bytes of its files.

Parquet files of equal content differ between library versions (encodings, statistics, the writer's name), so the hash
is taken over a plain serialisation: for each table and month, each column's values, little-endian, with its nulls.
A month is that of `known_at` in UTC, so that a bundle which grew can prove that its past did not change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tradinggroup.data.bundle_format import FORMAT_VERSION, TABLES


def month_hashes(tables: Mapping[str, pa.Table]) -> dict[str, str]:
    """`2024-06` -> `sha256:…` over the rows of all tables that became known in that month, in ascending order."""
    parts: dict[str, list[bytes]] = {}
    for name in TABLES:
        for month, digest in _table_months(name, tables[name]):
            parts.setdefault(month, []).append(digest)
    return {month: _tagged(b"".join(parts[month])) for month in sorted(parts)}


def bundle_hash(*, basis: str, exchange: str, months: Mapping[str, str], membership: Mapping[str, Any] | None = None) -> str:
    """`sha256:…` of everything a result can depend on: format, price basis, exchange, all months, and dates of membership."""
    content: dict[str, Any] = {"format_version": FORMAT_VERSION, "basis": basis, "exchange": exchange, "months": dict(months)}
    if membership:
        content["membership"] = dict(membership)
    return _tagged(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def _tagged(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _table_months(name: str, table: pa.Table) -> Iterator[tuple[str, bytes]]:
    """(month, digest) of one sorted table; the rows of a month keep the table's order."""
    if table.num_rows == 0:
        return
    months = table.column("known_at").cast(pa.int64()).to_numpy().astype("datetime64[us]").astype("datetime64[M]")
    order = np.argsort(months, kind="stable")
    months = months[order]
    columns = [_Column(column.name, table.column(column.name).take(pa.array(order)).combine_chunks()) for column in table.schema]
    starts = np.flatnonzero(np.r_[True, months[1:] != months[:-1]])
    for start, stop in zip(starts, [*starts[1:], len(months)], strict=True):
        digest = hashlib.sha256(name.encode())
        for column in columns:
            column.feed(digest, int(start), int(stop))
        yield str(months[start]), digest.digest()


class _Column:
    """One column as plain arrays, ready to be hashed in slices."""

    def __init__(self, name: str, values: pa.Array) -> None:
        self.name = name.encode()
        self.nulls = np.asarray(pc.is_null(values).to_numpy(zero_copy_only=False), dtype=np.uint8)
        self.text = b""
        self.offsets: npt.NDArray[Any] | None = None
        if pa.types.is_string(values.type):
            filled = pc.fill_null(values, "")
            lengths = np.asarray(pc.binary_length(filled).to_numpy(zero_copy_only=False), dtype="<i8")
            self.values: npt.NDArray[Any] = lengths
            self.offsets = np.concatenate([[0], np.cumsum(lengths)])
            self.text = "".join(filled.to_pylist()).encode()
        elif pa.types.is_floating(values.type):
            self.values = np.asarray(pc.fill_null(values, 0.0).to_numpy(zero_copy_only=False), dtype="<f8")
        else:
            whole = values.cast(pa.int32()) if pa.types.is_date(values.type) else values
            self.values = np.asarray(pc.fill_null(whole.cast(pa.int64()), 0).to_numpy(zero_copy_only=False), dtype="<i8")

    def feed(self, digest: Any, start: int, stop: int) -> None:
        digest.update(b"%s:%d;" % (self.name, stop - start))
        digest.update(self.nulls[start:stop].tobytes())
        digest.update(self.values[start:stop].tobytes())
        if self.offsets is not None:
            digest.update(self.text[self.offsets[start] : self.offsets[stop]])
