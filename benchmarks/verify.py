"""How long `verify` takes beside the run itself, and how soon the first decision stands in its file, with the rule-based analyst.

Both commands are started as a person would start them, on the bundled market, and timed from start to end.

    python benchmarks/verify.py [--sessions 300] [--rounds 3]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tradinggroup.data.bundle import Bundle

ROOT = Path(__file__).resolve().parent.parent
LARGEST_RATIO = 1.2
LATEST_FIRST_SECONDS = 3.5
POLL_SECONDS = 0.01


def make_project(folder: Path, sessions: int) -> Path:
    """A project with the bundled market and an experiment of its last `sessions` sessions."""
    project = folder / "project"
    (project / "backtests").mkdir(parents=True)
    (project / "tradinggroup.toml").touch()
    shutil.copytree(ROOT / "data" / "demo", project / "data" / "demo")
    bundle = Bundle.open(project / "data" / "demo")
    days = bundle.calendar.sessions(bundle.first_session, bundle.last_session)[-sessions:]
    text = (ROOT / "backtests" / "demo.toml").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith(("name", "start", "end"))]
    lines += ['name = "verify"', f"start = {days[0]}", f"end = {days[-1]}"]
    (project / "backtests" / "verify.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return project


def command(project: Path, *words: str) -> tuple[float, float | None]:
    """(seconds of a command, seconds until a run that it made had its first decision)."""
    program = "from tradinggroup.cli.main import main; main()"
    before = set((project / "backtests" / "runs").glob("*"))
    start, first = time.monotonic(), None
    with subprocess.Popen(
        [sys.executable, "-c", program, "-C", str(project), *words],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        while child.poll() is None:
            if first is None and _has_decision(project, before):
                first = time.monotonic() - start
            time.sleep(POLL_SECONDS)
    if child.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {child.returncode}")
    return time.monotonic() - start, first


def _has_decision(project: Path, before: set[Path]) -> bool:
    files = (run / "decisions.jsonl" for run in (project / "backtests" / "runs").glob("*") if run not in before)
    return any(file.is_file() and file.stat().st_size for file in files)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    runs, firsts, verifications = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder), options.sessions)
        for _ in range(options.rounds):
            seconds, first = command(project, "backtest", "verify")
            runs.append(seconds)
            firsts.append(first or seconds)
            verifications.append(command(project, "verify", "latest")[0])
    ratio = statistics.median(verifications) / statistics.median(runs)
    print(f"{options.sessions} sessions of 3 symbols, {options.rounds} rounds")
    for name, seconds in (("backtest", runs), ("verify", verifications), ("first decision after", firsts)):
        print(f"{name:<21} {statistics.median(seconds):6.2f} s   rounds {', '.join(f'{each:.2f}' for each in seconds)}")
    print(f"verify / backtest     {ratio:6.2f}     limit {LARGEST_RATIO}")
    return 0 if ratio <= LARGEST_RATIO and statistics.median(firsts) <= LATEST_FIRST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
