"""`tradinggroup compare`: runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tradinggroup.cli.options import JsonOption
from tradinggroup.cli.output import emit_json, project_of_run, saved

EXAMPLE = "tradinggroup compare 3a6e52 latest"

RunsArgument = Annotated[list[str], typer.Argument(metavar="RUN RUN", help="Two runs or more; the others are held against the first.")]


Output = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it as one HTML file.")]


def command(context: typer.Context, runs: RunsArgument, *, output: Output = None, as_json: JsonOption = False) -> None:
    """Hold runs against each other.

    Metrics side by side, the paired interval of the difference over the sessions that both have, and where the
    decisions differ and why: the first thing on the way to each that was not the same.
    """
    from tradinggroup.runs.comparison import compare_results
    from tradinggroup.runs.locate import find_run

    comparison = compare_results([find_run(project_of_run(context, run), run) for run in runs])
    if as_json:
        emit_json(comparison.to_plain())
    else:
        print(comparison)
    if output is not None:
        from tradinggroup.runs.report.comparison_page import comparison_page
        from tradinggroup.runs.report.write import place_for, write_page

        target = write_page(place_for(output, output, "compare.html"), comparison_page(comparison)).absolute()
        if not as_json:
            saved(target)
