"""Many symbols in several processes. Each runs the desks of some symbols; this one alone asks models, keeps recordings and writes files.

So limits, budget, breaker and recordings are the same with any number of processes, and so is every byte.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import date
from threading import Event
from typing import Any, Protocol

from tradinggroup.backtest.desk_trader import StoppedError
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import ErrorCode, TradinggroupError
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ChatModel, ModelRequest
from tradinggroup.retrieval.ports import RetrievalParts
from tradinggroup.runs.agents_job import run_tasks
from tradinggroup.runs.inputs import RunInputs
from tradinggroup.runs.progress import Progress
from tradinggroup.runs.workers.messages import Answered, Ended, Job, Lines, Noted, Question, portable
from tradinggroup.runs.workers.process import WorkerProcess

POLL_SECONDS = 0.2
"""How often whoever listens to a worker looks whether the run was stopped."""


class LineSink(Protocol):
    """Takes rows as the lines of their files; every call is thread-safe."""

    def line(self, kind: RowKind, session: date, symbol: str, line: bytes) -> None: ...
    def session_done(self, symbol: str, session: date) -> None: ...
    def symbol_done(self, symbol: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """What this process does for its workers."""

    model: ChatModel
    retrieval: RetrievalParts
    loop: LoopThread
    sink: LineSink
    progress: Progress


def run_in_workers(
    inputs: RunInputs, *, markets: Mapping[str, SymbolMarket], services: Services, processes: Sequence[WorkerProcess]
) -> None:
    """As `run_agents`, with the desks in `processes`. Raises as that does."""
    services.progress.start(sum(len(market.bar_positions) for market in markets.values()), inputs.experiment.name)
    names, count, stop = sorted(markets), len(processes), Event()
    slices = [names[len(names) * place // count : len(names) * (place + 1) // count] for place in range(count)]
    jobs = [Job(inputs, {name: markets[name] for name in own}, services.retrieval.chunk_store is not None) for own in slices]
    tasks = [_task(Worker(process), job, services, stop) for process, job in zip(processes, jobs, strict=True)]
    run_tasks(tasks, threads=count, stop=stop, loop=services.loop)


def _task(worker: Worker, job: Job, services: Services, stop: Event) -> Any:
    return lambda: worker.serve(job, services, stop)


class Worker:
    """One worker process, seen from the run."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._process = worker.process
        self._connection = worker.connection
        self._complaints = worker.complaints
        self._sending = threading.Lock()

    def serve(self, job: Job, services: Services, stop: Event) -> None:
        """Give the worker its job and answer it to the end. Raises what ended it, StoppedError where the run was asked to stop."""
        self._send(job)
        while not isinstance(message := self._receive(stop), Ended):
            self._take(message, services)
        if message.error is not None:
            raise message.error

    def _take(self, message: Lines | Noted | Question, services: Services) -> None:
        if isinstance(message, Lines):
            _pass_on(message, services)
        elif isinstance(message, Question):
            asked = services.loop.submit(_answered(message, services))
            asked.add_done_callback(lambda done: self._send_answer(message.number, done))
        elif services.retrieval.chunk_store is not None:
            services.retrieval.chunk_store.note(message.texts, message.vectors)

    def _send_answer(self, number: int, done: Future[Any]) -> None:
        if done.cancelled():  # the run is being stopped
            return
        error = done.exception()
        with contextlib.suppress(TradinggroupError):  # the worker is gone, which whoever listens to it finds out
            self._send(Answered(number, None, portable(error)) if error is not None else Answered(number, done.result()))

    def _send(self, message: Job | Answered) -> None:
        try:
            with self._sending:
                self._connection.send(message)
        except OSError as gone:
            raise self._lost() from gone

    def _receive(self, stop: Event) -> Any:
        try:
            while not self._connection.poll(POLL_SECONDS):
                if stop.is_set():
                    raise StoppedError
            return self._connection.recv()
        except (EOFError, OSError) as gone:
            raise self._lost() from gone

    def _lost(self) -> TradinggroupError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(POLL_SECONDS)
        self._complaints.seek(0)
        said = self._complaints.read().decode("utf-8", "replace").strip().splitlines()
        code = self._process.poll()
        how = f"a worker process ended with {code}" if code is not None else "a worker process closed its connection"
        remedy = "Go on with: tradinggroup backtest --resume RUN, with --set workers=1 where there is too little memory."
        return TradinggroupError(ErrorCode.INTERNAL, f"{how}{f' ({said[-1]})' if said else ''}", remedy=remedy)


async def _answered(question: Question, services: Services) -> Any:
    asked = question.asked
    return await (services.model.answer(asked) if isinstance(asked, ModelRequest) else services.retrieval.embedder.vectors(asked))


def _pass_on(message: Lines, services: Services) -> None:
    for kind, session, line in message.lines:
        services.sink.line(kind, session, message.symbol, line)
    if message.done is not None:
        services.sink.session_done(message.symbol, message.done)
        services.progress.advance()
    if message.is_last:
        services.sink.symbol_done(message.symbol)
