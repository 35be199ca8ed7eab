"""Baselines that need nothing of the agents, made in one thread while the agents run: models answer slowly, and this costs no call."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import Self

from tradinggroup.backtest.baselines.runner import BaselineResult
from tradinggroup.runs.baseline_figures import BaselineJob

POLL_SECONDS = 0.5
"""How often the main thread looks up while it waits, so that Ctrl-C is answered on every system."""


class BaselinesBeside:
    """Works from the start of its block to the end of the work; whoever leaves the block before stops it, and waits until it has.

    The work touches no file and no recording. It stops before the next account or fit, which is a matter of a second at most.
    """

    def __init__(self, job: BaselineJob) -> None:
        self._job = job
        self._stop = Event()
        self._opened = contextlib.ExitStack()
        self._results: Future[Mapping[str, BaselineResult]] | None = None

    def __enter__(self) -> Self:
        if self._job.early_names:
            pool = self._opened.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="baselines"))
            self._opened.callback(self._stop.set)
            self._results = pool.submit(self._job.run_early, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def results(self) -> Mapping[str, BaselineResult]:
        """What was made, by name; waits for it. Raises what went wrong with it."""
        if self._results is None:
            return {}
        while not wait([self._results], timeout=POLL_SECONDS).done:
            pass
        return self._results.result()
