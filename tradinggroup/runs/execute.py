"""Run an experiment, and go on with an interrupted run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import orjson

import tradinggroup
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.clock import utc_now
from tradinggroup.data.membership import plain_membership
from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.experiment import Override, ResolvedExperiment, with_limits
from tradinggroup.models.endpoint import OPENAI_SERVER
from tradinggroup.models.gateway import CallsMode
from tradinggroup.models.network import refuse_network
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import check_model, is_local
from tradinggroup.project import Project
from tradinggroup.retrieval.registry import check_retrieval, is_served
from tradinggroup.runs.cutoffs import cutoff_warnings, cutoffs_of
from tradinggroup.runs.execution import Execution
from tradinggroup.runs.folder import RECORDINGS, RunFolder
from tradinggroup.runs.header import RunStart, start_header
from tradinggroup.runs.inputs import RunInputs, inputs_of_project, inputs_of_run
from tradinggroup.runs.ledger.entries import begin_in_ledger, end_in_ledger, enter_resumed
from tradinggroup.runs.ledger.holdout import refuse_sealed, unsealing_of
from tradinggroup.runs.lessons import keep_lessons
from tradinggroup.runs.lock import only_writer
from tradinggroup.runs.money import check_prices
from tradinggroup.runs.progress import NoProgress, Progress
from tradinggroup.runs.window import markets_of, window_warnings
from tradinggroup.runs.workers.process import WorkerProcess
from tradinggroup.runs.writer import RunWriter


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run, as apart from what to run."""

    calls: CallsMode = "record"
    note: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What was passed, as plain values, for the header."""
    limits: Sequence[Override] = ()
    """For a run that goes on: other limits than those that it started with."""
    workers: Sequence[WorkerProcess] = ()
    """Worker processes that were started before anything heavy was loaded; without them they are started when they are needed."""
    unseal: str | None = None
    """Why sessions of the hold-out are looked at; None: they are refused."""


def run_experiment(project: Project, resolved: ResolvedExperiment, options: RunOptions, progress: Progress | None = None) -> RunFolder:
    """Run an experiment into a new folder of the project.

    Raises UsageError or DataError before anything is written; afterwards ProviderError, KeyboardInterrupt and others, with
    the folder closed and readable.
    """
    inputs = inputs_of_project(project, resolved)
    check_models(inputs, options.calls)
    markets = markets_of(inputs)
    start = run_start(project, inputs, markets, options, variant=resolved.variant)
    header = start_header(start)  # asks git: before there is a folder that an interrupt could leave without its header
    writer, header = begin_run(project, inputs, start, header, unseal=options.unseal)
    with only_writer(writer.folder):
        return execute(project, inputs, writer, header, options.calls, progress, markets=markets, workers=options.workers)


def begin_run(
    project: Project, inputs: RunInputs, start: RunStart, header: Mapping[str, Any], *, unseal: str | None
) -> tuple[RunWriter, dict[str, Any]]:
    """The writer of a new folder and the header of its run, which the ledger has from now on.

    Raises UsageError HOLDOUT_SEALED, DataError LEDGER_UNWRITABLE or RUN_UNWRITABLE.
    """
    return begin_in_ledger(
        project,
        inputs,
        header,
        sessions=start.sessions,
        unsealing=unsealing_of(project, inputs.experiment, start.sessions, unseal),
        make_writer=lambda: new_writer(project, inputs, start.started_at),
    )


def check_ready(project: Project, resolved: ResolvedExperiment, options: RunOptions) -> None:
    """Raise what `run_experiment` would raise before it makes a folder: so a table of runs is refused as a whole."""
    inputs = inputs_of_project(project, resolved)
    check_models(inputs, options.calls)
    sessions = next(iter(markets_of(inputs).values())).sessions
    unsealing_of(project, inputs.experiment, sessions, options.unseal)


def run_start(
    project: Project, inputs: RunInputs, markets: Mapping[str, SymbolMarket], options: RunOptions, *, variant: str | None = None
) -> RunStart:
    """What the header of a new run is made from."""
    sessions = next(iter(markets.values())).sessions
    cutoffs = cutoffs_of(inputs, sessions)
    return RunStart(
        experiment=inputs.experiment,
        arguments=options.arguments,
        bundle=inputs.bundle,
        models=inputs.models,
        cards={agent: card.hash for agent, card in inputs.cards.items()},
        sessions=sessions,
        universe=_universe(inputs),
        warnings=[*window_warnings(inputs, markets), *cutoff_warnings(cutoffs.values())],
        cutoffs=cutoffs,
        stop_mode=inputs.profile.stop_mode(inputs.experiment.stops),
        calls_mode=options.calls,
        project_root=project.root,
        started_at=utc_now(),
        note=options.note,
        variant=variant,
        base_url=", ".join(_addresses(inputs)) or None,
    )


def _universe(inputs: RunInputs) -> dict[str, Any]:
    bundle, symbols = inputs.bundle, inputs.experiment.symbols
    dated = {symbol: bundle.membership[symbol] for symbol in sorted(symbols) if symbol in bundle.membership}
    return {"note": bundle.universe_note, "dated": len(dated) == len(symbols), "membership": plain_membership(dated)}


def new_writer(project: Project, inputs: RunInputs, started_at: datetime) -> RunWriter:
    """The writer of a new folder, which holds the inputs. Raises DataError RUN_UNWRITABLE."""
    return RunWriter.create(
        project.runs_folder,
        experiment=inputs.experiment.name,
        identity=orjson.dumps([inputs.experiment.to_plain(), inputs.bundle.hash], option=orjson.OPT_SORT_KEYS),
        started_at=started_at,
        symbols=inputs.experiment.symbols,
        sources=inputs.sources,
    )


def calls_mode_of(run: RunFolder) -> CallsMode:
    """How the run asks its models, as it was last told to."""
    mode: CallsMode = run.header.get("calls_mode", "record")
    return mode


def resume_run(project: Project, run: RunFolder, options: RunOptions, progress: Progress | None = None) -> RunFolder:
    """Go on with a run in its own folder: the same run again, its own recordings first, the rest, and the header, as `options.calls` says.

    Raises UsageError for a run that has ended, is of another version of the package or is being written by another process;
    DataError for another bundle.
    """
    if run.status in ("success", "invalid"):
        raise UsageError(
            ErrorCode.USAGE, f"run {run.run_id} has ended ({run.status})", remedy="Start a new one with: tradinggroup backtest."
        )
    version = run.header["versions"]["tradinggroup"]
    if version != tradinggroup.__version__:
        raise UsageError(
            ErrorCode.USAGE,
            "the run was started by another version",
            run=version,
            here=tradinggroup.__version__,
            remedy="Install that version, or start a new run: its recordings are shared.",
        )
    inputs = inputs_of_run(project, run)
    if options.limits:
        inputs = replace(inputs, experiment=with_limits(inputs.experiment, options.limits))
    check_models(inputs, options.calls)
    markets = markets_of(inputs)
    sessions = next(iter(markets.values())).sessions
    if not (run.header.get("holdout") or {}).get("unsealed"):
        refuse_sealed(project, inputs.experiment, sessions[-1])
    with only_writer(run.path):
        with RecordingStore.open(run.recordings) as store:
            outage = store.first_outage_session()
        writer = RunWriter.resume(run.path, symbols=inputs.experiment.symbols, before=outage)
        if outage is not None:
            # What followed from a failure that is asked anew may never be asked again.
            with RecordingStore.open(run.recordings) as store:
                store.forget_calls(since=outage)
        header = {key: value for key, value in run.header.items() if key != "files"}
        header |= {"status": "running", "finished_at": None, "settings": inputs.experiment.to_plain(), "calls_mode": options.calls}
        header = enter_resumed(project, inputs, header, sessions=sessions)
        return execute(project, inputs, writer, header, options.calls, progress, markets=markets)


def execute(
    project: Project,
    inputs: RunInputs,
    writer: RunWriter,
    header: Mapping[str, Any],
    calls: CallsMode,
    progress: Progress | None,
    *,
    markets: Mapping[str, SymbolMarket],
    workers: Sequence[WorkerProcess] = (),
) -> RunFolder:
    """Write the header, run to the end, and keep the lessons. Raises as `run_experiment`."""
    with contextlib.ExitStack() as opened:
        opened.callback(writer.close)
        writer.write_header(header)
        # What `rules` said can be computed again; what a server said was paid for.
        run_store = opened.enter_context(RecordingStore.open(writer.folder / RECORDINGS, durable=_asks_server(inputs)))
        shared = opened.enter_context(RecordingStore.open(project.shared_recordings, shared=True)) if _asks_server(inputs) else None
        if calls == "replay":
            opened.enter_context(refuse_network())
        run = Execution(
            inputs=inputs,
            markets=markets,
            writer=writer,
            header=header,
            run_store=run_store,
            shared_store=shared,
            mode=calls,
            progress=progress or NoProgress(),
            chunks_folder=project.chunks_folder,
            probes_file=project.probes_file,
            workers=workers,
            ending=lambda header: end_in_ledger(project, inputs, writer.folder, header),
        ).run()
    keep_lessons(project, run)
    return run


def _asks_server(inputs: RunInputs) -> bool:
    is_asked = is_served(inputs.experiment.retrieval.embedder) or not all(is_local(name) for name in inputs.all_models)
    return inputs.experiment.agents_enabled and is_asked


def _addresses(inputs: RunInputs) -> list[str]:
    """Where the run's models and its embedder are asked, each once."""
    if not inputs.experiment.agents_enabled:
        return []
    servers = [inputs.registry.server_of(name) for name in inputs.models.values()]
    servers += [OPENAI_SERVER] if is_served(inputs.experiment.retrieval.embedder) else []
    return sorted({server.address for server in servers if server is not None})


def check_models(inputs: RunInputs, calls: CallsMode) -> None:
    """A wrong name or a missing key is said before a folder is made; recordings alone need no key."""
    if not inputs.experiment.agents_enabled:
        return
    for agent, card in inputs.cards.items():
        check_model(inputs.model_of(agent), inputs.registry, parameters=card.more_parameters, is_asked=calls != "replay")
    check_prices(inputs, calls)
    if calls != "replay":
        check_retrieval(inputs.experiment.retrieval)
