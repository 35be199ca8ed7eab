"""`tradinggroup runs`: list the runs of the project."""

from __future__ import annotations

import typer

from tradinggroup.cli.options import JsonOption
from tradinggroup.cli.output import emit_json, project_of

EXAMPLE = "tradinggroup runs"


def command(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the runs of the project, oldest first."""
    from tradinggroup.runs.locate import list_runs

    runs = list_runs(project_of(context))
    if as_json:
        emit_json({"runs": [run.summary() for run in runs]})
        return
    from tradinggroup.runs.text_runs import text_runs

    print(text_runs(runs))
