"""Verify a run: execute it again from its own recordings, with the network refused, and compare byte for byte.

Which decision asked what is compared, too. What comes out the same is then held against a second set of books (`runs/books/`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Set as AbstractSet
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from tradinggroup.clock import iso_utc, utc_now
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.models.network import refuse_network
from tradinggroup.models.recording_calls import first_other_call
from tradinggroup.models.recording_rows import Row
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.project import Project
from tradinggroup.runs.books.crosscheck import Crosscheck, crosscheck_run
from tradinggroup.runs.compare import VerifyResult, compare_runs
from tradinggroup.runs.creation import CARDS, EXPERIMENT, PAST, RESOLVED, RISK
from tradinggroup.runs.execution import Execution
from tradinggroup.runs.folder import RECORDINGS, RunFolder
from tradinggroup.runs.inputs import inputs_of_run
from tradinggroup.runs.progress import NoProgress, Progress
from tradinggroup.runs.window import markets_of
from tradinggroup.runs.writer import RunWriter, append_check


def verify_run(project: Project, run: RunFolder, progress: Progress | None = None) -> VerifyResult:
    """Whether the run comes out the same, and the first line that does not; appended to the run's `checks.jsonl` if it can be written.

    Raises DataError where the run did not end, or its bundle or a recording is missing.
    """
    if run.status not in ("success", "invalid"):
        raise DataError(
            ErrorCode.RUN_INVALID,
            f"run {run.run_id} did not end (status {run.status})",
            remedy=f"Go on with: tradinggroup backtest --resume {run.run_id}.",
        )
    _refuse_changed_inputs(run)
    inputs, progress = inputs_of_run(project, run), progress or NoProgress()
    header = {**run.header, "status": "running", "finished_at": None}
    with (
        RecordingStore.open(run.recordings, readonly=True) as store,
        tempfile.TemporaryDirectory(prefix="tradinggroup-verify-") as folder,
        RunWriter.create(
            Path(folder),
            experiment=inputs.experiment.name,
            identity=run.run_id.encode(),
            started_at=utc_now(),
            symbols=inputs.experiment.symbols,
            sources=inputs.sources,
        ) as writer,
        refuse_network(),
    ):
        writer.write_header(header)
        again = Execution(
            inputs=inputs,
            markets=markets_of(inputs),
            writer=writer,
            header=header,
            run_store=store,
            shared_store=None,
            mode="replay",
            progress=progress,
        ).run()
        result = _with_calls(compare_runs(run.path, again.path), run, store.asked)
    if result.equal:
        result = _with_ledger(result, crosscheck_run(run, inputs.bundle))
    try:
        append_check(run.path, _check_line(result))
    except DataError as problem:  # a run on a read-only disk can be verified all the same
        progress.message(str(problem))
    return result


def _refuse_changed_inputs(run: RunFolder) -> None:
    """What is executed again must be what was executed: a kept input that changed would be verified in place of the run."""
    for name, kept in (run.header.get("files") or {}).items():
        is_input = name in (EXPERIMENT, RESOLVED, RISK) or name.startswith((f"{CARDS}/", f"{PAST}/"))
        if is_input and sha256(run.read_text(name).encode("utf-8")).hexdigest() != kept["sha256"]:
            raise DataError(
                ErrorCode.RUN_INVALID,
                f"{run.name}/{name} is not what it was when the run ended",
                remedy="Restore it from a copy; to try a change, start a new run.",
            )


def _with_calls(result: VerifyResult, run: RunFolder, asked_again: AbstractSet[Row]) -> VerifyResult:
    """Which decision asked what: no row of a run tells it, but `logs`, `why` and every count of calls do."""
    if not result.equal:
        return result
    with RecordingStore.open(run.recordings, readonly=True) as store:
        other = first_other_call(store, asked_again)
    if other is None:
        return replace(result, compared=(*result.compared, RECORDINGS))
    kept, asked = other
    session, symbol, agent, purpose, position, _ = kept or asked or ()
    where = f"call of {agent} ({purpose} #{position}) for {symbol} on {session}"
    expected, found = ("(no such call)" if call is None else call[5] for call in other)
    return replace(result, equal=False, file=RECORDINGS, field=where, expected=expected, found=found)


def _with_ledger(result: VerifyResult, ledger: Crosscheck) -> VerifyResult:
    """A run that comes out the same may do so by the same mistake twice; the second set of books would have it otherwise."""
    if ledger.agrees:
        return replace(result, ledger_rows=ledger.rows)
    first = ledger.differences[0]
    return replace(result, equal=False, file=first.file, field=first.column, ledger_difference=str(first))


def _check_line(result: VerifyResult) -> dict[str, object]:
    return {
        "check": "verify",
        "at": iso_utc(utc_now()),
        "ok": result.equal,
        "file": result.file,
        "line": result.line,
        "field": result.field,
        "ledger_rows": result.ledger_rows,
    }
