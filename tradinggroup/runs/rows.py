"""How one row becomes one line: JSON lines by orjson, CSV lines by hand. Same values, same bytes, on every machine.

Floats are written in their shortest form that reads back equal. Nothing undefined gets into a file: a NaN or an infinity is
an error that names its field, because the writers of both formats would otherwise let it pass or turn it into null.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import orjson

from tradinggroup.clock import iso_utc
from tradinggroup.errors import ErrorCode, TradinggroupError

_JSON_OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY
_PLAIN = frozenset({str, int, bool, type(None)})
_SPECIAL = frozenset(',"\r\n')


def json_line(file: str, row: Mapping[str, Any]) -> bytes:
    """One line of `file`, keys in the order given, ended by a newline.

    Raises TradinggroupError INTERNAL for a NaN, an infinity, or a value that JSON cannot hold; it names the field.
    """
    reject_undefined(file, row)
    try:
        return orjson.dumps(row if isinstance(row, dict) else dict(row), default=_json_value, option=_JSON_OPTIONS)
    except TypeError as problem:
        raise _bad_value(file, "row", str(problem.__cause__ or problem)) from problem


def csv_header(columns: Sequence[str]) -> bytes:
    """The first line of a CSV file."""
    return (",".join(columns) + "\n").encode()


def csv_line(file: str, columns: Sequence[str], row: Mapping[str, Any]) -> bytes:
    """One line of `file`: None empty, booleans true and false, dates ISO, texts quoted only where they must be.

    Raises TradinggroupError INTERNAL for a NaN, an infinity, a value that is none of these, or columns other than `columns`.
    """
    if len(row) != len(columns) or any(column not in row for column in columns):
        raise _bad_value(file, "columns", f"expected {', '.join(columns)}, got {', '.join(map(str, row))}")
    return (",".join([_csv_cell(file, column, row[column]) for column in columns]) + "\n").encode()


def reject_undefined(file: str, value: Any, field: str = "") -> None:
    """Raise TradinggroupError INTERNAL where `value` holds a NaN or an infinity, however deep; names the field by its path."""
    stack: list[tuple[str, Any]] = [(field, value)]
    while stack:
        path, item = stack.pop()
        if type(item) in _PLAIN:
            continue
        if isinstance(item, Mapping):
            stack.extend((f"{path}.{key}" if path else str(key), child) for key, child in item.items() if type(child) not in _PLAIN)
        elif isinstance(item, list | tuple):
            stack.extend((f"{path}[{index}]", child) for index, child in enumerate(item) if type(child) not in _PLAIN)
        elif hasattr(item, "__float__") and not math.isfinite(item):
            raise _bad_value(file, path, f"{item} is not a number that a file may hold")


def _json_value(value: Any) -> Any:
    """What orjson does not know: mappings that are no dict, subclasses of float."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, float):
        return float(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _csv_cell(file: str, column: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _csv_text(file, column, str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _bad_value(file, column, f"{value} is not a number that a file may hold")
        return float.__repr__(value)
    return _csv_other(file, column, value)


def _csv_other(file: str, column: str, value: Any) -> str:
    if isinstance(value, datetime):
        return iso_utc(value)
    if isinstance(value, date):
        return value.isoformat()
    try:
        return str(operator.index(value))
    except TypeError:
        raise _bad_value(file, column, f"{type(value).__name__} cannot be written as CSV") from None


def _csv_text(file: str, column: str, text: str) -> str:
    if _SPECIAL.isdisjoint(text):
        return text
    if "\n" in text or "\r" in text:
        raise _bad_value(file, column, "a line break inside a cell would make two lines of one row")
    return '"' + text.replace('"', '""') + '"'


def _bad_value(file: str, field: str, problem: str) -> TradinggroupError:
    return TradinggroupError(
        ErrorCode.INTERNAL, problem, file=file, field=field, remedy="This is a mistake of the program: please report it with this line."
    )
