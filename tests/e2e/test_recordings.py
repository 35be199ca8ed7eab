"""`tradinggroup recordings`: looked at, sent to somebody else, taken in there, tidied up, and why a call was asked."""

from __future__ import annotations

import shutil
import sqlite3
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.e2e.answers import good_answer
from tests.e2e.command import Result, latest
from tests.e2e.conftest import make_project
from tests.models.fault_server import completion, fault_server
from tradinggroup.cli.main import run
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.project import MARKER, defaults_root

SHORT = ("--end", "2024-03-08", "--symbols", "AAA")
PLACE = ("2024-03-04", "AAA", "decision")
Call = Callable[..., Result]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run one command line over a project in this process."""

    def command(project: Path, *words: str) -> Result:
        capsys.readouterr()
        exit_code = run(["-C", str(project), *words])
        captured = capsys.readouterr()
        return Result(exit_code, captured.out, captured.err)

    return command


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two runs that asked a server, the second with another decision card; one answer needed a repair."""
    project = make_project(tmp_path_factory.mktemp("recordings") / "project")
    (project / "agents").mkdir()
    with fault_server(good_answer) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", server.url)
        patch.delenv("OPENAI_API_KEY", raising=False)
        server.script = [completion("not what was asked for")]
        assert run(["-C", str(project), "backtest", "study", *SHORT]) == 0
        card = (defaults_root() / "agents" / "decision.md").read_text(encoding="utf-8")
        (project / "agents" / "decision.md").write_text(card.replace("{schema}", "Think twice.\n{schema}"), encoding="utf-8")
        assert run(["-C", str(project), "backtest", "study", *SHORT]) == 0
    return project


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy that a test may change, without any server."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    shutil.copytree(template, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A project on another machine: no bundle, no runs."""
    root = tmp_path / "elsewhere"
    root.mkdir()
    (root / MARKER).touch()
    return root


def first(project: Path) -> Path:
    return min((project / "backtests" / "runs").iterdir(), key=lambda path: path.name)


# -- stats ------------------------------------------------------------------------------------------------------------------


def test_stats_count_what_the_run_asked(project: Path, call: Call) -> None:
    run_figures = orjson.loads((first(project) / "run.json").read_bytes())["calls"]
    stats = call(project, "recordings", "stats", first(project).name, "--json").json
    assert stats["calls"] == run_figures["total"]
    assert (stats["live"], stats["failed"], stats["without_hash"]) == (run_figures["live"], 0, 0)
    assert set(stats["models"]) == {"openai:m"}
    assert stats["attempts"] == stats["recordings"] + 1, "one needed a repair"
    assert sum(agent["calls"] for agent in stats["agents"].values()) == stats["calls"]
    shared = call(project, "recordings", "stats", "--json").json
    second = call(project, "recordings", "stats", latest(project).name, "--json").json
    assert shared["recordings"] == stats["recordings"] + second["live"]
    page = call(project, "recordings", "stats").out
    assert "every one is what was recorded" in page
    assert max(map(len, page.splitlines()[1:])) <= 80


def test_stats_find_what_was_tampered_with(project: Path, call: Call) -> None:
    with sqlite3.connect(project / "backtests" / "recordings.sqlite") as store:
        store.execute("UPDATE recordings SET reply = 'x' WHERE key = (SELECT MIN(key) FROM recordings)")
    found = call(project, "recordings", "stats")
    assert (found.exit_code, found.out) == (3, "")
    assert "RECORDING_INVALID" in found.err
    assert "was changed" in found.err


def test_a_project_without_recordings(elsewhere: Path, call: Call) -> None:
    found = call(elsewhere, "recordings", "stats")
    assert (found.exit_code, found.err.startswith("RECORDING_MISSING: ")) == (3, True)


# -- export and import ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sent.zip", "sent"])
def test_a_run_is_sent_taken_in_and_verified_elsewhere(project: Path, elsewhere: Path, call: Call, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    sent = call(project, "recordings", "export", first(project).name, "-o", str(target), "--with-bundle")
    assert (sent.exit_code, sent.out.splitlines()[-1].endswith(name)) == (0, True)
    taken = call(elsewhere, "recordings", "import", str(target), "--json")
    assert taken.exit_code == 0
    with RecordingStore.open(first(project) / "recordings.sqlite", readonly=True) as store:
        assert taken.json["answers"] == len(store.rows("SELECT key FROM recordings"))
    verified = call(elsewhere, "verify", "latest")
    assert (verified.exit_code, verified.out.splitlines()[-1]) == (0, "verified: the run comes out the same")
    again = call(elsewhere, "recordings", "import", str(target), "--json").json
    assert (again["new"], again["answers"]) == (False, 0)
    assert [path.name for path in (elsewhere / "backtests" / "runs").iterdir()] == [first(project).name], "nothing half-done is left"


def test_an_exported_folder_is_verified_where_it_lies(
    project: Path, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its path, outside of any project."""
    target = tmp_path / "sent"
    call(project, "recordings", "export", first(project).name, "-o", str(target), "--with-bundle")
    shutil.rmtree(project)
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()
    assert run(["verify", str(target)]) == 0
    assert "verified: the run comes out the same" in capsys.readouterr().out


def test_without_its_bundle_a_run_waits_for_it(project: Path, elsewhere: Path, call: Call, tmp_path: Path) -> None:
    target = tmp_path / "sent.zip"
    call(project, "recordings", "export", first(project).name, "-o", str(target))
    assert call(elsewhere, "recordings", "import", str(target)).exit_code == 0
    lacking = call(elsewhere, "verify", "latest")
    assert (lacking.exit_code, "BUNDLE_NOT_FOUND" in lacking.err) == (3, True)
    shutil.copytree(project / "data", elsewhere / "data")
    assert call(elsewhere, "verify", "latest").exit_code == 0


def test_the_same_run_gives_the_same_file(project: Path, call: Call, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        call(project, "recordings", "export", first(project).name, "-o", str(tmp_path / name), "--with-bundle")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def _changed(folder: Path, file: str, old: bytes, new: bytes, *, manifest: bool) -> None:
    import hashlib

    content = (folder / file).read_bytes()
    assert old in content
    (folder / file).write_bytes(content.replace(old, new, 1))
    if manifest:
        text = orjson.loads((folder / "export.json").read_bytes())
        text["files"][file] = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        (folder / "export.json").write_bytes(orjson.dumps(text))


def _recording(folder: Path) -> None:
    """Changed with every hash of a file put right, but not that of the recording."""
    import hashlib

    path = folder / "recordings.sqlite"
    with sqlite3.connect(path) as store:
        store.execute("UPDATE recordings SET reply = 'x' WHERE key = (SELECT MIN(key) FROM recordings)")
    store.close()
    new = hashlib.sha256(path.read_bytes()).hexdigest()
    header = orjson.loads((folder / "run.json").read_bytes())
    header["files"]["recordings.sqlite"] = {"bytes": path.stat().st_size, "sha256": new}
    (folder / "run.json").write_bytes(orjson.dumps(header))
    manifest = orjson.loads((folder / "export.json").read_bytes())
    manifest["files"] |= {"recordings.sqlite": new, "run.json": hashlib.sha256((folder / "run.json").read_bytes()).hexdigest()}
    (folder / "export.json").write_bytes(orjson.dumps(manifest))


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a row": (lambda folder: _changed(folder, "equity.csv", b"100000", b"200000", manifest=False), "equity.csv is not what it was"),
    "a row and its hash": (lambda folder: _changed(folder, "equity.csv", b"100000", b"200000", manifest=True), "equity.csv is not"),
    "the header": (lambda folder: _changed(folder, "run.json", b"success", b"invalid", manifest=False), "run.json is not what it was"),
    "a file gone": (lambda folder: (folder / "fills.csv").unlink(), "fills.csv is missing"),
    "a file more": (lambda folder: (folder / "cards" / "more.md").write_text("x", encoding="utf-8"), "cards/more.md was added"),
    "no manifest": (lambda folder: (folder / "export.json").unlink(), "export.json is missing"),
    "a recording": (_recording, "was changed"),
    "the bundle": (lambda folder: _changed(folder, "bundle/bundle.json", b"sha256:", b"sha256:0", manifest=True), "BUNDLE_INVALID"),
    "a name outside": (
        lambda folder: _changed(folder, "export.json", b'"name": "', b'"name": "../../', manifest=False), "has no usable name"
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def exported(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("exported") / "sent"
    assert run(["-C", str(template), "recordings", "export", first(template).name, "-o", str(target), "--with-bundle"]) == 0
    return target


@pytest.mark.parametrize("how", TAMPERED)
def test_what_was_tampered_with_is_refused_and_leaves_nothing(
    exported: Path, elsewhere: Path, call: Call, tmp_path: Path, how: str
) -> None:
    shutil.copytree(exported, tmp_path / "sent")
    change, said = TAMPERED[how]
    change(tmp_path / "sent")
    found = call(elsewhere, "recordings", "import", str(tmp_path / "sent"))
    assert (found.exit_code, found.out) == (3, "")
    assert said in found.err
    assert list((elsewhere / "backtests" / "runs").iterdir()) == []
    assert not (elsewhere / "backtests" / "recordings.sqlite").exists()


@pytest.mark.parametrize("name", ["../evil.txt", "run/../../evil.txt", "/evil.txt", "evil.txt"])
def test_an_archive_that_reaches_outside_is_refused(elsewhere: Path, call: Call, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr(name, "x")
    found = call(elsewhere, "recordings", "import", str(tmp_path / "bad.zip"))
    assert (found.exit_code, "it holds a file" in found.err) == (3, True)
    assert not list(tmp_path.rglob("evil.txt"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["export", "latest", "-o", "data"], "is there already"),
        (["import", "nowhere.zip"], "no file nowhere.zip"),
        (["import", "backtests/study.toml"], "is no exported run"),
        (["prune"], "nothing says what to prune"),
        (["prune", "--older-than", "soon"], "is no age"),
        (["why", "latest", "2024-03-06", "AAA"], "neither a place nor a key"),
    ],
)
def test_what_cannot_be_done_is_one_clear_error(
    project: Path, call: Call, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(project)
    found = call(project, "recordings", *words)
    assert (found.exit_code, found.out, len(found.err.splitlines())) == (2, "", 1)
    assert said in found.err


# -- prune ------------------------------------------------------------------------------------------------------------------


def _shared_keys(project: Path) -> set[str]:
    with RecordingStore.open(project / "backtests" / "recordings.sqlite", readonly=True) as store:
        return {row[0] for row in store.rows("SELECT key FROM recordings")}


def test_pruning_is_dry_until_it_is_meant_and_leaves_runs_whole(project: Path, call: Call) -> None:
    before = _shared_keys(project)
    assert call(project, "recordings", "prune", "--unused", "--json").json["removed"] == 0
    shutil.rmtree(first(project))
    dry = call(project, "recordings", "prune", "--unused")
    assert "would be removed" in dry.out
    assert "repeat with --yes" in dry.out
    assert _shared_keys(project) == before
    done = call(project, "recordings", "prune", "--unused", "--yes", "--json").json
    with RecordingStore.open(latest(project) / "recordings.sqlite", readonly=True) as store:
        used = {row[0] for row in store.rows("SELECT key FROM recordings")}
    assert (done["removed"], done["by_model"]) == (len(before - used), {"openai:m": len(before - used)})
    assert 0 < done["removed"] < len(before)
    assert _shared_keys(project) == used
    assert call(project, "verify", "latest").exit_code == 0
    assert call(project, "recordings", "stats").exit_code == 0


def test_pruning_by_age(project: Path, call: Call) -> None:
    assert call(project, "recordings", "prune", "--older-than", "1d", "--json").json["removed"] == 0
    with sqlite3.connect(project / "backtests" / "recordings.sqlite") as store:
        store.execute("UPDATE times SET recorded_at = '2020-01-01T00:00:00Z' WHERE key IN (SELECT key FROM times ORDER BY key LIMIT 3)")
        store.execute("DELETE FROM times WHERE key IN (SELECT key FROM times ORDER BY key DESC LIMIT 2)")
    assert call(project, "recordings", "prune", "--older-than", "2020-01-01", "--json").json["removed"] == 0
    assert call(project, "recordings", "prune", "--older-than", "2020-01-02", "--json").json["removed"] == 3
    assert call(project, "recordings", "prune", "--older-than", "1d", "--unused", "--json").json["removed"] == 0, "runs use them"


# -- why --------------------------------------------------------------------------------------------------------------------


def _why(project: Path, call: Call, *words: str) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = call(project, "recordings", "why", *words, "--json").json["calls"]
    return calls


def test_why_a_changed_card_was_paid_for_again(project: Path, call: Call) -> None:
    (was,) = _why(project, call, first(project).name, *PLACE)
    assert (was["source"], was["nearest"], was["asked_by"]) == ("live", None, None)
    (now,) = _why(project, call, "latest", *PLACE)
    assert (now["source"], now["nearest"]["key"]) == ("live", was["key"])
    assert '("Think twice." instead of ' in now["nearest"]["difference"]
    page = call(project, "recordings", "why", "latest", *PLACE).out
    assert "live: this run asked the model" in page
    assert "Think twice." in page
    assert max(map(len, page.splitlines())) <= 81, "the key alone is longer than the rest"


def test_why_an_unchanged_call_cost_nothing(project: Path, call: Call) -> None:
    calls = _why(project, call, "latest", "2024-03-06", "AAA", "news_sentiment")
    assert {each["source"] for each in calls} == {"shared"}
    assert {each["asked_by"] for each in calls} == {first(project).name}
    assert all(each["recorded_at"] is not None for each in calls)
    assert call(project, "recordings", "why", "latest", calls[0]["key"][:20]).out.startswith("== news_sentiment")


def test_why_shows_every_attempt(project: Path, call: Call) -> None:
    with RecordingStore.open(first(project) / "recordings.sqlite", readonly=True) as store:
        ((key,),) = store.rows("SELECT key FROM recordings WHERE attempts = 2")
    (repaired, *_) = _why(project, call, first(project).name, key)
    assert [attempt["failure"] and attempt["failure"]["kind"] for attempt in repaired["attempts"]] == ["not_json", None]
    assert "answered" in call(project, "recordings", "why", first(project).name, key).out


def test_what_was_never_asked(project: Path, call: Call) -> None:
    missing = call(project, "recordings", "why", "latest", "2024-03-07", "AAA", "sizing")
    assert (missing.exit_code, "Asked there: decision, forecasting" in missing.err) == (3, True)
    unknown = call(project, "recordings", "why", "latest", "sha256:abcdef0123")
    assert (unknown.exit_code, "never asked" in unknown.err) == (3, True)
