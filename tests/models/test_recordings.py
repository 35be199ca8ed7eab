"""The store of recordings: what goes in comes out, in any order, from any place, and damage is told."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.support import request
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.models.answers import Decision, NewsScore
from tradinggroup.models.port import Attempt, Failure, FailureKind, ModelReply, ModelRequest, Usage
from tradinggroup.models.recording_calls import first_other_call
from tradinggroup.models.recording_rows import COLUMNS
from tradinggroup.models.recordings import FLUSH_ROWS, RecordingStore

BAD = Failure(FailureKind.NOT_JSON, "not valid JSON")


def good(wanted: ModelRequest, **changes: Any) -> ModelReply:
    fields: dict[str, Any] = {
        "key": wanted.key, "answer": Decision(action="hold", confidence=0.1, reasoning="flat ä 🙂"), "failure": None, "text": "raw",
        "usage": Usage(3, 4), "attempts": 1, "model_returned": "m (fp)", "reasoning": "thoughts", **changes,
    }  # fmt: skip
    return ModelReply(**fields)


def failed(wanted: ModelRequest) -> ModelReply:
    tries = (Attempt("", Failure(FailureKind.HTTP_STATUS, "HTTP 500")), Attempt("raw", BAD))
    return good(wanted, answer=None, failure=BAD, attempts=2, tries=tries)


@pytest.mark.parametrize("make", [good, failed])
@pytest.mark.parametrize("when", ["pending", "flushed", "reopened", "readonly"])
def test_a_reply_comes_back_as_it_was(tmp_path: Path, make: Any, when: str) -> None:
    wanted, store = request(), RecordingStore.open(tmp_path / "r.sqlite")
    store.put(wanted, make(wanted))
    if when == "flushed":
        store.flush()
    if when in {"reopened", "readonly"}:
        store.close()
        store = RecordingStore.open(tmp_path / "r.sqlite", readonly=when == "readonly")
    reply = store.get(wanted)
    store.close()
    expected = make(wanted)
    assert reply is not None
    assert reply.recorded
    assert {name: getattr(reply, name) for name in ModelReply.__slots__ if name != "recorded"} == {
        name: getattr(expected, name) for name in ModelReply.__slots__ if name != "recorded"
    }


def test_answers_round_trip_to_the_bit(tmp_path: Path) -> None:
    @given(score=st.floats(-1, 1), analysis=st.text(st.characters(exclude_categories=["Cs"])))
    @settings(max_examples=200, deadline=None)
    def holds(score: float, analysis: str) -> None:
        wanted = request(analysis, schema=NewsScore)
        answer = NewsScore(score=score, analysis=analysis)
        store.put(wanted, good(wanted, answer=answer, text=analysis))
        store.flush()
        reply = store.get(wanted)
        assert reply is not None
        assert repr(reply.answer) == repr(answer)
        assert reply.text == analysis

    with RecordingStore.open(tmp_path / "r.sqlite") as store:
        holds()


def test_only_the_same_content_is_found(tmp_path: Path) -> None:
    with RecordingStore.open(tmp_path / "r.sqlite") as store:
        store.put(request(), good(request()))
        assert store.get(request(session="2031-01-01", agent="other", position=5)) is not None
        for other in (request("else"), request(seed_index=1), request(model="openai:n"), request(schema=NewsScore), request(parameters={})):
            assert store.get(other) is None


def test_failures_and_outages_can_be_passed_over(tmp_path: Path) -> None:
    with RecordingStore.open(tmp_path / "r.sqlite") as store:
        store.put(request(), failed(request()))
        assert store.get(request()) is not None
        assert store.get(request(), answers_only=True) is None
        store.mark_outage([request().key])
        assert store.get(request()) is not None
        assert store.get(request(), skip_outage=True) is None
        store.put(request(), good(request()))
        assert store.get(request(), skip_outage=True) is not None
        store.flush()
        assert store.read_attempts(request().key) == ()


def test_the_first_session_of_an_outage(tmp_path: Path) -> None:
    with RecordingStore.open(tmp_path / "r.sqlite") as store:
        for day in ("2024-03-05", "2024-03-04", "2024-03-01"):
            store.put(request(day, session=day), failed(request(day, session=day)))
            store.put_call(request(day, session=day))
        assert store.first_outage_session() is None
        store.mark_outage([request(day).key for day in ("2024-03-05", "2024-03-04")])
        assert store.first_outage_session() == "2024-03-04"
        store.put(request("2024-03-04"), good(request("2024-03-04")))
        store.flush()
        assert store.first_outage_session() == "2024-03-05"


def _rows(path: Path) -> list[Any]:
    connection = sqlite3.connect(path)
    rows = [sorted(connection.execute(f"SELECT * FROM {table}")) for table in ("meta", "recordings", "attempts", "calls", "times")]
    connection.close()
    return rows


def test_rows_do_not_depend_on_the_order(tmp_path: Path) -> None:
    wanted = [request(str(number), session=f"2024-03-0{number}") for number in range(1, 4)]
    seen = []
    for number, order in enumerate(itertools.permutations(wanted)):
        path = tmp_path / f"{number}.sqlite"
        with RecordingStore.open(path) as store:
            for item in order:
                store.put(item, failed(item) if item is wanted[1] else good(item))
                store.put_call(item)
                if item is wanted[0]:
                    store.flush()
        seen.append(_rows(path))
    assert all(rows == seen[0] for rows in seen)


def test_calls_are_found_by_what_they_were_for(tmp_path: Path) -> None:
    items = [request("a", agent="news_sentiment", purpose="item", position=number, symbol=symbol) for symbol in "BA" for number in (1, 0)]
    with RecordingStore.open(tmp_path / "r.sqlite") as store:
        for item in [*items, request("b", session="2024-03-04")]:
            store.put(item, good(item), live=item.agent != "decision")
            store.put_call(item)
        calls = store.read_calls()
        assert [(call.session, call.symbol, call.position) for call in calls] == [
            ("2024-03-01", "A", 0), ("2024-03-01", "A", 1), ("2024-03-01", "B", 0), ("2024-03-01", "B", 1), ("2024-03-04", "ACME", 0),
        ]  # fmt: skip
        assert [call.recorded for call in calls] == [False, False, False, False, True]
        assert calls[0].messages == items[0].messages
        assert calls[0].answer == {"action": "hold", "confidence": 0.1, "reasoning": "flat ä 🙂"}
        assert (calls[0].usage, calls[0].reasoning, calls[0].key) == (Usage(3, 4), "thoughts", items[0].key)
        assert len(store.read_calls(agent="news_sentiment", symbol="A")) == 2
        assert len(store.read_calls(session="2024-03-04")) == 1
        assert store.read_calls(purpose="none") == []


def test_pending_rows_are_written_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradinggroup.models.recordings.FLUSH_SECONDS", 0.05)
    with RecordingStore.open(tmp_path / "r.sqlite") as store:
        store.put(request(), good(request()))
        for _ in range(100):
            time.sleep(0.02)
            with RecordingStore.open(tmp_path / "r.sqlite", readonly=True) as other:
                if other.get(request()) is not None:
                    break
        else:
            pytest.fail("not written within two seconds")


def test_many_pending_rows_are_written_at_once(tmp_path: Path) -> None:
    with RecordingStore.open(tmp_path / "r.sqlite") as store:
        for number in range(FLUSH_ROWS):
            store.put(request(str(number)), good(request(str(number))))
        with RecordingStore.open(tmp_path / "r.sqlite", readonly=True) as other:
            assert other.get(request("0")) is not None


def test_a_closed_store_is_one_file_and_reading_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "r.sqlite"
    with RecordingStore.open(path) as store:
        store.put(request(), good(request()))
    before = path.read_bytes()
    moved = tmp_path / "elsewhere ä#?%"
    shutil.move(path.parent, moved)
    (moved / "r.sqlite").chmod(0o444)
    moved.chmod(0o555)
    try:
        with RecordingStore.open(moved / "r.sqlite", readonly=True) as store:
            assert store.get(request()) is not None
            with pytest.raises(DataError, match="reading only"):
                store.put(request(), good(request()))
    finally:
        moved.chmod(0o755)
    assert [item.name for item in moved.iterdir()] == ["r.sqlite"]
    assert (moved / "r.sqlite").read_bytes() == before


def test_two_connections_share_a_file(tmp_path: Path) -> None:
    with RecordingStore.open(tmp_path / "r.sqlite") as first, RecordingStore.open(tmp_path / "r.sqlite") as second:
        first.put(request("1"), good(request("1")))
        second.put(request("2"), good(request("2")))
        first.flush()
        second.flush()
        assert first.get(request("2")) is not None
        assert second.get(request("1")) is not None


def _not_a_database(path: Path) -> None:
    path.write_bytes(b"this is no database, however long it may be" * 100)


def _empty(path: Path) -> None:
    path.touch()


def _missing(path: Path) -> None:
    """Leave nothing there."""


def _folder(path: Path) -> None:
    path.mkdir()


def _cut_short(path: Path) -> None:
    with RecordingStore.open(path) as store:
        for number in range(50):
            store.put(request(str(number)), good(request(str(number)), text="x" * 4000))
            store.put_call(request(str(number)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])


def _newer(path: Path) -> None:
    RecordingStore.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '99'")
    connection.commit()
    connection.close()


def _other_tables(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE notes (text)")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("damage", [_not_a_database, _empty, _missing, _folder, _cut_short, _newer, _other_tables])
def test_a_file_that_is_no_store_is_told(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "r.sqlite"
    damage(path)

    def read() -> None:
        with RecordingStore.open(path, readonly=True) as store:
            store.read_calls()

    with pytest.raises(DataError) as caught:
        read()
    assert (caught.value.code, caught.value.exit_code) == (ErrorCode.RECORDING_INVALID, 3)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("damage", [_not_a_database, _newer, _other_tables])
def test_a_damaged_file_is_not_written_over(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "r.sqlite"
    damage(path)
    before = path.read_bytes()
    with pytest.raises(DataError) as caught:
        RecordingStore.open(path)
    assert caught.value.code == ErrorCode.RECORDING_INVALID
    assert path.read_bytes() == before


def _changed(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


_TAMPERED = {
    "answer": "UPDATE recordings SET answer = replace(answer, 'hold', 'sell ')",
    "other schema": """UPDATE recordings SET answer = '{"action": "short"}'""",
    "raw reply": "UPDATE recordings SET reply = 'raw!'",
    "failure": "UPDATE recordings SET answer = NULL, failure_kind = 'empty', failure_detail = ''",
    "tokens": "UPDATE recordings SET prompt_tokens = 1",
    "model": "UPDATE recordings SET model_returned = 'other'",
    "thoughts": "UPDATE recordings SET reasoning = ''",
    "who asked": "UPDATE recordings SET live = 0",
    "hash gone": "UPDATE recordings SET reply_hash = NULL",
    "rung": "UPDATE recordings SET rung = 'text'",
    "request": "UPDATE recordings SET request = replace(request, 'You trade.', 'You gamble.')",
    "attempt": "UPDATE attempts SET reply = 'other' WHERE number = 1",
    "attempt gone": "DELETE FROM attempts WHERE number = 1",
}


@pytest.mark.parametrize("how", _TAMPERED)
def test_a_recording_that_was_tampered_with_is_told(tmp_path: Path, how: str) -> None:
    """By whoever reads it: a run that asks for it, and a page that lists the calls."""
    wanted, path = request(), tmp_path / "r.sqlite"
    with RecordingStore.open(path) as store:
        store.put(wanted, failed(wanted) if how.startswith("attempt") else good(wanted))
        store.put_call(wanted)
        store.put(request("other"), good(request("other")))
    _changed(path, _TAMPERED[how] + (" AND" if "WHERE" in _TAMPERED[how] else " WHERE") + f" key = '{wanted.key}'")
    with RecordingStore.open(path, readonly=True) as store:
        for read in (lambda: store.get(wanted), store.read_calls, lambda: store.read_key(wanted.key)):
            with pytest.raises(DataError, match=f"recording {wanted.key[7:19]} was changed") as caught:
                read()
            assert (caught.value.code, caught.value.exit_code) == (ErrorCode.RECORDING_INVALID, 3)
        assert store.get(request("other")) is not None


_TO_FORMAT_1 = (
    "ALTER TABLE recordings DROP COLUMN rung", "ALTER TABLE recordings DROP COLUMN reply_hash", "ALTER TABLE attempts DROP COLUMN rung",
    "DROP TABLE times", "UPDATE meta SET value = '1'",
)  # fmt: skip


@pytest.mark.parametrize("readonly", [True, False], ids=["read", "written"])
def test_a_store_of_the_first_format_is_read_and_written(tmp_path: Path, *, readonly: bool) -> None:
    path = tmp_path / "r.sqlite"
    with RecordingStore.open(path) as store:
        for item, reply in ((request("1"), good(request("1"))), (request("2"), failed(request("2")))):
            store.put(item, reply)
            store.put_call(item)
        store.mark_outage([request("2").key])
    _changed(path, *_TO_FORMAT_1)
    before = path.read_bytes()
    with RecordingStore.open(path, readonly=readonly) as store:
        assert [call.key for call in store.read_calls()] == sorted([request("1").key, request("2").key])
        kept = store.get(request("2"))
        assert kept is not None
        assert kept.tries == failed(request("2")).tries
        assert store.get(request("2"), skip_outage=True) is None
        if not readonly:
            store.put(request("3"), good(request("3")))
    assert (path.read_bytes() == before) is readonly
    if not readonly:
        with RecordingStore.open(path, readonly=True) as store:
            assert [store.get(request(text)) is not None for text in "123"] == [True] * 3
            assert store.rows("SELECT value FROM meta") == [("3",)]
            assert store.check() == 0


@pytest.mark.parametrize("readonly", [True, False], ids=["read", "written"])
def test_a_store_of_the_second_format_is_read_and_written(tmp_path: Path, *, readonly: bool) -> None:
    """Its hash left out who asked; a reply that the first format had left without one still has none; what was changed stays found."""
    path, wanted = tmp_path / "r.sqlite", [request(text) for text in "123"]
    with RecordingStore.open(path) as store:
        for item in wanted:
            store.put(item, good(item))
    # As that format computed it, of the first; the second is from the first format; the third was changed.
    row = sqlite3.connect(path).execute(f"SELECT {', '.join(COLUMNS)} FROM recordings WHERE key = ?", (wanted[0].key,)).fetchone()
    old_hash = "sha256:" + hashlib.sha256(orjson.dumps([row[0], *row[2:11], row[12], []])).hexdigest()
    _changed(
        path,
        "UPDATE meta SET value = '2'",
        f"UPDATE recordings SET reply_hash = '{old_hash}' WHERE key = '{wanted[0].key}'",
        f"UPDATE recordings SET reply_hash = NULL WHERE key = '{wanted[1].key}'",
        f"UPDATE recordings SET reply = 'other' WHERE key = '{wanted[2].key}'",
    )
    with RecordingStore.open(path, readonly=readonly) as store:
        assert [store.get(item) is not None for item in wanted[:2]] == [True, True]
        with pytest.raises(DataError, match="was changed"):
            store.get(wanted[2])
        assert store.rows("SELECT value FROM meta") == [("2" if readonly else "3",)]


def test_calls_that_were_asked_otherwise_than_the_file_says(tmp_path: Path) -> None:
    path, asked = tmp_path / "r.sqlite", [request(text, session=f"2024-03-0{text}") for text in "123"]
    with RecordingStore.open(path) as store:
        for item in asked:
            store.put(item, good(item))
            store.put_call(item)
    rows = [(item.session, item.symbol, item.agent, item.purpose, item.position, item.key) for item in asked]

    def first_other(statement: str) -> object:
        shutil.copy(path, tmp_path / "changed.sqlite")
        _changed(tmp_path / "changed.sqlite", statement)
        with RecordingStore.open(tmp_path / "changed.sqlite", readonly=True) as store:
            for item in asked:
                store.put_call(item)
            return first_other_call(store, store.asked)

    assert first_other("SELECT 1") is None
    assert first_other("DELETE FROM calls WHERE session = '2024-03-02'") == (None, rows[1])
    assert first_other("UPDATE calls SET session = '2024-03-04' WHERE session = '2024-03-03'") == (None, rows[2])
    other = (*rows[1][:5], rows[0][5])
    assert first_other(f"UPDATE calls SET key = '{rows[0][5]}' WHERE session = '2024-03-02'") == (other, rows[1])
    extra = ("2024-02-01", *rows[0][1:])
    assert first_other("INSERT INTO calls SELECT '2024-02-01', symbol, agent, purpose, position, key FROM calls LIMIT 1") == (extra, None)
    with RecordingStore.open(path) as store:
        store.forget_calls(since="2024-03-02")
        assert [call.session for call in store.read_calls()] == ["2024-03-01"]
        assert store.get(asked[2]) is not None


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "r.sqlite", tmp_path):
        with pytest.raises(DataError) as caught:
            RecordingStore.open(path)
        assert caught.value.code == ErrorCode.RUN_UNWRITABLE


def test_a_full_disk_is_told_and_loses_nothing_of_before(tmp_path: Path) -> None:
    store = RecordingStore.open(tmp_path / "r.sqlite")
    store.put(request("before"), good(request("before")))
    store.flush()
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    store.put(request("after"), good(request("after"), text="x" * 100_000))
    with pytest.raises(DataError, match="full") as caught:
        store.flush()
    assert caught.value.code == ErrorCode.RUN_UNWRITABLE
    with pytest.raises(DataError, match="full"):
        store.put(request(), good(request()))
    with pytest.raises(DataError, match="full"):
        store.close()
    with RecordingStore.open(tmp_path / "r.sqlite", readonly=True) as reader:
        assert reader.get(request("before")) is not None
        assert reader.get(request("after")) is None


def test_a_store_that_was_killed_is_read(tmp_path: Path) -> None:
    """The write-ahead log of a killed run is part of it."""
    store = RecordingStore.open(tmp_path / "r.sqlite")
    store.put(request(), good(request()))
    store.flush()
    for path in list(tmp_path.iterdir()):
        shutil.copy(path, tmp_path / path.name.replace("r.", "killed."))
    store.close()
    assert (tmp_path / "killed.sqlite-wal").stat().st_size > 0
    (tmp_path / "killed.sqlite-shm").unlink()
    with RecordingStore.open(tmp_path / "killed.sqlite", readonly=True) as reader:
        assert reader.get(request()) is not None


def test_a_write_that_fails_in_python_leaves_the_store_usable(tmp_path: Path) -> None:
    """A value that SQLite cannot hold raises no error of its own kind; the transaction must not stay open behind it."""
    with RecordingStore.open(tmp_path / "store.sqlite") as store:
        with pytest.raises(OverflowError), store._transaction():
            store._connection.execute("SELECT ?", (10**30,))
        store.flush()
        with store._transaction():
            store._connection.execute("SELECT 1")
