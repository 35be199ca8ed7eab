from __future__ import annotations

import csv
import math
from datetime import UTC, date, datetime
from types import MappingProxyType

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import TradinggroupError
from tradinggroup.runs.rows import csv_line, json_line


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan"), np.float32("inf")])
def test_what_is_undefined_never_reaches_a_file(value: float) -> None:
    with pytest.raises(TradinggroupError, match=r"file=decisions.jsonl, field=features.list\[1\]"):
        json_line("decisions.jsonl", {"session": "2026-01-05", "features": {"list": [1.0, value]}})
    with pytest.raises(TradinggroupError, match=r"file=equity.csv, field=b"):
        csv_line("equity.csv", ("a", "b"), {"a": 1, "b": float(value)})


def test_cells_and_values() -> None:
    row = {
        "none": None, "true": True, "float": 0.1 + 0.2, "small": 1e-7, "numpy": np.float64(100000.0), "count": np.int64(7),
        "day": date(2026, 1, 5), "moment": datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC), "kind": RowKind.FILL, "text": 'a,"b"',
    }  # fmt: skip
    assert csv_line("x.csv", tuple(row), row) == (
        b',true,0.30000000000000004,1e-07,100000.0,7,2026-01-05,2026-03-04T05:06:07Z,fills.csv,"a,""b"""\n'
    )
    line = json_line("x.jsonl", MappingProxyType(row))
    assert line.endswith(b"\n")
    assert list(orjson.loads(line)) == list(row)
    assert b'"float":0.30000000000000004' in line
    assert b'"moment":"2026-03-04T05:06:07Z"' in line


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"])))
def test_what_is_written_reads_back_equal(number: float, text: str) -> None:
    row = {"number": number, "text": text}
    assert orjson.loads(json_line("x.jsonl", row)) == row
    cells = next(csv.reader([csv_line("x.csv", ("number", "text"), row).decode()], strict=True))
    assert float(cells[0]) == number
    assert cells[1] == text


@pytest.mark.parametrize("row", [{"a": 1}, {"a": 1, "c": 2}, {"a": 1, "b": 2, "c": 3}])
def test_other_columns_than_the_documented_ones_are_refused(row: dict[str, int]) -> None:
    with pytest.raises(TradinggroupError, match="INTERNAL: expected a, b, got"):
        csv_line("x.csv", ("a", "b"), row)


def test_a_cell_with_a_line_break_or_an_unknown_type_is_refused() -> None:
    with pytest.raises(TradinggroupError, match="field=a"):
        csv_line("x.csv", ("a",), {"a": "1\n2"})
    with pytest.raises(TradinggroupError, match="field=a"):
        csv_line("x.csv", ("a",), {"a": [1]})
    with pytest.raises(TradinggroupError, match="set cannot be written as JSON"):
        json_line("x.jsonl", {"a": {1}})
