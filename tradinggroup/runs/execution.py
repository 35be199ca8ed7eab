"""One execution: inputs and recordings in, a run folder out, whatever happens on the way.

Running an experiment, resuming it and verifying it are the same execution into a new folder, into the run's own folder, and
into a temporary folder with the network refused.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradinggroup.backtest.baselines.runner import BaselineResult
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.clock import utc_now
from tradinggroup.errors import BudgetError, ProviderError
from tradinggroup.models.budget import Budget
from tradinggroup.models.gateway import CallsMode, Gateway
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.probe_cost import ProbeCost
from tradinggroup.models.rate_limit import RateLimits
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import load_client, make_model
from tradinggroup.models.rung_choice import RungChoice, rungs_of
from tradinggroup.retrieval.chunk_store import ChunkStore
from tradinggroup.retrieval.kept_embedder import VectorSources
from tradinggroup.retrieval.registry import Retrieval, make_retrieval
from tradinggroup.runs.agents_job import run_agents
from tradinggroup.runs.baseline_figures import BaselineJob
from tradinggroup.runs.baselines_beside import BaselinesBeside
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.header import end_header
from tradinggroup.runs.inputs import RunInputs
from tradinggroup.runs.money import budget_of, kept_bill
from tradinggroup.runs.progress import Progress
from tradinggroup.runs.results import call_figures, hold_figures, result_figures
from tradinggroup.runs.workers.pool import Services, run_in_workers
from tradinggroup.runs.workers.process import WorkerProcess, started_workers
from tradinggroup.runs.writer import RunWriter


@dataclass(frozen=True, slots=True)
class Execution:
    """What one execution works with. `header` is the one with status `running`, which is on disk before the first call."""

    inputs: RunInputs
    markets: Mapping[str, SymbolMarket]
    writer: RunWriter
    header: Mapping[str, Any]
    run_store: RecordingStore
    shared_store: RecordingStore | None
    mode: CallsMode
    progress: Progress
    chunks_folder: Path | None = None
    """Where chunks and vectors are kept across runs; without it nothing is read from other runs or left for them."""
    workers: Sequence[WorkerProcess] = ()
    """Worker processes that were started before; without them they are started here."""
    probes_file: Path | None = None
    """Where the project keeps how servers can be asked; without it, what a probe finds is the run's alone."""
    ending: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None
    """What is done with the last header before it is written; a run that only repeats another one does nothing."""

    def run(self) -> RunFolder:
        """Run to the end and return the folder.

        Raises what ended the run early, after the folder was closed with the status that says so.
        """
        budget = budget_of(self.inputs, self.run_store)
        rungs = RungChoice(
            self.inputs.experiment.models.structured_output,
            used=rungs_of(self.run_store),
            probes=self.probes_file,
            pay=ProbeCost(self.run_store, budget).paid,
        )
        limits = RateLimits()
        gateway = self._gateway(rungs, limits, budget)
        retrieval = self._retrieval(gateway, limits)
        # Rows whose recordings a kill has lost could not come out the same again: another answer would be given.
        self.writer.write_after(self.run_store.flush)
        try:
            with BaselinesBeside(BaselineJob(self.inputs, self.markets)) as beside:
                with LoopThread() as loop, self._closing(gateway, retrieval, loop):
                    self._run_agents(gateway, retrieval, loop)
                return self._finish_whole(gateway, rungs, beside.results())
        except BaseException as error:
            self._finish(_status_of(error), self._partial_figures(gateway, rungs))
            raise

    def _gateway(self, rungs: RungChoice, limits: RateLimits, budget: Budget | None) -> Gateway:
        settings = self.inputs.experiment.models
        return Gateway(
            {
                name: make_model(name, settings, registry, rungs=rungs, limits=limits)
                for name, registry in sorted(self.inputs.all_models.items())
            },
            self.run_store,
            self.shared_store,
            mode=self.mode,
            settings=settings,
            recorded_before=(self.header.get("fork") or {}).get("session", ""),
            budget=budget,
        )

    def _retrieval(self, gateway: Gateway, limits: RateLimits) -> Retrieval:
        settings = self.inputs.experiment.retrieval
        chunk_store = ChunkStore(self.chunks_folder, embedder=settings.embedder) if self.chunks_folder is not None else None
        return make_retrieval(
            settings,
            model=gateway,
            models=self.inputs.experiment.models,
            sources=VectorSources(self.run_store, chunk_store, self.mode),
            limits=limits,
        )

    def _run_agents(self, gateway: Gateway, retrieval: Retrieval, loop: LoopThread) -> None:
        if self.shared_store is not None and self.mode != "replay":
            # While others load or wait. Not where everything is computed here: there it would only come first.
            threading.Thread(target=load_client, name="imports", daemon=True).start()
        if self.inputs.experiment.worker_processes > 1:
            services = Services(model=gateway, retrieval=retrieval.parts, loop=loop, sink=self.writer, progress=self.progress)
            with self._workers() as processes:
                run_in_workers(self.inputs, markets=self.markets, services=services, processes=processes)
        elif self.inputs.experiment.agents_enabled:
            run_agents(
                self.inputs,
                markets=self.markets,
                model=gateway,
                loop=loop,
                sink=self.writer,
                progress=self.progress,
                retrieval=retrieval.parts,
            )
        else:
            for symbol in self.markets:
                self.writer.symbol_done(symbol)

    def _workers(self) -> contextlib.AbstractContextManager[Sequence[WorkerProcess]]:
        count = self.inputs.experiment.worker_processes
        return contextlib.nullcontext(self.workers) if len(self.workers) == count else started_workers(count)

    @contextlib.contextmanager
    def _closing(self, gateway: Gateway, retrieval: Retrieval, loop: LoopThread) -> Iterator[None]:
        """Afterwards the models' connections, the stores and the row files are closed: each, also where another can't be."""
        with contextlib.ExitStack() as closing:
            closing.callback(self.writer.close)
            for store in (self.shared_store, self.run_store):
                if store is not None:
                    closing.callback(store.close)
            closing.callback(lambda: loop.run(gateway.aclose()))
            closing.callback(lambda: loop.run(retrieval.aclose()))
            yield

    def _finish_whole(self, gateway: Gateway, rungs: RungChoice, made: Mapping[str, BaselineResult]) -> RunFolder:
        statistics = gateway.statistics
        calls = call_figures(statistics, kept_bill(self.inputs, self.run_store.path))
        figures, report = result_figures(
            self.inputs, RunFolder.open(self.writer.folder), markets=self.markets, model_bill_usd=calls["cost_usd"], made=made
        )
        for name, result in report.results.items():
            if result.reason is None:
                self.writer.write_baseline(name, equity=_all_rows(result.equity), fills=_all_rows(result.fills))
        if report.draws is not None:
            self.writer.write_band(report.draws.band_rows)
        warnings = [*calls["warnings"], *figures["warnings"]]
        whole = {**calls, "structured_output": rungs.used, **figures, "warnings": warnings}
        is_valid = statistics.failed <= self.inputs.experiment.models.max_error_fraction * statistics.total
        return self._finish("success" if is_valid else "invalid", whole)

    def _partial_figures(self, gateway: Gateway, rungs: RungChoice) -> dict[str, Any]:
        """What an early end can say: calls and holds so far; no metrics, since there is no whole window."""
        holds = hold_figures(RunFolder.open(self.writer.folder))
        calls = call_figures(gateway.statistics, kept_bill(self.inputs, self.run_store.path))
        return {**calls, "structured_output": rungs.used, "holds": holds}

    def _finish(self, status: str, figures: Mapping[str, Any]) -> RunFolder:
        results = {**figures, "workers": self.inputs.experiment.worker_processes}
        header: Mapping[str, Any] = end_header(self.header, status=status, finished_at=utc_now(), results=results)
        self.writer.finish(header if self.ending is None else self.ending(header))
        self.progress.finish()
        return RunFolder.open(self.writer.folder)


def _status_of(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, ProviderError):
        return "provider"
    return "budget" if isinstance(error, BudgetError) else "error"


def _all_rows(rows: Mapping[str, Any]) -> list[Any]:
    return [row for symbol_rows in rows.values() for row in symbol_rows]
