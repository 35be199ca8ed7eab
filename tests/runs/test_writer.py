from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import DataError, ErrorCode, TradinggroupError
from tradinggroup.runs.creation import RunSources
from tradinggroup.runs.row_file import RowFile
from tradinggroup.runs.writer import RunWriter, append_check, hashes_of

STARTED_AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SOURCES = RunSources(
    experiment_toml='name = "x"\r\n', resolved_toml='name = "x"\n', risk_toml="", cards={"decision.md": "+++\nagent = 1\n+++\né"}
)
SESSIONS = [date(2026, 1, 5) + timedelta(days=day) for day in range(4)]
SYMBOLS = ("CCC", "AAA", "BBB")


OPENED: list[RunWriter] = []


@pytest.fixture(autouse=True)
def _close_all() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().close()


def create(folder: Path, *, symbols: Iterable[str] = SYMBOLS, started_at: datetime = STARTED_AT, identity: bytes = b"x") -> RunWriter:
    writer = RunWriter.create(
        folder / "runs", experiment="demo", identity=identity, started_at=started_at, symbols=tuple(symbols), sources=SOURCES
    )
    OPENED.append(writer)
    return writer


def equity(session: date, symbol: str, value: float = 100_000.0) -> dict[str, Any]:
    return {"session": session, "symbol": symbol, "equity_usd": value, "cash_usd": value, "shares": 0, "close_usd": 10.1}


def order(session: date, symbol: str, fill_session: date | None) -> dict[str, Any]:
    return {
        "session": session, "symbol": symbol, "order_id": f"{symbol}-{session}", "action": "buy", "style": "balanced",
        "reason_code": "ALLOWED", "forced": False, "shares_wanted": 3, "shares_ordered": 3, "shares_filled": 3,
        "status": "filled", "fill_session": fill_session, "fill_reason_code": "ALLOWED",
    }  # fmt: skip


def decision(session: date, symbol: str, *, has_order: bool) -> dict[str, Any]:
    return {"session": session.isoformat(), "symbol": symbol, "sizing": {"order_id": f"{symbol}-{session}" if has_order else None}}


Step = tuple[str, Any]


def steps_of(symbol: str, *, halted: bool) -> list[Step]:
    """What one symbol's thread sends: an order a session, which ends at the next open (with `halted` over two sessions)."""
    steps: list[Step] = []
    waiting: list[date] = []
    for place, session in enumerate(SESSIONS):
        has_bar = not (halted and place == 2)
        if has_bar:
            steps += [("row", (RowKind.ORDER, old, order(old, symbol, session))) for old in waiting]
            waiting = [session]
            steps.append(("row", (RowKind.DECISION, session, decision(session, symbol, has_order=True))))
            steps += [("row", (RowKind.REFLECTION, session, {"symbol": symbol, "number": number})) for number in (2, 1)]
        steps.append(("row", (RowKind.EQUITY, session, equity(session, symbol))))
        steps += [("session_done", session)] if has_bar else []  # as the engine does: an order may wait through a halt
    steps += [("row", (RowKind.ORDER, old, order(old, symbol, None))) for old in waiting]
    return [*steps, ("symbol_done", None)]


def send(writer: RunWriter, symbol: str, step: Step) -> None:
    name, value = step
    if name == "row":
        kind, session, row = value
        writer.row(kind, session, symbol, row)
    elif name == "session_done":
        writer.session_done(symbol, value)
    else:
        writer.symbol_done(symbol)


def contents(folder: Path) -> dict[str, bytes]:
    return {kind.value: (folder / kind).read_bytes() for kind in RowKind}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, dict[str, bytes]]:
    found = {}
    for halted in (False, True):
        writer = create(tmp_path_factory.mktemp("expected"))
        for symbol in SYMBOLS:
            for step in steps_of(symbol, halted=halted and symbol == "BBB"):
                send(writer, symbol, step)
        writer.close()
        found[halted] = contents(writer.folder)
    return found


def test_rows_are_ordered_by_session_then_symbol_then_arrival(expected: dict[bool, dict[str, bytes]]) -> None:
    rows = [line.split(b",")[:2] for line in expected[False]["equity.csv"].splitlines()[1:]]
    assert rows == [[str(session).encode(), symbol.encode()] for session in SESSIONS for symbol in sorted(SYMBOLS)]
    assert expected[False]["reflections.jsonl"].splitlines()[:2] == [b'{"symbol":"AAA","number":2}', b'{"symbol":"AAA","number":1}']
    assert expected[False]["trades.csv"].count(b"\n") == 1, "a file without rows still says its columns"


def test_an_order_that_waits_over_a_halt_stands_at_its_decision(expected: dict[bool, dict[str, bytes]]) -> None:
    rows = [line.decode().split(",") for line in expected[True]["orders.csv"].splitlines()[1:]]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    waited = next(row for row in rows if row[:2] == [str(SESSIONS[1]), "BBB"])
    assert waited[11] == str(SESSIONS[3])


@settings(max_examples=60, deadline=None)
@given(data=st.data(), halted=st.booleans())
def test_any_interleaving_of_symbols_gives_the_same_bytes(
    data: st.DataObject, halted: bool, expected: dict[bool, dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    steps = {symbol: steps_of(symbol, halted=halted and symbol == "BBB") for symbol in SYMBOLS}
    turns = data.draw(st.permutations([symbol for symbol in SYMBOLS for _ in steps[symbol]]))
    writer = create(tmp_path_factory.mktemp("run"), symbols=data.draw(st.permutations(SYMBOLS)))
    cut = data.draw(st.integers(0, len(turns)))
    for place, symbol in enumerate(turns):
        if place == cut:
            for name, content in contents(writer.folder).items():
                assert expected[halted][name].startswith(content), f"{name} is not a prefix"
                assert content == b"" or content.endswith(b"\n")
        send(writer, symbol, steps[symbol].pop(0))
    writer.close()
    assert contents(writer.folder) == expected[halted]


def test_threads_give_the_same_bytes(expected: dict[bool, dict[str, bytes]], tmp_path: Path) -> None:
    writer = create(tmp_path)

    def run(symbol: str) -> None:
        for step in steps_of(symbol, halted=False):
            send(writer, symbol, step)

    threads = [threading.Thread(target=run, args=(symbol,)) for symbol in SYMBOLS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert contents(writer.folder) == expected[False]


def test_a_session_is_written_as_soon_as_the_last_symbol_is_done_with_it(tmp_path: Path) -> None:
    writer = create(tmp_path, symbols=("AAA", "BBB"))
    for symbol in ("AAA", "BBB"):
        assert (writer.folder / "equity.csv").read_bytes().count(b"\n") == 1
        writer.row(RowKind.EQUITY, SESSIONS[0], symbol, equity(SESSIONS[0], symbol))
        writer.session_done(symbol, SESSIONS[0])
    assert (writer.folder / "equity.csv").read_bytes().count(b"\n") == 3


@pytest.mark.parametrize("late", [SESSIONS[0], SESSIONS[1]])
def test_a_row_after_its_session_was_done_is_a_mistake_of_ours(tmp_path: Path, late: date) -> None:
    writer = create(tmp_path)
    writer.session_done("AAA", SESSIONS[1])
    with pytest.raises(TradinggroupError, match=r"INTERNAL: a row came after its session was done, file=equity.csv") as raised:
        writer.row(RowKind.EQUITY, late, "AAA", equity(late, "AAA"))
    assert raised.value.code is ErrorCode.INTERNAL


def test_a_resumed_run_goes_on_where_the_bytes_end(expected: dict[bool, dict[str, bytes]], tmp_path: Path) -> None:
    first = create(tmp_path)
    for symbol in SYMBOLS:
        for step in steps_of(symbol, halted=False)[:12]:
            send(first, symbol, step)
    first.close()
    with (first.folder / "equity.csv").open("ab") as stream:
        stream.write(b"2026-01-07,AA")  # a process that was killed while it wrote
    assert (first.folder / "decisions.jsonl").read_bytes() not in (b"", expected[False]["decisions.jsonl"])
    second = RunWriter.resume(first.folder, symbols=SYMBOLS)
    for symbol in SYMBOLS:
        for step in steps_of(symbol, halted=False):
            send(second, symbol, step)
    second.close()
    assert second.run_id == first.run_id
    assert contents(first.folder) == expected[False]


def test_a_resumed_run_that_comes_out_differently_stops_and_keeps_the_file(tmp_path: Path) -> None:
    path = tmp_path / "equity.csv"
    path.write_bytes(b"a\nb\nc\n")
    file = RowFile(path, first_line=b"a\n", keep=True)
    with pytest.raises(DataError, match=r"RUN_INVALID: a resumed run came out differently, file=equity.csv, first_line=2 or later"):
        file.append(b"x\nc\nd\n")
    file.close()
    assert path.read_bytes() == b"a\nb\nc\n"


def test_rows_from_a_session_on_can_be_taken_back(expected: dict[bool, dict[str, bytes]], tmp_path: Path) -> None:
    """What an outage had a hand in does not stand: the run is sent again, and may come out differently from there on."""
    folder = tmp_path / "run"
    folder.mkdir()
    for kind, content in expected[True].items():
        (folder / kind).write_bytes(content + b'{"session":"2024')
    sessions = sorted({orjson.loads(line)["session"] for line in expected[True][RowKind.DECISION].splitlines()})
    RunWriter.resume(folder, symbols=("AAA",), before=sessions[2]).close()
    for kind, content in expected[True].items():
        kept = (folder / kind).read_bytes()
        assert content.startswith(kept)
        assert not kept or kept.endswith(b"\n")
        assert all(session.encode() not in kept for session in sessions[2:] if kind in {RowKind.DECISION, RowKind.EQUITY})
    decisions = (folder / RowKind.DECISION).read_bytes()
    assert {orjson.loads(line)["session"] for line in decisions.splitlines()} == set(sessions[:2])


def test_what_rows_were_made_from_is_kept_before_them(tmp_path: Path) -> None:
    writer = RunWriter.create(
        tmp_path, experiment="x", identity=b"", started_at=datetime(2024, 1, 2, tzinfo=UTC), symbols=("AAA",), sources=SOURCES
    )
    sizes = []
    writer.write_after(lambda: sizes.append((writer.folder / RowKind.DECISION).stat().st_size))
    for day in (date(2024, 1, 2), date(2024, 1, 3)):
        writer.row(RowKind.DECISION, day, "AAA", {"session": day.isoformat()})
        writer.session_done("AAA", day)
    writer.close()
    assert sizes == [0, len(b'{"session":"2024-01-02"}\n')]


def test_folder_name_and_copies(tmp_path: Path) -> None:
    writer = create(tmp_path)
    assert writer.folder.name == f"20260304T050607Z-demo-{writer.run_id}"
    assert len(writer.run_id) == 6
    assert int(writer.run_id, 16) >= 0
    assert (writer.folder / "experiment.toml").read_bytes() == b'name = "x"\r\n'
    assert (writer.folder / "cards" / "decision.md").read_text(encoding="utf-8").endswith("é")


def test_runs_of_the_same_second_get_names_that_sort_by_start_and_ids_of_their_own(tmp_path: Path) -> None:
    writers = [create(tmp_path) for _ in range(4)]
    names = [writer.folder.name for writer in writers]
    assert names == sorted(names)
    assert len({writer.run_id for writer in writers}) == 4


def test_two_processes_that_take_the_same_name_at_once_get_two_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = create(tmp_path)
    listed: Any = iter([[]])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "iterdir", lambda self: iter(next(listed, [first.folder])))
        second = create(tmp_path)
    assert second.folder != first.folder


def test_header_is_replaced_as_a_whole_and_lists_the_hashes(tmp_path: Path) -> None:
    writer = create(tmp_path)
    writer.write_header({"status": "running"})
    assert orjson.loads((writer.folder / "run.json").read_bytes()) == {"status": "running"}
    writer.write_baseline("random", equity=[equity(SESSIONS[1], "B"), equity(SESSIONS[0], "B"), equity(SESSIONS[0], "A")], fills=[])
    append_check(writer.folder, {"check": "verify", "equal": True})
    writer.finish({"status": "success"})
    header = orjson.loads((writer.folder / "run.json").read_bytes())
    assert header["status"] == "success"
    assert header["files"] == hashes_of(writer.folder)
    assert "run.json" not in header["files"]
    assert "checks.jsonl" not in header["files"]
    assert header["files"]["experiment.toml"]["bytes"] == 12
    rows = (writer.folder / "baselines" / "random" / "equity.csv").read_text(encoding="utf-8").splitlines()
    assert [row[:12] for row in rows[1:]] == ["2026-01-05,A", "2026-01-05,B", "2026-01-06,B"]
    assert not list(writer.folder.rglob("*.partial"))
    with pytest.raises(TradinggroupError, match=r"file=run.json, field=metrics.ALL"):
        writer.write_header({"metrics": {"ALL": float("nan")}})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_clear_error_for_every_thread(tmp_path: Path) -> None:
    writer = create(tmp_path, symbols=("AAA",))
    file = writer._files[RowKind.EQUITY]
    file.close()
    with Path("/dev/full").open("wb", buffering=0) as full:
        file._stream = full
        writer.row(RowKind.EQUITY, SESSIONS[0], "AAA", equity(SESSIONS[0], "AAA"))
        with pytest.raises(DataError, match=r"RUN_UNWRITABLE: path=.*equity.csv, reason=No space left on device\. Make room") as raised:
            writer.session_done("AAA", SESSIONS[0])
    assert raised.value.exit_code == 3
    with pytest.raises(DataError, match="RUN_UNWRITABLE"):
        writer.row(RowKind.EQUITY, SESSIONS[1], "AAA", equity(SESSIONS[1], "AAA"))
    assert (writer.folder / "equity.csv").read_bytes().endswith(b"close_usd\n"), "what was written stays"


def test_a_disk_that_fills_up_in_the_middle_of_a_chunk_leaves_whole_lines(tmp_path: Path) -> None:
    file = RowFile(tmp_path / "x.jsonl")
    file.append(b"one\n")

    class Full:
        def __init__(self, stream: Any) -> None:
            self.stream, self.calls = stream, 0

        def write(self, chunk: Any) -> int:
            self.calls += 1
            if self.calls > 1:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self.stream.write(bytes(chunk)[:3])

        def truncate(self, size: int) -> int:
            return self.stream.truncate(size)

    whole = file._stream
    file._stream = Full(whole)  # type: ignore[assignment]
    with pytest.raises(DataError, match="RUN_UNWRITABLE"):
        file.append(b"two\nthree\n")
    whole.close()
    assert (tmp_path / "x.jsonl").read_bytes() == b"one\n"


def test_a_read_only_or_impossible_place_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs").write_text("a file in the way", encoding="utf-8")
    with pytest.raises(DataError, match=r"RUN_UNWRITABLE: path=.*runs, reason="):
        create(tmp_path)

    def refuse(self: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(DataError, match=r"RUN_UNWRITABLE: path=.*elsewhere.*, reason=Permission denied"):
            create(tmp_path / "elsewhere")


def test_cost_of_a_row_does_not_grow_with_the_run(tmp_path: Path) -> None:
    import time

    writer = create(tmp_path, symbols=("AAA",))
    sessions = [date(2000, 1, 1) + timedelta(days=day) for day in range(2000)]
    start = time.perf_counter()
    for session in sessions:
        for _ in range(5):
            writer.row(RowKind.EQUITY, session, "AAA", equity(session, "AAA"))
        writer.session_done("AAA", session)
    writer.close()
    seconds_a_row = (time.perf_counter() - start) / 10_000
    assert seconds_a_row < 100e-6, "a guard against a quadratic writer, with much room for a busy machine"
