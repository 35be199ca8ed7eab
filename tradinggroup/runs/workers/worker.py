"""A worker process: it runs the desks of some of a run's symbols, and asks the run for everything that is outside.

It opens the bundle and nothing else: no network, no recordings, no file of the run. It ends when the run does, whichever way.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from datetime import date
from itertools import count
from multiprocessing.connection import Connection
from typing import Any, cast

from tradinggroup.backtest.sink import COLUMNS, Row, RowKind
from tradinggroup.desk.graph import build_graphs
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.network import refuse_network
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.registry import is_local
from tradinggroup.retrieval.embedding import HashingEmbedder
from tradinggroup.retrieval.ports import RetrievalParts, Vectors
from tradinggroup.retrieval.registry import make_retrieval
from tradinggroup.runs.agents_job import COLLECT_AFTER_OBJECTS, run_agents
from tradinggroup.runs.progress import NoProgress
from tradinggroup.runs.rows import csv_line, json_line
from tradinggroup.runs.workers.messages import Answered, Ended, Job, Lines, Noted, Question, portable


class Link:
    """The worker's end of the connection. Asking is for one event loop, telling for any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        self._numbers = count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open: dict[int, asyncio.Future[Any]] = {}

    def tell(self, message: Lines | Noted | Question | Ended) -> None:
        """Send; waits while the run is busy."""
        with self._sending:
            self._connection.send(message)

    async def ask(self, asked: ModelRequest | Sequence[str]) -> Any:
        """The run's answer. Raises what the question ended in."""
        self._loop = asyncio.get_running_loop()
        number, answer = next(self._numbers), self._loop.create_future()
        self._open[number] = answer
        try:
            self.tell(Question(number, asked))
            return await answer
        finally:
            del self._open[number]

    def listen(self) -> None:
        """Hand out answers until the run closes the connection, or is gone; then this process has nothing left to do."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                answer: Answered = self._connection.recv()
                if self._loop is not None:
                    self._loop.call_soon_threadsafe(self._hand_out, answer)
        os._exit(1)

    def _hand_out(self, answer: Answered) -> None:
        waiting = self._open.get(answer.number)
        if waiting is None or waiting.done():  # gave up
            return
        if answer.error is not None:
            waiting.set_exception(answer.error)
        else:
            waiting.set_result(answer.value)


class LinkedModel:
    """The run's model port, asked from here."""

    def __init__(self, link: Link) -> None:
        self._link = link

    async def answer(self, request: ModelRequest) -> ModelReply:
        """As the run's gateway answers, and with its errors."""
        assert request.key  # hashed here, so that the run need not
        return cast(ModelReply, await self._link.ask(request if is_local(request.model) else _without_evidence(request)))


class LinkedEmbedder:
    """The run's embedder, where it keeps or asks something."""

    def __init__(self, link: Link, name: str) -> None:
        self._link = link
        self.name = name

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """As the run's embedder."""
        return cast(Vectors, await self._link.ask(tuple(texts)))


class LinkedChunks:
    """Passes on what is to be kept across runs."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def note(self, texts: Sequence[str], vectors: Any) -> None:
        """Pass on."""
        self._link.tell(Noted(tuple(texts), vectors))

    def close(self) -> None:
        """Nothing is open here."""


class LinkedSink:
    """Sends rows as the lines that they become, a session of a symbol at a time."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._lines: dict[str, list[tuple[RowKind, date, bytes]]] = {}

    def row(self, kind: RowKind, session: date, symbol: str, row: Row) -> None:
        """Keep a row until the end of the session."""
        columns = COLUMNS.get(kind)
        line = csv_line(kind, columns, row) if columns else json_line(kind, row)
        self._lines.setdefault(symbol, []).append((kind, session, line))

    def session_done(self, symbol: str, session: date) -> None:
        """Send the session."""
        self._link.tell(Lines(symbol, self._lines.pop(symbol, []), done=session))

    def symbol_done(self, symbol: str) -> None:
        """Send what is left."""
        self._link.tell(Lines(symbol, self._lines.pop(symbol, []), is_last=True))


def main() -> None:
    """Work for the run at the other end of the open file that the command line names."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the run stops its workers itself
    gc.set_threshold(COLLECT_AFTER_OBJECTS)
    build_graphs()  # loads what takes longest, while the run still gets its job together
    with refuse_network():
        work(Connection(int(sys.argv[1])))


def work(connection: Connection) -> None:
    """Do the job that the connection brings, and say how it ended."""
    job: Job = connection.recv()
    link = Link(connection)
    threading.Thread(target=link.listen, name="answers", daemon=True).start()
    error: BaseException | None = None
    try:
        with LoopThread() as loop:
            model = LinkedModel(link)
            run_agents(
                job.inputs,
                markets=job.markets,
                model=model,
                loop=loop,
                sink=LinkedSink(link),
                progress=NoProgress(),
                retrieval=_parts(job, link, model),
            )
    except BaseException as problem:
        problem.add_note(traceback.format_exc())
        error = portable(problem)
    link.tell(Ended(error))


def _parts(job: Job, link: Link, model: LinkedModel) -> RetrievalParts:
    """The run's retrieval: what only computes is done here."""
    experiment = job.inputs.experiment
    own = make_retrieval(experiment.retrieval, model=model, models=experiment.models).parts
    is_computed = isinstance(own.embedder, HashingEmbedder)
    embedder = own.embedder if is_computed else LinkedEmbedder(link, own.embedder.name)
    return RetrievalParts(embedder, own.sparse_encoder, own.reranker, LinkedChunks(link) if job.keeps_chunks else None)


def _without_evidence(request: ModelRequest) -> ModelRequest:
    """The request as a server needs it; its key and content stay as they were computed."""
    light = object.__new__(ModelRequest)
    light.__dict__.update(request.__dict__, evidence={})
    return light
