"""Starting and ending worker processes. It imports little, so that they load while whoever starts them still does."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import IO


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A process that has been started and may still be loading."""

    process: subprocess.Popen[bytes]
    connection: Connection
    complaints: IO[bytes]
    """What it writes to stderr: nothing, unless it breaks."""


@contextlib.contextmanager
def started_workers(count: int) -> Iterator[list[WorkerProcess]]:
    """That many processes, none for one; at the end of the block there are none."""
    with contextlib.ExitStack() as opened:
        yield [opened.enter_context(_started()) for _ in range(count if count > 1 else 0)]


@contextlib.contextmanager
def _started() -> Iterator[WorkerProcess]:
    with contextlib.ExitStack() as opened:
        complaints = opened.enter_context(tempfile.TemporaryFile())
        ours, its = Pipe()
        opened.enter_context(ours)
        with its:  # the process has a copy
            process = _start(its.fileno(), complaints)
        opened.callback(_end, process)
        yield WorkerProcess(process, ours, complaints)


def _start(handle: int, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    """The process, which has the open file `handle`. It imports what this one could, and a signal of the terminal does not reach it."""
    program = f"import sys; sys.path[:] = {sys.path!r}; from tradinggroup.runs.workers.worker import main; main()"
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program, str(handle)],
        pass_fds=[handle],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=complaints,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process: it has nothing that could be lost."""
    process.kill()
    process.wait()
