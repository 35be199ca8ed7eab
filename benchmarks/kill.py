"""Kills a run with calls in flight, again and again, goes on with it, and counts what came out differently.

`tradinggroup backtest` runs as a child on the bundled market against a server of our own that takes its time for every call. The
child is killed (SIGKILL) when the server has seen a number of calls that is drawn anew each time, from the first to the last; it is
then resumed and compared with the run that nobody killed, file by file. Shared recordings are taken away before, so that every
call that the run does not have has to be asked.

    python benchmarks/kill.py [N] [--sessions 15] [--delay 0.05] [--seed 7]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from latency import ROOT, seen_by, server

from tradinggroup.backtest.sink import RowKind
from tradinggroup.data.bundle import Bundle
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.runs.folder import RunFolder

FIRST_SESSION = "2023-03-01"
PROGRAM = "from tradinggroup.cli.main import main; main()"


def make_project(folder: Path, sessions: int) -> Path:
    """A project with the experiment `kill` on the bundled market."""
    (folder / "backtests").mkdir(parents=True)
    (folder / "tradinggroup.toml").touch()
    source = Bundle.open(ROOT / "data" / "demo")
    days = [day for day in source.calendar.sessions(source.first_session, source.last_session) if day.isoformat() >= FIRST_SESSION]
    lines = [
        'name = "kill"',
        'bundle = "demo"',
        f"symbols = {json.dumps(list(source.symbols))}",
        f"start = {days[0]}",
        f"end = {days[sessions - 1]}",
        'model = "openai:kill"',
        'baselines = ["buy_and_hold"]',
        "[models]",
        'structured_output = "json_schema"',
    ]
    (folder / "backtests" / "kill.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def start(project: Path, url: str, *words: str) -> subprocess.Popen[bytes]:
    """One command line as a child."""
    environment = {**os.environ, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}
    command = [sys.executable, "-c", PROGRAM, "-C", str(project), *words]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def whole(project: Path, url: str, *words: str) -> Path:
    """Run a command line to its end; the folder of the run."""
    child = start(project, url, *words)
    _, error = child.communicate()
    if child.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {child.returncode}: {error.decode()}")
    return latest(project)


def latest(project: Path) -> Path:
    """The one run of a project."""
    (folder,) = (project / "backtests" / "runs").iterdir()
    return folder


def keys_of(folder: Path) -> set[str]:
    """What a run has an answer to."""
    if not (folder / "recordings.sqlite").is_file():
        return set()
    with RecordingStore.open(folder / "recordings.sqlite") as store:
        return {row[0] for row in store.rows("SELECT key FROM recordings")}


def kill_at(project: Path, url: str, calls: int) -> bool:
    """Start a run and kill it once the server has seen so many calls of it; False where it had ended before."""
    before = seen_by(url)["calls"]
    child = start(project, url, "backtest", "kill")
    while seen_by(url)["calls"] - before < calls and child.poll() is None:
        time.sleep(0.002)
    is_killed = child.poll() is None
    child.send_signal(signal.SIGKILL)
    child.wait()
    return is_killed


def differences(unbroken: Path, folder: Path) -> list[str]:
    """Files that came out differently, and figures."""
    found = [str(kind) for kind in RowKind if (unbroken / kind).read_bytes() != (folder / kind).read_bytes()]
    before, after = (RunFolder.open(each).summary() for each in (unbroken, folder))
    return found + [name for name in ("metrics", "baselines", "holds", "forecasts") if before[name] != after[name]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kills", nargs="?", type=int, default=20, metavar="N")
    parser.add_argument("--sessions", type=int, default=15)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds that the server takes for every call")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    killed = ended_before = no_header = different = asked_too_often = 0
    with tempfile.TemporaryDirectory() as folder, server(options.delay) as url:
        template = make_project(Path(folder) / "template", options.sessions)
        shutil.copytree(template, Path(folder) / "unbroken")
        unbroken = whole(Path(folder) / "unbroken", url, "backtest", "kill")
        needed = keys_of(unbroken)
        print(f"unbroken: {options.sessions} sessions, {len(needed)} answers, {options.delay} s a call")
        for number in range(options.kills):
            project = shutil.copytree(template, Path(folder) / str(number))
            at = int(generator.integers(1, len(needed) + 1))
            if not kill_at(project, url, at):
                ended_before += 1
                continue
            killed += 1
            broken = latest(project)
            if not (broken / "run.json").is_file():
                no_header += 1
                continue
            kept, seen = keys_of(broken), seen_by(url)["calls"]
            (project / "backtests" / "recordings.sqlite").unlink(missing_ok=True)
            found = differences(unbroken, whole(project, url, "backtest", "--resume", "latest"))
            asked = seen_by(url)["calls"] - seen
            asked_too_often += asked - len(needed - kept)
            different += bool(found)
            print(f"kill {number + 1:3d} at call {at:4d}: {len(kept):4d} kept, {asked:4d} asked, differs: {', '.join(found) or 'nothing'}")
            shutil.rmtree(project)
    print(f"\n{killed} kills, {ended_before} runs that ended before theirs, {no_header} before anything was written")
    print(f"{different} runs that came out differently, {asked_too_often} calls asked although they were answered")
    return int(bool(different or asked_too_often))


if __name__ == "__main__":
    raise SystemExit(main())
