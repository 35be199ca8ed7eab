"""Compares two run folders: the seven files that identical runs share byte for byte, and the headline figures (design 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import orjson

from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.writer import HEADER

HEADLINE = ("metrics", "baselines", "random", "holds", "forecasts")
"""The parts of `run.json` that must come out the same."""

_NO_LINE = "(no such line)"


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """Whether two runs are equal, and the first place where they are not."""

    equal: bool
    compared: tuple[str, ...]
    """What was looked at, in order, up to the first difference."""
    file: str | None = None
    line: int | None = None
    """Counted from 1; None for a figure of `run.json`, whose name then stands in `field`."""
    field: str | None = None
    """The first field of a JSON line, column of a CSV line, or figure of `run.json` that differs."""
    expected: str | None = None
    found: str | None = None
    ledger_rows: int | None = None
    """Rows of orders, fills and equity that the second set of books agrees with; None where it was not asked."""
    ledger_difference: str | None = None
    """The first cell that those books have otherwise; the runs then do not count as equal."""


def compare_runs(expected_folder: Path, found_folder: Path) -> VerifyResult:
    """Compare `found_folder` with `expected_folder`, file by file, then the headline figures.

    Raises DataError RUN_INVALID where a file of either cannot be read.
    """
    compared: list[str] = []
    for kind in RowKind:
        compared.append(kind.value)
        expected, found = _content(expected_folder / kind), _content(found_folder / kind)
        if expected != found:
            return _first_line_that_differs(kind, expected, found, tuple(compared))
    compared.append(HEADER)
    before, after = RunFolder.open(expected_folder).summary(), RunFolder.open(found_folder).summary()
    for name, old, new in _figures_that_differ({key: before[key] for key in HEADLINE}, {key: after[key] for key in HEADLINE}):
        return VerifyResult(False, tuple(compared), HEADER, field=name, expected=_shown(old), found=_shown(new))
    return VerifyResult(True, tuple(compared))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        where = f"{path.parent.name}/{path.name}: {problem.strerror}"
        raise DataError(ErrorCode.RUN_INVALID, where, remedy="Restore the file from a copy, or run the experiment again.") from problem


def _first_line_that_differs(kind: RowKind, expected: bytes, found: bytes, compared: tuple[str, ...]) -> VerifyResult:
    header = expected.split(b"\n", 1)[0]
    pairs = zip_longest(expected.splitlines(keepends=True), found.splitlines(keepends=True))
    for number, (old, new) in enumerate(pairs, start=1):
        if old != new:
            name = _field_that_differs(kind, header, old, new)
            return VerifyResult(False, compared, kind.value, number, name, _line_text(old), _line_text(new))
    raise AssertionError("the contents differ, so a line does")


def _line_text(line: bytes | None) -> str:
    return _NO_LINE if line is None else line.decode("utf-8", "replace").rstrip("\n")


def _field_that_differs(kind: RowKind, header: bytes, old: bytes | None, new: bytes | None) -> str | None:
    if old is None or new is None:
        return None
    if kind.value.endswith(".csv"):
        columns = zip_longest(header.decode("utf-8", "replace").split(","), _line_text(old).split(","), _line_text(new).split(","))
        return next((column for column, left, right in columns if left != right), None)
    try:
        differences = _figures_that_differ(orjson.loads(old), orjson.loads(new))
    except ValueError:
        return None
    return next((name for name, _, _ in differences), None)


def _figures_that_differ(old: Any, new: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted name, old, new) of every leaf that differs, in the order of the keys of `old`."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _figures_that_differ(old.get(key), new.get(key), f"{name}.{key}" if name else str(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index, (left, right) in enumerate(zip_longest(old, new)):
            yield from _figures_that_differ(left, right, f"{name}[{index}]")
    elif old != new or type(old) is not type(new):
        yield name, old, new


def _shown(value: Any) -> str:
    return orjson.dumps(value).decode()
