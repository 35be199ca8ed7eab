"""How close a run comes to the longest chain of calls that depend on one another.

A session needs two calls after each other, style and decision; the forecast chain runs beside it, and three calls fill the pipe once.
So no run can take less than (2 x sessions + 3) x delay. A server of our own, on one event loop in another process, answers
every call after the same delay; `tradinggroup backtest` runs as a child, as a person would start it. The market is the bundled one,
its companies repeated under other names until there are enough. How the server is asked for JSON is set, as it is known after the first
run at an endpoint; finding it out takes one call once.

    python benchmarks/latency.py [--symbols 5] [--sessions 60] [--delay 0.2] [--workers 0] [--concurrent 64] [--set KEY=VALUE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd

from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.bundle_format import BundleFrames

ROOT = Path(__file__).resolve().parent.parent
FIRST_SESSION = "2023-01-03"


def many_companies(source: Bundle, folder: Path, count: int) -> list[str]:
    """A bundle of `count` companies in `folder`: those of `source` in turn, each under a name of its own."""
    names = [f"S{number:03d}" for number in range(count)]
    frames = source.frames()
    tables = {}
    for field in fields(frames):
        table = getattr(frames, field.name)
        parts = [_renamed(table, source.symbols[number % len(source.symbols)], name) for number, name in enumerate(names)]
        tables[field.name] = pd.concat(parts, ignore_index=True)
    write_bundle(folder, BundleFrames(**tables), name=folder.name, basis=source.basis, sources=[{"kind": "benchmark"}])
    return names


def _renamed(table: pd.DataFrame, old: str, new: str) -> pd.DataFrame:
    rows = table[table["symbol"] == old].assign(symbol=new)
    return rows.assign(id=new + "-" + rows["id"]) if "id" in rows else rows


def make_project(folder: Path, *, symbols: int, sessions: int, options: argparse.Namespace) -> Path:
    """A project with the experiment `latency` of exactly `sessions` sessions."""
    project = folder / "project"
    (project / "backtests").mkdir(parents=True)
    (project / "tradinggroup.toml").touch()
    source = Bundle.open(ROOT / "data" / "demo")
    names = many_companies(source, project / "data" / "many", symbols)
    days = [day for day in source.calendar.sessions(source.first_session, source.last_session) if day.isoformat() >= FIRST_SESSION]
    lines = [
        'name = "latency"',
        'bundle = "many"',
        f"symbols = {json.dumps(names)}",
        f"start = {days[0]}",
        f"end = {days[sessions - 1]}",
        'model = "openai:latency"',
        'baselines = ["buy_and_hold"]',
        "[models]",
        f"maximum_concurrent = {options.concurrent}",
        'structured_output = "json_schema"',
    ]
    (project / "backtests" / "latency.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return project


@contextlib.contextmanager
def server(delay_seconds: float) -> Iterator[str]:
    """The address of a server in a process of its own."""
    command = [sys.executable, str(Path(__file__).with_name("latency_server.py")), "--delay", str(delay_seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.stdout.readline().strip()
        finally:
            child.terminate()


def seen_by(url: str) -> dict[str, Any]:
    """What the server saw so far."""
    with urllib.request.urlopen(f"{url}/seen", timeout=10) as reply:
        return dict(json.load(reply))


def run(project: Path, url: str, options: argparse.Namespace) -> tuple[float, float, dict[str, Any]]:
    """(moment of the start, moment of the end, what `--json` printed) of one backtest."""
    words = ["backtest", "latency", "--json"]
    for setting in options.set:
        words += ["--set", setting]
    environment = {**os.environ, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}
    program = "from tradinggroup.cli.main import main; main()"
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program, "-C", str(project), *words], env=environment, capture_output=True, text=True, check=False
    )
    end = time.monotonic()
    if done.returncode:
        raise SystemExit(f"the run ended with {done.returncode}: {done.stderr}")
    return start, end, json.loads(done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--symbols", type=int, default=5)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--delay", type=float, default=0.2, help="seconds that the server takes for every call")
    parser.add_argument("--concurrent", type=int, default=64, help="the setting models.maximum_concurrent")
    parser.add_argument("--set", action="append", default=[], help="any further setting")
    parser.add_argument("--keep", help="copy the run folder to this place")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, server(options.delay) as url:
        project = make_project(Path(folder), symbols=options.symbols, sessions=options.sessions, options=options)
        start, end, result = run(project, url, options)
        seen = seen_by(url)
        if options.keep:
            shutil.copytree(max((project / "backtests" / "runs").iterdir()), options.keep)
    chain = (2 * options.sessions + 3) * options.delay
    calls = seen["calls"]
    what = f"{options.symbols} symbols x {options.sessions} sessions, {options.delay:g} s a call"
    print(f"{what}: {calls} calls, at most {seen['most_at_once']} at once")
    print(f"longest chain                   {chain:8.1f} s   (2 x {options.sessions} + 3) x {options.delay:g}")
    for name, seconds in (
        ("first request to last answer", seen["last_at"] - seen["first_at"]),
        ("first request to the end", end - seen["first_at"]),
        ("start-up included", end - start),
    ):
        print(f"{name:<31} {seconds:8.1f} s   {seconds / chain:6.3f} of the chain")
    print(f"one call after the other        {calls * options.delay:8.1f} s   {calls * options.delay / chain:6.1f} of the chain")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # the server still runs, so it is not among them
    print(f"processor time of the run       {used.ru_utime + used.ru_stime:8.1f} s   largest process {used.ru_maxrss / 1024:.0f} MB")
    print(f"status {result['status']}, calls {result['calls']['total']}, failed {result['calls']['failed']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
