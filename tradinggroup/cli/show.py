"""`tradinggroup show`: the result of one run."""

from __future__ import annotations

import typer

from tradinggroup.cli.options import JsonOption, RunArgument
from tradinggroup.cli.output import emit_json, project_of_run, saved

EXAMPLE = "tradinggroup show latest"


def command(context: typer.Context, run: RunArgument = "latest", *, as_json: JsonOption = False) -> None:
    """Show the result of a run.

    Metrics beside the baselines, holds, model calls, and where it lies.
    """
    from tradinggroup.runs.locate import find_run

    folder = find_run(project_of_run(context, run), run)
    if as_json:
        emit_json(folder.summary())
        return
    from tradinggroup.runs.text_show import text_show

    print(text_show(folder))
    saved(folder.path)
