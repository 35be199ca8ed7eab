"""Writing runs into the ledger: a line before the run asks anything, and one when it ends, whatever became of it.

So a run that was deleted, or stopped because it looked bad, stays a trial.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tradinggroup.errors import DataError
from tradinggroup.project import Project
from tradinggroup.runs.claim_card import LEDGER_DAMAGED
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.header import named
from tradinggroup.runs.inputs import RunInputs
from tradinggroup.runs.ledger.file import LedgerBook, open_ledger
from tradinggroup.runs.ledger.holdout import Unsealing, seal_of, standing_of
from tradinggroup.runs.ledger.trial_hash import configuration_hash, trial_hash
from tradinggroup.runs.ledger.trials import HEADLINE, deflation_of, trials_of
from tradinggroup.runs.returns import packed, returns_by_session
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.writer import RunWriter

Header = dict[str, Any]
WHOLE = ("success", "invalid")
"""Statuses of a run over its whole window: only those have returns."""


def begin_in_ledger(
    project: Project,
    inputs: RunInputs,
    header: Mapping[str, Any],
    *,
    sessions: Sequence[date],
    unsealing: Unsealing | None,
    make_writer: Callable[[], RunWriter],
) -> tuple[RunWriter, Header]:
    """A new folder, its first line in the ledger, and the header that says so.

    Raises DataError LEDGER_UNWRITABLE. Whatever is raised, no folder is left.
    """
    with open_ledger(project) as book:
        writer = make_writer()
        try:
            return writer, _entered(book, project, inputs, named(header, writer.run_id), sessions=sessions, unsealing=unsealing)
        except BaseException:
            writer.close()
            shutil.rmtree(writer.folder, ignore_errors=True)
            raise


def enter_resumed(project: Project, inputs: RunInputs, header: Mapping[str, Any], *, sessions: Sequence[date]) -> Header:
    """The header of a run that goes on. One that was begun before there was a ledger is written down now; others stand there."""
    with open_ledger(project) as book:
        if any(entry.get("kind") == "start" and entry.get("run_id") == header["run_id"] for entry in book.ledger.entries):
            return dict(header)
        return _entered(book, project, inputs, header, sessions=sessions, unsealing=None)


def end_in_ledger(project: Project, inputs: RunInputs, folder: Path, header: Mapping[str, Any]) -> Header:
    """Write down how a run ended. Returns its last header, with the trials of that moment.

    A ledger that can't be written any more becomes a warning of the run, which must not be lost for it.
    """
    try:
        with open_ledger(project) as book:
            returns = returns_by_session(RunFolder.open(folder).equity()) if header["status"] in WHOLE and header.get("metrics") else {}
            figures = (header.get("metrics") or {}).get(ALL, {})
            place = book.append(
                "end",
                run_id=header["run_id"],
                status=header["status"],
                **{key: figures.get(key) for key in HEADLINE},
                returns=packed(returns),
            )
            reference = {**(header.get("ledger") or {}), "end": place.to_plain(), **_trial_figures(book, inputs, header, returns)}
            return {**header, "ledger": reference}
    except DataError as problem:
        return {**header, "warnings": [*header["warnings"], f"the end of the run is not in the ledger: {problem.facts['reason']}"]}


def _entered(
    book: LedgerBook,
    project: Project,
    inputs: RunInputs,
    header: Mapping[str, Any],
    *,
    sessions: Sequence[date],
    unsealing: Unsealing | None,
) -> Header:
    seal, configuration, trial = seal_of(project, inputs.experiment), configuration_hash(inputs), trial_hash(inputs)
    standing = standing_of(
        book.ledger.entries,
        seal=seal,
        unsealing=unsealing,
        configuration=configuration,
        bundle=inputs.bundle.name,
        symbols=inputs.experiment.symbols,
        sessions=sessions,
    )
    if unsealing is not None:
        book.append(
            "unseal",
            run_id=header["run_id"],
            reason=unsealing.reason,
            holdout_start=unsealing.seal.start.isoformat(),
            through=sessions[-1].isoformat(),
            configuration=configuration,
            trial=trial,
        )
    place = book.append(
        "start",
        run_id=header["run_id"],
        trial=trial,
        configuration=configuration,
        **{key: header.get(key) for key in ("experiment", "variant", "symbols", "start", "end", "sessions")},
        model=header.get("title"),
        seed=header.get("seed"),
        sample_index=inputs.experiment.models.sample_index,
        bundle={key: header["bundle"][key] for key in ("name", "hash")},
        holdout_start=seal.start.isoformat() if seal is not None else None,
    )
    reference = {"id": book.ledger.id, "trial": trial, "start": place.to_plain(), "trials": len(trials_of(book.ledger.entries))}
    warnings = [*header["warnings"], *standing.warnings, *_damage(book)]
    return {**header, "warnings": warnings, "ledger": reference, "holdout": standing.header}


def _damage(book: LedgerBook) -> list[str]:
    fault = book.ledger.fault
    return [] if fault is None else [f"{LEDGER_DAMAGED}: line {fault.line} {fault.text}; so its trials are at least as many as counted"]


def _trial_figures(book: LedgerBook, inputs: RunInputs, header: Mapping[str, Any], returns: Mapping[str, float]) -> dict[str, Any]:
    """The count of trials and, for a run with returns, its deflated Sharpe ratio among those of this moment."""
    trials = trials_of(book.ledger.entries)
    trial = (header.get("ledger") or {}).get("trial")
    if not returns or trial is None:
        return {"trials": len(trials)}
    return deflation_of(trials, own_trial=trial, own_returns=returns, cash_rate_per_year=inputs.experiment.cash_rate_per_year)
