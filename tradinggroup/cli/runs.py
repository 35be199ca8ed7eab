"""`tradinggroup runs`: list the runs of the project, or what its ledger has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradinggroup.cli.options import JsonOption
from tradinggroup.cli.output import emit_json, project_of

if TYPE_CHECKING:
    from tradinggroup.project import Project

EXAMPLE = "tradinggroup runs"

LedgerOption = Annotated[bool, typer.Option("--ledger", help="Every configuration that was tried, deleted runs included; is it whole?")]


def command(context: typer.Context, *, ledger: LedgerOption = False, as_json: JsonOption = False) -> None:
    """List the runs of the project, oldest first.

    With --ledger the configurations that were tried, as `ledger.jsonl` has them. Exit 1 when a line of it was changed or is missing.
    """
    project = project_of(context)
    if ledger:
        _show_ledger(project, as_json=as_json)
        return
    from tradinggroup.runs.locate import list_runs

    runs = list_runs(project)
    if as_json:
        emit_json({"runs": [run.summary() for run in runs]})
        return
    from tradinggroup.runs.text.runs import text_runs

    print(text_runs(runs))


def _show_ledger(project: Project, *, as_json: bool) -> None:
    from tradinggroup.runs.ledger.check import look_at_ledger

    page = look_at_ledger(project)
    if as_json:
        emit_json(page.to_plain())
    else:
        from tradinggroup.runs.text.ledger import text_ledger

        print(text_ledger(page))
    if page.fault is not None:
        raise typer.Exit(1)
