"""`tradinggroup recordings`: what models answered, kept, looked at, sent to others and tidied up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradinggroup.cli.framework import add, new_group
from tradinggroup.cli.options import JsonOption, RequiredRun
from tradinggroup.cli.output import emit_json, narrate, needed_day, project_of, project_of_run, saved, shown_path
from tradinggroup.errors import DataError, ErrorCode, UsageError

RunOrNone = Annotated[
    str | None, typer.Argument(metavar="RUN", help="A run, as everywhere; without it, the shared store of the project.", show_default=False)
]
Output = Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="A zip file where it ends in .zip, else a new folder.")]
WithBundle = Annotated[bool, typer.Option("--with-bundle", help="Put the bundle inside, so that nothing else is needed to verify it.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="What `recordings export` wrote: a zip file or a folder.")]
OlderThan = Annotated[str | None, typer.Option("--older-than", metavar="AGE", help="Recorded longer ago: 90d, or before a day 2026-03-01.")]
Unused = Annotated[bool, typer.Option("--unused", help="Used by no run of the project.")]
Yes = Annotated[bool, typer.Option("--yes", help="Remove them; without it nothing is changed.")]
What = Annotated[list[str], typer.Argument(metavar="SESSION SYMBOL AGENT | KEY", help="A call by its place, or the start of a key.")]

group = new_group("Recordings: every answer of a model, found again by its request.")


def stats(context: typer.Context, run: RunOrNone = None, *, as_json: JsonOption = False) -> None:
    """Count what a store holds: by model and agent, rungs, failures, tokens.

    Every recording is checked against its hashes. Exit 3 for one that was changed.
    """
    from tradinggroup.models.recordings import RecordingStore
    from tradinggroup.runs.recordings.stats import recording_stats

    with RecordingStore.open(_store_path(context, run), readonly=True) as store:
        figures = recording_stats(store)
    if as_json:
        emit_json(figures)
        return
    from tradinggroup.runs.text.recordings import text_stats

    print(f"{shown_path(Path(figures['store']))}\n{text_stats(figures)}")


def export(
    context: typer.Context, run: RequiredRun, *, output: Output, with_bundle: WithBundle = False, as_json: JsonOption = False
) -> None:
    """Write a run with its recordings as one folder or one zip file.

    Whoever gets it can show and verify it: a folder where it lies, by its path; a zip file after `recordings import`.
    Prompts and answers are inside, and with --with-bundle the market data: mind the licences of both.
    """
    project = project_of_run(context, run)
    from tradinggroup.runs.locate import find_run
    from tradinggroup.runs.recordings.sharing import export_run

    target = Path(output).expanduser()
    manifest = export_run(project, find_run(project, run), target, with_bundle=with_bundle)
    if as_json:
        emit_json({"path": str(target), **manifest})
        return
    inside = "with its bundle" if with_bundle else "without its bundle"
    narrate(f"run {manifest['run_id']}: {len(manifest['files'])} files, {inside}")
    saved(target)


def import_command(context: typer.Context, file: File, *, as_json: JsonOption = False) -> None:
    """Take in an exported run, and its answers into the shared store.

    Every file, recording and the bundle are checked before anything is written. Exit 3 for one that was changed.
    """
    project = project_of(context)
    from tradinggroup.runs.recordings.sharing import import_run

    source = Path(file).expanduser()
    if not source.exists():
        raise UsageError(ErrorCode.USAGE, f"no file {file}", remedy="Name a zip file or folder that `recordings export` wrote.")
    found = import_run(project, source)
    if as_json:
        emit_json(
            {
                "run_id": found.run.run_id,
                "path": str(found.run.path),
                "new": found.is_new,
                "answers": found.answers,
                "with_bundle": found.has_bundle,
            }
        )
        return
    narrate(f"run {found.run.run_id} {'taken in' if found.is_new else 'was here already'}; {found.answers} new answers in the shared store")
    saved(found.run.path)


def prune(
    context: typer.Context, *, older_than: OlderThan = None, unused: Unused = False, yes: Yes = False, as_json: JsonOption = False
) -> None:
    """Take recordings out of the project's shared store.

    With both options, both must hold. Says what would go; --yes removes it. The stores of runs are never touched, so every
    run can still be verified.
    """
    if older_than is None and not unused:
        raise UsageError(ErrorCode.USAGE, "nothing says what to prune", remedy="Give --older-than AGE, --unused, or both.")
    project = project_of(context)
    from tradinggroup.clock import utc_now
    from tradinggroup.runs.recordings.pruning import prune_recordings, read_age

    before = None if older_than is None else read_age(older_than, utc_now())
    pruned = prune_recordings(project, before=before, only_unused=unused, is_dry=not yes)
    if as_json:
        emit_json({**pruned.to_plain(), "dry": not yes})
        return
    from tradinggroup.runs.text.recordings import text_pruned

    print(text_pruned(pruned, is_dry=not yes))


def why(context: typer.Context, run: RequiredRun, what: What, *, as_json: JsonOption = False) -> None:
    """Show where an answer came from, and why it was asked live.

    From this run, the shared store, the run it was forked from, or the rules; when, by which attempts and rung. Of a live call
    also what of its request differs from the one recorded before.
    """
    if len(what) not in {1, 3}:
        raise UsageError(
            ErrorCode.USAGE, f"{' '.join(what)}: neither a place nor a key", remedy="Give SESSION SYMBOL AGENT, or the start of a KEY."
        )
    project = project_of_run(context, run)
    from tradinggroup.runs.locate import find_run
    from tradinggroup.runs.recordings.why import why_of_call, why_of_key

    folder = find_run(project, run)
    if len(what) == 1:
        calls = why_of_key(project, folder, what[0])
    else:
        session, symbol, agent = what
        calls = why_of_call(project, folder, session=needed_day(session, "SESSION").isoformat(), symbol=symbol, agent=agent)
    if as_json:
        emit_json({"run_id": folder.run_id, "calls": calls})
        return
    from tradinggroup.runs.text.recordings import text_why

    print(text_why(calls))


def _store_path(context: typer.Context, run: str | None) -> Path:
    if run is not None:
        from tradinggroup.runs.locate import find_run

        return find_run(project_of_run(context, run), run).recordings
    path = project_of(context).shared_recordings
    if not path.is_file():
        remedy = "Runs that ask a model server make it; `recordings stats RUN` shows a run's own."
        raise DataError(ErrorCode.RECORDING_MISSING, "the project has no shared recordings yet", remedy=remedy)
    return path


add(group, "stats", stats, example="tradinggroup recordings stats latest")
add(group, "export", export, example="tradinggroup recordings export latest -o study.zip --with-bundle")
add(group, "import", import_command, example="tradinggroup recordings import study.zip")
add(group, "prune", prune, example="tradinggroup recordings prune --unused --older-than 90d")
add(group, "why", why, example="tradinggroup recordings why latest 2023-09-19 ACME decision")
