"""A project's store of recordings with several processes at work: nothing is lost, and nobody is told of a lock."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.models.support import request
from tradinggroup.models.recordings import RecordingStore

ROWS = 150
WRITER = """
import sys
from pathlib import Path
from tests.models.support import request
from tests.models.test_recordings import good
from tradinggroup.models.recordings import RecordingStore

path, name, rows = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for start in range(0, rows, 5):
    with RecordingStore.open(path, shared=True) as store:
        for number in range(start, start + 5):
            wanted = request(f"{name} {number}")
            store.put(wanted, good(wanted))
            store.put_call(wanted)
            store.flush()
            assert store.get(wanted) is not None
print("done")
"""
"""Opens and closes the store again and again, which is where SQLite would say `locked` first."""


def _start(path: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(ROWS)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def test_two_processes_write_while_a_third_reads(tmp_path: Path) -> None:
    path = tmp_path / "recordings.sqlite"
    RecordingStore.open(path, shared=True).close()
    writers = [_start(path, name) for name in ("one", "two")]
    seen = 0
    while any(writer.poll() is None for writer in writers):
        with RecordingStore.open(path, readonly=True) as store:
            found = len(store.read_calls())
        assert found >= seen, "what was there stays there"
        seen = found
    for writer in writers:
        out, err = writer.communicate()
        assert (writer.returncode, out, err) == (0, "done\n", "")
    with RecordingStore.open(path, readonly=True) as store:
        assert all(store.get(request(f"{name} {number}")) is not None for name in ("one", "two") for number in range(ROWS))
        assert store.rows("SELECT COUNT(*) FROM times") == [(2 * ROWS,)]


def test_two_processes_make_the_same_store(tmp_path: Path) -> None:
    path = tmp_path / "new" / "recordings.sqlite"
    writers = [_start(path, name) for name in ("one", "two")]
    assert [writer.communicate() for writer in writers] == [("done\n", "")] * 2
    with RecordingStore.open(path, readonly=True) as store:
        assert len(store.read_calls()) == 2 * ROWS
