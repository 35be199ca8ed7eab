"""The chain of the ledger: whatever is changed, cut or taken out is found, and two processes may append at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from tests.runs.factory import make_project
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.project import Project
from tradinggroup.runs.ledger.file import FIRST_PREVIOUS, Fault, hash_of, open_ledger, read_ledger
from tradinggroup.runs.ledger.trials import trials_of

APPEND = """
import sys
from pathlib import Path
from tradinggroup.project import Project
from tradinggroup.runs.ledger.file import open_ledger
for number in range(25):
    with open_ledger(Project(Path(sys.argv[1]))) as book:
        book.append("end", run_id=f"{sys.argv[2]}-{number}", status="success")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = make_project(tmp_path / "project")
    with open_ledger(project) as book:
        for number in range(5):
            book.append("start", run_id=f"run{number}", trial=f"t{number}")
    return project


def lines_of(project: Project) -> list[bytes]:
    return project.ledger_file.read_bytes().splitlines(keepends=True)


def fault_of(project: Project) -> Fault:
    fault = read_ledger(project).fault
    assert fault is not None
    return fault


def test_each_line_carries_the_hash_of_the_line_before(project: Project) -> None:
    entries = [orjson.loads(line) for line in lines_of(project)]
    assert [entry["line"] for entry in entries] == [1, 2, 3, 4, 5]
    hashes = [hash_of(line.rstrip(b"\n")) for line in lines_of(project)]
    assert [entry["previous"] for entry in entries] == [FIRST_PREVIOUS, *hashes[:-1]]
    assert read_ledger(project).fault is None
    assert read_ledger(project).hashes == tuple(hashes)


@pytest.mark.parametrize("line", [1, 3, 5])
def test_an_edited_line_is_found(project: Project, line: int) -> None:
    lines = lines_of(project)
    lines[line - 1] = lines[line - 1].replace(b'"trial":"t', b'"trial":"x')
    project.ledger_file.write_bytes(b"".join(lines))
    assert fault_of(project) == Fault(line, "is not as it was written")


@pytest.mark.parametrize("line", [1, 3])
def test_a_line_taken_out_is_found(project: Project, line: int) -> None:
    lines = lines_of(project)
    del lines[line - 1]
    project.ledger_file.write_bytes(b"".join(lines))
    assert fault_of(project).line == line
    assert "taken out" in fault_of(project).text


@pytest.mark.parametrize("kept", [0, 2, 4])
def test_lines_cut_off_the_end_are_missed(project: Project, kept: int) -> None:
    project.ledger_file.write_bytes(b"".join(lines_of(project)[:kept]))
    assert fault_of(project) == Fault(kept + 1, f"is missing: 5 lines were written, {kept} are there")


def test_a_half_line_and_a_line_that_is_no_json_are_found(project: Project) -> None:
    whole = project.ledger_file.read_bytes()
    project.ledger_file.write_bytes(whole[:-20])
    assert fault_of(project).line == 5
    project.ledger_file.write_bytes(whole + b"[1]\n")
    assert fault_of(project) == Fault(6, "is cut short or no JSON")
    assert len(read_ledger(project).entries) == 5


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"kind":"start"}', "is no start line: line is missing"),
        ('{"kind":"end","line":9}', "is no end line: previous is missing"),
        ('{"kind":["start"]}', "is of no kind"),
        ('{"line":6,"previous":"x","at":"y","kind":"unseal","run_id":"a"}', "is no unseal line: reason is missing"),
        ('{"line":6,"previous":"x","at":"y","kind":"start","run_id":7,"trial":"t"}', "is no start line: run_id is missing or no such"),
        ('{"line":6,"previous":"x","at":"y","kind":"start","run_id":"a","trial":"t","bundle":3}', "is no start line: bundle"),
        (
            '{"line":6,"previous":"x","at":"y","kind":"end","run_id":"run1","status":"success","returns":{"a":1}}',
            "returns is missing or no",
        ),
        ('{"line":6,"previous":"x","at":"y","kind":"end","run_id":"run1","status":"success","trades":"3"}', "trades is missing or no"),
    ],
)
def test_a_line_of_another_shape_is_damage_and_stops_nobody(project: Project, line: str, says: str) -> None:
    project.ledger_file.write_bytes(project.ledger_file.read_bytes() + line.encode() + b"\n")
    assert fault_of(project).line == 6
    assert says in fault_of(project).text
    assert [trial.hash for trial in trials_of(read_ledger(project).entries)] == ["t0", "t1", "t2", "t3", "t4"]
    with open_ledger(project) as book:
        assert book.append("start", run_id="later", trial="t9").line == 7
    assert read_ledger(project).entries[-1]["run_id"] == "later"
    assert fault_of(project).line == 6


def test_a_ledger_deleted_as_a_whole_is_missed(project: Project) -> None:
    project.ledger_file.unlink()
    assert fault_of(project).line == 1


def test_a_cut_is_written_down_before_the_next_line_could_hide_it(project: Project) -> None:
    project.ledger_file.write_bytes(b"".join(lines_of(project)[:3]))
    with open_ledger(project) as book:
        book.append("start", run_id="later", trial="t")
    entries = read_ledger(project).entries
    assert [entry["kind"] for entry in entries] == ["start"] * 3 + ["damage", "start"]
    assert fault_of(project).line == 4
    assert "5 lines were written, 3 are there" in fault_of(project).text
    with open_ledger(project) as book:
        book.append("start", run_id="even later", trial="t")
    assert [entry["kind"] for entry in read_ledger(project).entries].count("damage") == 1


def test_an_append_after_a_half_line_stands_on_a_line_of_its_own(project: Project) -> None:
    project.ledger_file.write_bytes(project.ledger_file.read_bytes()[:-20])
    with open_ledger(project) as book:
        book.append("start", run_id="later", trial="t")
    assert read_ledger(project).entries[-1]["run_id"] == "later"
    assert fault_of(project).line == 5


def test_a_clone_without_the_head_takes_the_ledger_as_it_stands(project: Project) -> None:
    project.ledger_head.unlink()
    assert read_ledger(project).fault is None
    with open_ledger(project) as book:
        place = book.append("start", run_id="here", trial="t")
    assert place.line == 6
    assert read_ledger(project).fault is None
    assert read_ledger(project).holds(place)


def test_a_longer_ledger_than_the_head_knows_is_whole(project: Project) -> None:
    """Such as after a pull of what others committed."""
    known = project.ledger_head.read_bytes()
    with open_ledger(project) as book:
        book.append("start", run_id="elsewhere", trial="t")
    project.ledger_head.write_bytes(known)
    assert read_ledger(project).fault is None


def test_two_processes_append_at_once_and_the_chain_holds(project: Project) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", APPEND, str(project.root), name]) for name in ("a", "b")]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    ledger = read_ledger(project)
    assert ledger.fault is None
    assert ledger.lines == 55
    added = [entry["run_id"] for entry in ledger.entries[5:]]
    assert sorted(added) == sorted(f"{name}-{number}" for name in "ab" for number in range(25))
    assert [name for name in added if name.startswith("a")] == [f"a-{number}" for number in range(25)]


def test_a_ledger_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    project.ledger_file.mkdir()
    with pytest.raises(DataError) as caught, open_ledger(project):
        pass
    assert caught.value.code is ErrorCode.LEDGER_UNWRITABLE
    assert "directory" in str(caught.value)


def test_a_head_that_is_no_head_is_said(project: Project) -> None:
    project.ledger_head.write_bytes(b"not a database, but long enough to look like a file of its own" * 10)
    assert read_ledger(project).fault is None, "the ledger itself can be read"
    with pytest.raises(DataError, match="LEDGER_UNWRITABLE"), open_ledger(project):
        pass


def test_an_empty_ledger_has_no_fault(tmp_path: Path) -> None:
    ledger = read_ledger(make_project(tmp_path / "project"))
    assert (ledger.lines, ledger.id, ledger.fault) == (0, None, None)
