"""A fork: a new run that is another one up to a session, and differs from it from that session on.

Its folder holds the settings of both. Its past is computed again like any run's, from the parent's recordings, which are copied
into it; the parent's rows of that past are copied too, and what is computed must come out as they are, byte for byte. So a fork
can be resumed and verified without its parent, and nothing of its past is paid for.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tradinggroup.backtest.sink import RowKind
from tradinggroup.data.features import closes_needed
from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.experiment import Override, changed_experiment
from tradinggroup.models.recording_copy import copy_past
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.project import Project
from tradinggroup.runs.cutoffs import cutoff_warnings, cutoffs_of
from tradinggroup.runs.execute import RunOptions, begin_run, check_models, execute, run_start
from tradinggroup.runs.folder import RECORDINGS, RunFolder
from tradinggroup.runs.header import model_title, start_header
from tradinggroup.runs.inputs import RunInputs, forked_inputs, inputs_of_run
from tradinggroup.runs.lock import only_writer
from tradinggroup.runs.progress import Progress
from tradinggroup.runs.row_file import cut_from, unwritable
from tradinggroup.runs.window import markets_of
from tradinggroup.runs.writer import RunWriter
from tradinggroup.setting_tree import known_settings, plain, short
from tradinggroup.settings import Experiment

MAY_CHANGE = ("risk", "stops", "model", "agent_models", "without", "placebo", "gap_buffer_fraction", "agents", "reflection", "models")
"""Settings, and tables of settings, that a decision alone depends on; anything else holds for a run as a whole."""


def fork_run(
    project: Project,
    parent: RunFolder,
    session: date,
    overrides: Sequence[Override],
    options: RunOptions,
    progress: Progress | None = None,
) -> RunFolder:
    """Run `parent` again into a new folder, with `overrides` from `session` on.

    Raises UsageError for a setting that can't change in the middle of a run or a session that is none of it, DataError for a parent
    that does not reach the session, for its bundle, or for a recording of its past that is missing or was changed; afterwards as
    `run_experiment`.
    """
    before = inputs_of_run(project, parent)
    experiment = changed_experiment(before.experiment, overrides, name=f"run {parent.run_id}")
    changes = _changes(before.experiment, experiment)
    has_new_profile = any(override.key == "risk" for override in overrides)
    inputs = forked_inputs(project, before, experiment, session, has_new_profile=has_new_profile)
    _refuse_longer_history(inputs)
    markets = markets_of(inputs)
    sessions = next(iter(markets.values())).sessions
    _check_session(parent, session, sessions)
    check_models(inputs, options.calls)
    start = run_start(project, inputs, markets, options)
    header = start_header(start) | _fork_header(parent, session, inputs, changes, sessions)
    header["warnings"] = [*header["warnings"], _fork_warning(parent, session, changes), *_past_cutoffs(inputs, sessions)]
    writer, header = begin_run(project, inputs, start, header, unseal=options.unseal)
    with only_writer(writer.folder):
        writer = _with_past(writer, parent, session, inputs)
        return execute(project, inputs, writer, header, options.calls, progress, markets=markets)


def _changes(before: Experiment, after: Experiment) -> dict[str, list[Any]]:
    """Dotted key -> [value before, value after]. Raises UsageError for a key that must not change."""
    old, new = _flat(before), _flat(after)
    changed = {key: [old[key], new[key]] for key in known_settings() if old[key] != new[key]}
    for key in changed:
        if not any(key == name or key.startswith(f"{name}.") for name in MAY_CHANGE):
            raise UsageError(
                ErrorCode.SETTING_INVALID,
                f"{key} holds for a run as a whole and cannot change in the middle of one",
                run=short(old[key]),
                wanted=short(new[key]),
                remedy=f"A fork may change: {', '.join(MAY_CHANGE)}. For the rest start a new run.",
            )
    return changed


def _flat(experiment: Experiment) -> dict[str, Any]:
    tree = experiment.to_plain()
    found = {}
    for key in known_settings():
        node: Any = tree
        for part in key.split("."):
            node = node[part]
        found[key] = plain(node)
    return found


def _refuse_longer_history(inputs: RunInputs) -> None:
    has, wants = (closes_needed(each.experiment.agents.forecasting) for each in (inputs.first, inputs))
    if wants > has:
        raise UsageError(
            ErrorCode.SETTING_INVALID,
            f"the settings of agents.forecasting need {wants} closes, and the run was begun with {has}",
            remedy="Take shorter windows, or start a new run, whose warm-up is longer.",
        )


def _check_session(parent: RunFolder, session: date, sessions: Sequence[date]) -> None:
    if session not in sessions:
        near = [*[each for each in sessions if each < session][-1:], *[each for each in sessions if each > session][:1]]
        raise UsageError(
            ErrorCode.DATES_OUTSIDE,
            f"{session} is no session of run {parent.run_id}, which goes from {sessions[0]} to {sessions[-1]}",
            remedy=f"Nearest: {', '.join(map(str, near))}.",
        )
    if session == sessions[0]:
        remedy = "Start a new run for that: nothing lies before it that could be shared."
        raise UsageError(ErrorCode.DATES_OUTSIDE, f"{session} is the first session of run {parent.run_id}", remedy=remedy)
    reached = _reached(parent)
    if reached < sessions[sessions.index(session) - 1].isoformat():
        raise DataError(
            ErrorCode.RUN_INVALID,
            f"run {parent.run_id} ({parent.status}) does not reach {session}",
            last_session=reached or "none",
            remedy=f"Fork it earlier, or go on with it first: tradinggroup backtest --resume {parent.run_id}.",
        )


def _reached(parent: RunFolder) -> str:
    """The last session, ISO, whose rows stand for good: those from an outage on would be made anew. Empty where there is none."""
    with RecordingStore.open(parent.recordings, readonly=True) as store:
        outage = store.first_outage_session()
    whole = [row["session"] for row in parent.equity() if outage is None or row["session"] < outage]
    return max(whole, default="")


def _fork_header(
    parent: RunFolder, session: date, inputs: RunInputs, changes: Mapping[str, list[Any]], sessions: Sequence[date]
) -> dict[str, Any]:
    """The title names the models of the past too, and the cutoffs count the sessions that the new models decide."""
    return {
        "title": model_title({str(place): name for place, name in enumerate(inputs.all_models)}),
        "cutoffs": cutoffs_of(inputs, [each for each in sessions if each >= session]),
        "fork": {
            "parent": parent.run_id,
            "parent_name": parent.name,
            "session": session.isoformat(),
            "changes": dict(changes),
            "risk_profile": {"before": inputs.past[-1].inputs.experiment.risk, "after": inputs.experiment.risk},
            "stages": [stage.until.isoformat() for stage in inputs.past],
        },
    }


def _fork_warning(parent: RunFolder, session: date, changes: Mapping[str, list[Any]]) -> str:
    said = "; ".join(f"{key} {short(old)} -> {short(new)}" for key, (old, new) in changes.items()) or "nothing but the answers"
    return f"forked from run {parent.run_id} at {session}: before it the run is that one, from it on: {said}"


def _past_cutoffs(inputs: RunInputs, sessions: Sequence[date]) -> list[str]:
    """What must be known of the models of the past, where they are others."""
    found, start = [], sessions[0]
    for stage in inputs.past:
        if stage.inputs.models != inputs.models:
            found += cutoff_warnings(cutoffs_of(stage.inputs, [each for each in sessions if start <= each < stage.until]).values())
        start = stage.until
    return found


def _with_past(writer: RunWriter, parent: RunFolder, session: date, inputs: RunInputs) -> RunWriter:
    """Copy the parent's rows and recordings of the past into the new folder; the writer that goes on behind them."""
    writer.close()
    try:
        for kind in RowKind:
            shutil.copyfile(parent.path / kind, writer.folder / kind)
            cut_from(writer.folder / kind, session.isoformat())
    except OSError as problem:
        raise unwritable(writer.folder, problem) from problem
    with RecordingStore.open(parent.recordings, readonly=True) as kept, RecordingStore.open(writer.folder / RECORDINGS) as own:
        copy_past(kept, own, before=session.isoformat())
    return RunWriter.resume(writer.folder, symbols=inputs.experiment.symbols)
