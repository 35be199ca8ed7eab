"""The command line as a person meets it: in this process, or as a child that can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from tradinggroup.backtest.sink import RowKind
from tradinggroup.models.recording_rows import CallRecord
from tradinggroup.models.recordings import RecordingStore

WAIT_SECONDS = 60.0
"""Longest wait for a child on a busy machine."""


@dataclass(frozen=True)
class Result:
    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The object that is all of stdout."""
        return orjson.loads(self.out)

    @property
    def error_lines(self) -> list[str]:
        """The lines of stderr that carry a code."""
        return [line for line in self.err.splitlines() if line.partition(":")[0].replace("_", "").isupper()]


class Run(Protocol):
    def __call__(self, *words: str) -> Result: ...


def start(project: Path, *words: str, before: str = "") -> subprocess.Popen[str]:
    """`tradinggroup WORDS` as a child with the environment of this test; `before` is Python that it runs first."""
    program = f"{before}\nfrom tradinggroup.cli.main import main\nmain()"
    return subprocess.Popen(
        [sys.executable, "-c", program, "-C", str(project), *words],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def ended(child: subprocess.Popen[str]) -> Result:
    """What the child said, once it has ended."""
    out, err = child.communicate(timeout=WAIT_SECONDS)
    return Result(child.returncode, out, err)


def wait_until(condition: Callable[[], object], child: subprocess.Popen[str] | None = None) -> None:
    """Wait until `condition` holds; fail loudly when the child ends before."""
    end = time.monotonic() + WAIT_SECONDS
    while not condition():
        if child is not None and child.poll() is not None:
            raise AssertionError(f"the child ended early: {ended(child)}")
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.02)


def latest(project: Path) -> Path:
    """The newest run folder."""
    return max((project / "backtests" / "runs").iterdir(), key=lambda path: path.name)


def header(folder: Path) -> dict[str, Any]:
    """`run.json`."""
    value: dict[str, Any] = orjson.loads((folder / "run.json").read_bytes())
    return value


def decisions(folder: Path) -> list[dict[str, Any]]:
    """The lines of `decisions.jsonl`."""
    return [orjson.loads(line) for line in (folder / "decisions.jsonl").read_bytes().splitlines()]


def row_files(folder: Path) -> dict[str, bytes]:
    """The seven files that identical runs share byte for byte."""
    return {str(kind): (folder / kind).read_bytes() for kind in RowKind}


def calls(folder: Path) -> list[CallRecord]:
    """Every call that the run kept."""
    with RecordingStore.open(folder / "recordings.sqlite", readonly=True) as store:
        return store.read_calls()


def whole_rows(file: Path) -> int:
    """Rows that stand in a file so far."""
    return file.read_bytes().count(b"\n") if file.is_file() else 0
