"""Shows how far a run is, on stderr: a bar with the time left on a terminal, a few plain lines anywhere else."""

from __future__ import annotations

import sys
from threading import Lock
from typing import TYPE_CHECKING

from tradinggroup.clock import monotonic_seconds

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

PLAIN_INTERVAL_SECONDS = 10.0
"""Fewest seconds between two lines where there is no terminal."""
FIRST_ESTIMATE_PERCENT = 3
"""Before that much is done, the time left is a guess: the first unit waits for everything to load."""


def make_progress() -> BarProgress | PlainProgress:
    """A bar where stderr is a terminal, else plain lines. Both implement `tradinggroup.runs.progress.Progress`."""
    return BarProgress() if sys.stderr.isatty() else PlainProgress()


class PlainProgress:
    """A line now and then, for logs and pipes: `demo  63 %  150 of 250  0:08 left`."""

    def __init__(self, *, interval_seconds: float = PLAIN_INTERVAL_SECONDS) -> None:
        self._interval_seconds = interval_seconds
        self._lock = Lock()
        self._title = ""
        self._total = 0
        self._done = 0
        self._started_seconds = self._shown_seconds = monotonic_seconds()

    def start(self, total: int, title: str) -> None:
        """Begin to count; the command has said already what runs."""
        with self._lock:
            self._total, self._done, self._title = total, 0, title
            self._started_seconds = self._shown_seconds = monotonic_seconds()

    def advance(self, count: int = 1) -> None:
        """Count, and write a line if the last one is old enough."""
        with self._lock:
            self._done += count
            now = monotonic_seconds()
            if now - self._shown_seconds >= self._interval_seconds and self._total:
                self._shown_seconds = now
                self._write(self._line(now))

    def message(self, text: str) -> None:
        """Write `text`."""
        with self._lock:
            self._write(text)

    def finish(self) -> None:
        """Nothing to close."""

    def _line(self, now: float) -> str:
        share = min(100, self._done * 100 // self._total)
        line = f"{self._title} {share:3d} %  {self._done} of {self._total}"
        if share < FIRST_ESTIMATE_PERCENT:
            return line
        left_seconds = (now - self._started_seconds) / self._done * max(0, self._total - self._done)
        return f"{line}  {clock_text(left_seconds)} left"

    @staticmethod
    def _write(text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class BarProgress:
    """A bar that stays on one line of the terminal; rich guards it against several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None

    def start(self, total: int, title: str) -> None:
        """Show the bar, empty."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.finish()
        with self._lock:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f} %"),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=Console(stderr=True, highlight=False), transient=True)
            self._task = self._bar.add_task(title, total=total)
            self._bar.start()

    def advance(self, count: int = 1) -> None:
        """Move the bar."""
        with self._lock:
            if self._bar is not None and self._task is not None:
                self._bar.advance(self._task, count)

    def message(self, text: str) -> None:
        """Write `text` above the bar."""
        with self._lock:
            if self._bar is not None:
                self._bar.console.print(text, markup=False, soft_wrap=True)
            else:
                print(text, file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Take the bar away."""
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
            self._bar = self._task = None


def clock_text(seconds: float) -> str:
    """`0:08`, `12:30`, `1:02:05`."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
