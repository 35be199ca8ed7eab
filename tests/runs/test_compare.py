from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.runs.factory import make_project, make_run
from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import DataError
from tradinggroup.runs.compare import compare_runs
from tradinggroup.runs.folder import RunFolder


@pytest.fixture
def again(tmp_path: Path) -> RunFolder:
    return make_run(make_project(tmp_path / "again"), note="another id, time and note")


def replace(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert content.count(old) >= 1
    path.write_bytes(content.replace(old, new, 1))


def test_equal_runs_are_equal_whatever_their_ids_and_times(run: RunFolder, again: RunFolder) -> None:
    result = compare_runs(run.path, again.path)
    assert result.equal
    assert result.compared == (*(kind.value for kind in RowKind), "run.json")
    assert (result.file, result.line, result.expected, result.found) == (None, None, None, None)


def test_the_first_line_that_differs_is_named_with_its_field(run: RunFolder, again: RunFolder) -> None:
    replace(again.path / "decisions.jsonl", b'"p_up":0.58', b'"p_up":0.59')
    result = compare_runs(run.path, again.path)
    assert (result.equal, result.file, result.line, result.field) == (False, "decisions.jsonl", 1, "forecasting.p_up")
    assert result.compared == ("decisions.jsonl",)
    assert '"p_up":0.59' in str(result.found)
    assert '"p_up":0.58' in str(result.expected)


def test_a_cell_and_a_missing_line(run: RunFolder, again: RunFolder) -> None:
    replace(again.path / "equity.csv", b"2023-09-12,BOLT,100099.99999999999,", b"2023-09-12,BOLT,1.0,")
    result = compare_runs(run.path, again.path)
    assert (result.file, result.line, result.field) == ("equity.csv", 5, "equity_usd")
    path = again.path / "orders.csv"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    result = compare_runs(run.path, again.path)
    assert (result.file, result.line, result.found) == ("orders.csv", len(lines), "(no such line)")


def test_a_missing_last_newline_counts(run: RunFolder, again: RunFolder) -> None:
    path = again.path / "reflections.jsonl"
    path.write_bytes(path.read_bytes()[:-1])
    assert not compare_runs(run.path, again.path).equal


def test_a_headline_figure_that_differs(run: RunFolder, again: RunFolder) -> None:
    path = again.path / "run.json"
    header = orjson.loads(path.read_bytes())
    header["metrics"]["ALL"]["sharpe_ratio"] = 0.9
    path.write_bytes(orjson.dumps(header))
    result = compare_runs(run.path, again.path)
    assert (result.file, result.line, result.field, result.expected, result.found) == (
        "run.json", None, "metrics.ALL.sharpe_ratio", "0.8", "0.9",
    )  # fmt: skip


def test_calls_may_differ_recorded_or_live(run: RunFolder, again: RunFolder) -> None:
    path = again.path / "run.json"
    header = orjson.loads(path.read_bytes())
    header["calls"] |= {"recorded": 16, "live": 0}
    path.write_bytes(orjson.dumps(header))
    assert compare_runs(run.path, again.path).equal


def test_a_file_that_is_gone(run: RunFolder, again: RunFolder) -> None:
    (again.path / "fills.csv").unlink()
    with pytest.raises(DataError, match=r"RUN_INVALID: .*fills.csv: No such file"):
        compare_runs(run.path, again.path)
