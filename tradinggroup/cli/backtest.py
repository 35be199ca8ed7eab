"""`tradinggroup backtest`: run an experiment, or go on with an interrupted run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tradinggroup.cli.check import show_check
from tradinggroup.cli.many import print_many, wanted_runs
from tradinggroup.cli.options import JsonOption, Overrides, setting_options
from tradinggroup.cli.output import emit_json, narrate, only_json_on_stdout, project_of, saved, shown_path
from tradinggroup.cli.progress import BarProgress, PlainProgress, make_progress
from tradinggroup.errors import BudgetError, ErrorCode, ProviderError, UsageError

if TYPE_CHECKING:
    from tradinggroup.experiment import ResolvedExperiment
    from tradinggroup.project import Project
    from tradinggroup.runs.folder import RunFolder
    from tradinggroup.settings import Experiment

EXAMPLE = 'tradinggroup backtest backtests/demo.toml --note "first look"'
EXIT_CODES = {"success": 0, "invalid": 1, "budget": 4, "provider": 5, "interrupted": 130}
NOTE = "the run folder stays readable"

ExperimentOrNone = Annotated[
    str | None, typer.Argument(metavar="EXPERIMENT", help="An experiment: a file, or a name in backtests/. None with --resume.")
]
CallsMode = Literal["record", "replay", "refresh"]
Calls = Annotated[
    CallsMode | None,
    typer.Option(
        "--calls",
        help="Model calls: recorded, else live (record, the default); recorded only, no network (replay); always live (refresh). "
        "A resumed run goes on as it was begun.",
    ),
]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="A sentence for the header of the run.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and estimate only, as `check` does.")]
Runs = Annotated[int, typer.Option("--runs", metavar="N", min=1, max=1000, help="Run it N times, as samples of the same models.")]
Vary = Annotated[
    list[str] | None, typer.Option("--vary", metavar="KEY=A,B", help="A run for each value of a setting; repeat for combinations.")
]
Unseal = Annotated[
    str | None, typer.Option("--unseal", metavar="REASON", help="Look at the sealed hold-out; the ledger keeps when and why.")
]
Resume = Annotated[str | None, typer.Option("--resume", metavar="RUN", help="Go on with an interrupted run in its own folder.")]


@setting_options
def command(
    context: typer.Context,
    experiment: ExperimentOrNone = None,
    *,
    overrides: Overrides,
    calls: Calls = None,
    note: Note = None,
    dry_run: DryRun = False,
    runs: Runs = 1,
    vary: Vary = None,
    unseal: Unseal = None,
    resume: Resume = None,
    as_json: JsonOption = False,
) -> None:
    """Run an experiment and write a run folder.

    Ends with one sentence, and the path of the folder; an experiment with variants runs each, and ends with a table, as do
    --vary and --runs. Exit 1 when a run is invalid.
    """
    project = project_of(context)
    if resume is not None:
        many = "--vary" if vary else "--runs" if runs > 1 else "--unseal" if unseal is not None else None
        _refuse_beside_resume(experiment, note=note, other="--dry-run" if dry_run else many)
        return finish(_resumed(project, resume, calls, overrides, as_json=as_json), as_json=as_json)
    calls = calls or "record"
    if experiment is None:
        raise UsageError(ErrorCode.USAGE, "no EXPERIMENT", remedy=f"Name one: {EXAMPLE}, or go on with a run: --resume RUN.")
    wanted = wanted_runs(project, experiment, overrides, vary=vary or [], runs=runs)
    if dry_run:
        for cell in wanted:
            _narrate_headline(cell[0].experiment)
        return show_check(project, [cell[0] for cell in wanted], runs=runs, unseal=unseal, as_json=as_json)
    if len(wanted) * runs > 1:
        _check_all(project, wanted, calls, unseal=unseal, as_json=as_json)
    asked = {"experiment": experiment, **({"vary": vary} if vary else {}), **({"runs": runs} if runs > 1 else {})}
    made = [
        [_run(project, each, calls, note=note, unseal=unseal, arguments=asked | each.arguments, as_json=as_json) for each in cell]
        for cell in wanted
    ]
    if runs > 1:
        print_many(made, as_json=as_json)
        return exit_as([run for cell in made for run in cell])
    if wanted[0][0].variant is None:
        return finish(made[0][0], as_json=as_json)
    return _finish_variants([run for cell in made for run in cell], as_json=as_json)


def _check_all(
    project: Project,
    wanted: list[list[ResolvedExperiment]],
    calls: CallsMode,
    *,
    unseal: str | None,
    as_json: bool,
) -> None:
    """Refuse a table of runs before its first run where any of them would be refused."""
    from tradinggroup.runs.execute import RunOptions, check_ready

    with only_json_on_stdout(as_json):
        for cell in wanted:
            check_ready(project, cell[0], RunOptions(calls=calls, unseal=unseal))


def _run(
    project: Project,
    resolved: ResolvedExperiment,
    calls: CallsMode,
    *,
    note: str | None,
    unseal: str | None,
    arguments: dict[str, Any],
    as_json: bool,
) -> RunFolder:
    _narrate_headline(resolved.experiment)
    from tradinggroup.runs.workers.process import started_workers

    # They load while this process does.
    with started_workers(resolved.experiment.worker_processes) as workers:
        from tradinggroup.runs.execute import RunOptions, run_experiment

        options = RunOptions(calls=calls, note=note, arguments=arguments, workers=workers, unseal=unseal)
        with only_json_on_stdout(as_json), shown_progress() as progress, says_how_to_go_on(project):
            return run_experiment(project, resolved, options, progress)


def _narrate_headline(experiment: Experiment) -> None:
    from tradinggroup.runs.figures import wrapped

    narrate("\n".join(wrapped(headline(experiment), then=" " * 4)))


def headline(experiment: Experiment) -> str:
    """The first line of a run, printed before anything heavy is loaded."""
    count = len(experiment.symbols)
    own = "".join(f", {agent} {model}" for agent, model in sorted(experiment.agent_models.items()))
    no_llm = " (no LLM)" if experiment.model == "rules" and not own else ""
    model = f"model {experiment.model}{no_llm}{own}" if experiment.agents_enabled else "no agents"
    processes = experiment.worker_processes
    workers = f", {processes} worker processes" if processes > 1 else ""
    return f"run {experiment.name}: {count} symbol{'s' if count != 1 else ''}, {experiment.start}..{experiment.end}, {model}{workers}"


def _refuse_beside_resume(experiment: str | None, *, note: str | None, other: str | None) -> None:
    given = [experiment, note, other]
    extra = [value for value in given if value is not None]
    if extra:
        remedy = "A resumed run keeps the experiment, settings and note of its folder; leave it out, or start a new run."
        raise UsageError(ErrorCode.USAGE, f"--resume cannot go with {extra[0]}", remedy=remedy)


def _resumed(project: Project, name: str, calls: CallsMode | None, overrides: Overrides, *, as_json: bool) -> RunFolder:
    from tradinggroup.experiment import refuse_all_but_limits

    refuse_all_but_limits(overrides)
    from tradinggroup.runs.execute import RunOptions, calls_mode_of, resume_run
    from tradinggroup.runs.locate import find_run

    run = find_run(project, name)
    narrate(f"resume {run.name}: status {run.status}")
    with only_json_on_stdout(as_json), shown_progress() as progress, says_how_to_go_on(project, run.path):
        return resume_run(project, run, RunOptions(calls=calls or calls_mode_of(run), limits=overrides), progress)


@contextlib.contextmanager
def shown_progress() -> Iterator[BarProgress | PlainProgress]:
    """The progress of a run, as the terminal can show it, until the block ends."""
    progress = make_progress()
    try:
        yield progress
    finally:
        progress.finish()


@contextlib.contextmanager
def says_how_to_go_on(project: Project, folder: Path | None = None) -> Iterator[None]:
    """What ends a run early carries a note with its folder: the one made meanwhile, or that of a resumed run, `folder`."""
    from tradinggroup.runs.locate import run_folders

    before = set(run_folders(project))
    told: type[BaseException] | tuple[type[BaseException], ...] = BaseException
    if folder is not None:
        told = (KeyboardInterrupt, BudgetError, ProviderError)
    try:
        yield
    except told as error:
        made = folder or next((path for path in reversed(run_folders(project)) if path not in before), None)
        if made is not None:
            # What was wrong with the run's own settings would be wrong again.
            how = "" if isinstance(error, UsageError) else f"; go on with: tradinggroup backtest --resume {made.name.rpartition('-')[2]}"
            error.add_note(f"{NOTE}: {shown_path(made)}{how}")
        raise


def finish(run: RunFolder, *, as_json: bool) -> None:
    """Print what the run came to, and exit as its status says."""
    if as_json:
        emit_json(run.summary())
    else:
        from tradinggroup.runs.text.show import text_result

        print(text_result(run))
        saved(run.path)
    exit_code = EXIT_CODES.get(run.status, 1)
    if exit_code:
        raise typer.Exit(exit_code)


def _finish_variants(runs: list[RunFolder], *, as_json: bool) -> None:
    if as_json:
        emit_json({"runs": [run.summary() for run in runs]})
    else:
        from tradinggroup.runs.text.variants import text_variants

        print(text_variants(runs))
        for run in runs:
            saved(run.path)
    exit_as(runs)


def exit_as(runs: Sequence[RunFolder]) -> None:
    """Exit as the worst status of the runs says."""
    exit_code = max(EXIT_CODES.get(run.status, 1) for run in runs)
    if exit_code:
        raise typer.Exit(exit_code)
