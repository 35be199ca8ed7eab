from __future__ import annotations

import shutil
from pathlib import Path

import orjson
import pytest

from tests.runs.factory import SESSIONS, SYMBOLS, make_run
from tradinggroup.backtest.sink import COLUMNS, RowKind
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.project import Project
from tradinggroup.runs.folder import FORMAT_VERSION, RunFolder


def change_header(run: RunFolder, **changes: object) -> None:
    path = run.path / "run.json"
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **changes}))


def test_rows_come_back_typed(shared_run: RunFolder) -> None:
    assert [(row["session"], row["symbol"]) for row in shared_run.equity()] == [
        (str(day), symbol) for day in SESSIONS for symbol in SYMBOLS
    ]
    first = shared_run.equity()[2]
    assert first == {
        "session": "2023-09-12", "symbol": "ACME", "equity_usd": 100_000 * 1.001, "cash_usd": 100_000 * 1.001 - 25_100.0, "shares": 100,
        "close_usd": 251.0,
    }  # fmt: skip
    forced = next(row for row in shared_run.orders() if row["forced"])
    assert (forced["shares_ordered"], forced["fill_reason_code"], forced["reason_code"]) == (-100, None, "TAKE_PROFIT")
    assert [row["status"] for row in shared_run.trades()] == ["closed", "closed", "open", "open"]
    assert shared_run.trades()[-1]["exit_session"] is None
    assert {kind: tuple(rows[0]) for kind, rows in (("equity.csv", shared_run.equity()),)} == {"equity.csv": COLUMNS[RowKind.EQUITY]}
    assert len(shared_run.decisions()) == len(SESSIONS) * len(SYMBOLS)
    assert shared_run.decisions() is shared_run.decisions(), "a file is read once"
    assert shared_run.baseline_names == ("buy_and_hold", "random")
    assert len(shared_run.baseline_equity("random")) == 16
    assert shared_run.baseline_fills("random") == []
    assert shared_run.read_text("experiment.toml") == "# as given\n"
    shared_run.require_whole()
    assert shared_run.problems == []


def test_summary_is_the_documented_object(shared_run: RunFolder) -> None:
    summary = shared_run.summary()
    assert list(summary) == [
        "run_id", "path", "status", "experiment", "start", "end", "symbols", "metrics", "baselines", "random", "calls", "cost_usd",
        "spent_usd", "costs", "holds", "forecasts", "statistics", "power", "ledger", "holdout",
    ]  # fmt: skip
    assert summary["calls"] == {"total": 16, "recorded": 15, "live": 1, "failed": 2}
    assert summary["random"] == {"draws": 999, "agents_percentile": 0.63}
    assert summary["holds"] == {"model": 6, "unreadable": 2, "provider": 0, "budget": 0, "risk": 0}
    assert (summary["start"], summary["end"]) == ("2023-09-11", "2023-09-20")
    assert Path(summary["path"]) == shared_run.path
    assert orjson.loads(orjson.dumps(summary)) == summary


def test_summary_of_a_run_that_was_killed_has_every_key_and_nothing_invented(project: Project, shared_run: RunFolder) -> None:
    summary = make_run(project, status="running", sessions=SESSIONS[:3]).summary()
    assert list(summary) == list(shared_run.summary())
    assert summary["status"] == "running"
    assert (summary["metrics"], summary["baselines"], summary["forecasts"], summary["cost_usd"]) == ({}, {}, {}, None)
    assert summary["random"] == {"draws": 0, "agents_percentile": None}


def test_a_run_reads_the_same_after_it_was_moved(run: RunFolder, tmp_path: Path) -> None:
    before = run.summary() | {"path": ""}
    moved = RunFolder.open(Path(shutil.move(run.path, tmp_path / "elsewhere")))
    assert moved.summary() | {"path": ""} == before
    assert moved.decisions() == make_run(Project(tmp_path / "again")).decisions()
    assert moved.problems == []


def test_a_half_line_at_the_end_is_left_out_with_a_word(run: RunFolder) -> None:
    path = run.path / "decisions.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    cut = RunFolder.open(run.path)
    assert len(cut.decisions()) == 15
    assert "decisions.jsonl line 16 is cut short and was left out" in cut.problems
    assert any(problem.startswith("decisions.jsonl has ") for problem in cut.problems), "the header knows the size"
    with pytest.raises(DataError, match=r"RUN_INVALID: decisions.jsonl has .* bytes, .* when the run ended\. Restore") as raised:
        cut.require_whole()
    assert raised.value.exit_code == 3


def test_a_half_row_of_a_running_run_is_left_out_too(project: Project) -> None:
    run = make_run(project, status="running", sessions=SESSIONS[:3])
    with (run.path / "equity.csv").open("ab") as stream:
        stream.write(b"2023-09-14,AC")
    again = RunFolder.open(run.path)
    assert len(again.equity()) == 6
    assert again.problems == ["equity.csv line 8 is cut short and was left out"]


@pytest.mark.parametrize(
    ("file", "line", "garbage"),
    [
        ("decisions.jsonl", 3, b'{"session": '),
        ("equity.csv", 3, b"2023-09-11,ACME,1.0"),
        ("equity.csv", 3, b"2023-09-11,ACME,one,2.0,3,4.0"),
        ("orders.csv", 1, b"session,symbol"),
        ("decisions.jsonl", 2, b"\xff\xfe"),
    ],
)
def test_a_broken_line_is_named(run: RunFolder, file: str, line: int, garbage: bytes) -> None:
    path = run.path / file
    lines = path.read_bytes().split(b"\n")
    lines[line - 1] = garbage
    path.write_bytes(b"\n".join(lines))
    reader = {"decisions.jsonl": RunFolder.decisions, "equity.csv": RunFolder.equity, "orders.csv": RunFolder.orders}[file]
    with pytest.raises(DataError, match=rf"RUN_INVALID: .*/{file} line {line}: .*\. Restore the file from a copy") as raised:
        reader(RunFolder.open(run.path))
    assert raised.value.code is ErrorCode.RUN_INVALID


def test_a_missing_file_is_named(run: RunFolder) -> None:
    (run.path / "fills.csv").unlink()
    again = RunFolder.open(run.path)
    assert again.problems == ["fills.csv is missing"]
    with pytest.raises(DataError, match=r"RUN_INVALID: .*/fills.csv: No such file or directory\."):
        again.fills()


def test_headers_that_cannot_be_used(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="RUN_NOT_FOUND: no folder"):
        RunFolder.open(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"RUN_INVALID: .* holds no run.json"):
        RunFolder.open(tmp_path)
    change_header(run, format_version=FORMAT_VERSION + 1)
    with pytest.raises(DataError, match=r"was written by a newer version, format_version=2, known=1\. Upgrade tradinggroup") as raised:
        RunFolder.open(run.path)
    assert raised.value.exit_code == 3
    (run.path / "run.json").write_bytes((run.path / "run.json").read_bytes()[:200])
    with pytest.raises(DataError, match=r"RUN_INVALID: .*/run.json line \d+: it is cut short or is not JSON"):
        RunFolder.open(run.path)
    (run.path / "run.json").write_bytes(b'{"format_version": 1, "run_id": "x"}')
    with pytest.raises(DataError, match="it lacks status, experiment, symbols, settings"):
        RunFolder.open(run.path)
    (run.path / "run.json").write_bytes(b"[]")
    with pytest.raises(DataError, match="RUN_INVALID"):
        RunFolder.open(run.path)
