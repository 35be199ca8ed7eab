"""Runs the agents of a run: one thread and one backtrader account a symbol, one event loop for all model calls.

Ends in one of three ways: all symbols finished; a person interrupted; something failed. In the last two the other symbols stop
at their next session, and what was written stands.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, CancelledError, Future, ThreadPoolExecutor, wait
from datetime import date
from threading import Event

from tradinggroup.agents.context import AgentContext
from tradinggroup.backtest.desk_trader import DeskTrader, StoppedError
from tradinggroup.backtest.engine import run_account
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.sink import Row, RowKind, RunSink
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.desk.graph import DeskGraphs, build_graphs
from tradinggroup.desk.placebo import PlaceboViews
from tradinggroup.desk.stages import Stage, Stages
from tradinggroup.desk.state import TradingRules
from tradinggroup.desk.symbol_desk import SymbolDesk
from tradinggroup.errors import ErrorCode, TradinggroupError
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ChatModel
from tradinggroup.retrieval.ports import RetrievalParts
from tradinggroup.retrieval.registry import make_retrieval
from tradinggroup.runs.inputs import RunInputs
from tradinggroup.runs.progress import Progress
from tradinggroup.runs.window import decision_sessions

POLL_SECONDS = 0.5
"""How often a waiting main thread looks up, so that Ctrl-C is answered at once on every system."""
COLLECT_AFTER_OBJECTS = 20_000
"""New container objects after which the collector looks (Python's own default is 700 to 2,000)."""
CANCEL_SECONDS = 0.1
"""Time between two rounds of cancelling what the threads of a stopped run still ask."""


class ProgressSink:
    """Passes rows on and counts finished sessions."""

    def __init__(self, sink: RunSink, progress: Progress) -> None:
        self._sink = sink
        self._progress = progress

    def row(self, kind: RowKind, session: date, symbol: str, row: Row) -> None:
        """Pass on."""
        self._sink.row(kind, session, symbol, row)

    def session_done(self, symbol: str, session: date) -> None:
        """Pass on, and count."""
        self._sink.session_done(symbol, session)
        self._progress.advance()

    def symbol_done(self, symbol: str) -> None:
        """Pass on."""
        self._sink.symbol_done(symbol)


def run_agents(
    inputs: RunInputs,
    *,
    markets: Mapping[str, SymbolMarket],
    model: ChatModel,
    loop: LoopThread,
    sink: RunSink,
    progress: Progress,
    retrieval: RetrievalParts | None = None,
) -> None:
    """Run the agents on every symbol and send their rows to `sink`. Without `retrieval`, the parts that keep nothing.

    Raises KeyboardInterrupt when a person interrupts, else the first error of the first symbol that failed.
    """
    progress.start(sum(len(market.bar_positions) for market in markets.values()), inputs.experiment.name)
    graphs, stop, counted = build_graphs(), Event(), ProgressSink(sink, progress)
    parts = retrieval or make_retrieval(inputs.experiment.retrieval, model=model, models=inputs.experiment.models).parts

    def task(symbol: str) -> Callable[[], None]:
        return lambda: _run_symbol(
            inputs,
            symbol,
            market=markets[symbol],
            graphs=graphs,
            model=model,
            retrieval=parts,
            loop=loop,
            sink=counted,
            stop=stop,
        )

    is_serial = inputs.experiment.schedule == "serial"
    with _rarer_collection():
        run_tasks([task(symbol) for symbol in markets], threads=1 if is_serial else len(markets), stop=stop, loop=loop)


@contextlib.contextmanager
def _rarer_collection() -> Iterator[None]:
    """Let the garbage collector look less often: a run makes many objects and few cycles, which cost it a tenth of its time."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def make_desk(
    inputs: RunInputs,
    *,
    market: SymbolMarket,
    stages: Stages,
    graphs: DeskGraphs,
    loop: LoopThread,
) -> SymbolDesk:
    """The desk of one symbol."""
    experiment = inputs.experiment
    return SymbolDesk(
        inputs.bundle,
        sessions=decision_sessions(inputs, market),
        stages=stages,
        graphs=graphs,
        loop=loop,
        derived_text=experiment.derived_text,
        is_running_ahead=experiment.schedule == "run_ahead",
    )


def make_stages(inputs: RunInputs, symbol: str, *, model: ChatModel, retrieval: RetrievalParts) -> Stages:
    """How the desk of one symbol works, session by session: one way, but in a fork."""

    def stage(own: RunInputs) -> Stage:
        experiment = own.experiment
        agents = AgentContext(
            symbol=symbol,
            settings=experiment.agents,
            cards=own.cards,
            model=model,
            model_name=experiment.model,
            retrieval=retrieval,
            clock=DecisionClock.of(experiment, inputs.bundle.calendar),
            fill=experiment.fill,
            sample_index=experiment.models.sample_index,
            without=frozenset(experiment.without),
        )
        return Stage(agents, TradingRules.of(experiment, own.profile), _placebo(own, symbol))

    return Stages(stage(inputs), [(past.until, stage(past.inputs)) for past in inputs.past])


def _placebo(inputs: RunInputs, symbol: str) -> PlaceboViews | None:
    experiment = inputs.experiment
    what = set(experiment.placebo) & {"news", "filings"}
    if not what:
        return None
    clock = DecisionClock.of(experiment, inputs.bundle.calendar)
    return PlaceboViews(inputs.bundle, symbol, clock=clock, what=what, seed=experiment.seed, derived_text=experiment.derived_text)


def _run_symbol(
    inputs: RunInputs,
    symbol: str,
    *,
    market: SymbolMarket,
    graphs: DeskGraphs,
    model: ChatModel,
    retrieval: RetrievalParts,
    loop: LoopThread,
    sink: RunSink,
    stop: Event,
) -> None:
    stages = make_stages(inputs, symbol, model=model, retrieval=retrieval)
    desk = make_desk(inputs, market=market, stages=stages, graphs=graphs, loop=loop)
    trader = DeskTrader(desk, symbol=symbol, sink=sink, stop=stop)
    try:
        run_on_desk(inputs, market=market, trader=trader, stages=stages, sink=sink)
    finally:
        desk.close()


def run_on_desk(inputs: RunInputs, *, market: SymbolMarket, trader: DeskTrader, stages: Stages, sink: RunSink) -> None:
    """Run one account under the experiment's fills and costs, decided by a desk. Raises what the desk raises."""
    rules = stages.at(market.sessions[-1]).rules
    run_account(
        market,
        trader,
        cash_usd=inputs.experiment.cash_usd,
        commission=rules.commission,
        sink=sink,
        cash_rate_per_year=inputs.experiment.cash_rate_per_year,
        slippage=rules.slippage,
        execution=Execution.of(inputs.experiment),
        guard=trader if any(stage.rules.stop_mode == "intraday" for stage in stages) else None,
    )


def run_tasks(tasks: list[Callable[[], None]], *, threads: int, stop: Event, loop: LoopThread) -> None:
    """Run the tasks in threads; on an interrupt or a first failure stop all and cancel what is still being asked."""
    with ThreadPoolExecutor(max_workers=max(1, threads), thread_name_prefix="account") as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            is_whole = _wait_for(futures)
        except BaseException:
            is_whole = False
            raise
        finally:
            if not is_whole:
                stop.set()
                _end_all(futures, loop=loop)
    _raise_first(futures)
    if not is_whole:
        raise TradinggroupError(ErrorCode.INTERNAL, "a symbol was cancelled though nothing failed", remedy="Please report it.")


def _end_all(futures: list[Future[None]], *, loop: LoopThread) -> None:
    """Cancel until every thread has ended: one that was between two calls asks once more before it sees the stop.

    The loop stays open, since the models still have to close their connections on it.
    """
    for future in futures:
        future.cancel()
    while True:
        loop.cancel_running()
        if not wait(futures, timeout=CANCEL_SECONDS).not_done:
            return


def _wait_for(futures: list[Future[None]]) -> bool:
    """Wait until all are done (True) or one has failed (False)."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=POLL_SECONDS, return_when=FIRST_EXCEPTION)
        if any(future.exception() is not None for future in done):
            return False
    return True


def _raise_first(futures: list[Future[None]]) -> None:
    """Raise the error of the first symbol that has one of its own, rather than of one that was only told to stop."""
    for future in futures:
        with contextlib.suppress(StoppedError, CancelledError):
            future.result()
