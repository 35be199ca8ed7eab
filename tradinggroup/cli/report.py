"""`tradinggroup report`: a run as a page for a browser, or as tables for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tradinggroup.cli.options import RunArgument
from tradinggroup.cli.output import narrate, project_of, project_of_run, saved
from tradinggroup.errors import ErrorCode, UsageError

if TYPE_CHECKING:
    from tradinggroup.runs.folder import RunFolder

EXAMPLE = "tradinggroup report latest -o report.html"


def named_file(text: str) -> Path:
    """The file of an option. An empty name would be the working folder, and is most likely a variable of a script that is not set."""
    if not text.strip():
        raise UsageError(ErrorCode.USAGE, "a file without a name", remedy="Name one, such as: -o report.html.")
    return Path(text)


Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="FILE", parser=named_file, help="Where to write it; else report.html in the run folder."),
]
All = Annotated[bool, typer.Option("--all", help="One page over all runs of the project and the ledger, linking to their reports.")]
Returns = Annotated[
    Path | None,
    typer.Option("--returns", metavar="FILE.csv", parser=named_file, help="Only the session returns, as pandas and quantstats read them."),
]
Decisions = Annotated[
    Path | None, typer.Option("--decisions", metavar="FILE", parser=named_file, help="Only the decisions, as .csv or .parquet.")
]


def command(
    context: typer.Context,
    run: RunArgument = "latest",
    *,
    output: Output = None,
    over_all: All = False,
    returns: Returns = None,
    decisions: Decisions = None,
) -> None:
    """Write a run as one HTML file.

    Charts, trades, decisions with their evidence, what may be claimed: self-contained, for any browser,
    without a network. With --returns or --decisions it writes those tables instead.
    """
    if over_all:
        _refuse_beside_all(run, returns, decisions)
        _write_overview(context, output)
        return
    from tradinggroup.runs.locate import find_run

    folder = find_run(project_of_run(context, run), run)
    if returns is not None or decisions is not None:
        if output is not None:
            raise UsageError(ErrorCode.USAGE, "-o belongs to the page, not to --returns or --decisions", remedy="Leave it out.")
        _write_tables(folder, returns, decisions)
        return
    from tradinggroup.runs.report.page import report
    from tradinggroup.runs.report.write import place_for, write_page

    saved(write_page(place_for(output, folder.path / "report.html", f"{folder.name}.html"), report(folder)).absolute())


def _write_tables(folder: RunFolder, returns: Path | None, decisions: Path | None) -> None:
    from tradinggroup.runs.exports import write_decisions, write_returns
    from tradinggroup.runs.text.warnings import run_warnings

    written = [
        *([write_returns(folder, returns)] if returns is not None else []),
        *([write_decisions(folder, decisions)] if decisions is not None else []),
    ]
    for warning in run_warnings(folder):
        narrate(f"WARNING  {warning}")
    for path in written:
        saved(path.absolute())


def _write_overview(context: typer.Context, output: Path | None) -> None:
    from tradinggroup.runs.report.overview import overview
    from tradinggroup.runs.report.write import place_for, write_page

    project = project_of(context)
    target = place_for(output, project.runs_folder / "report.html", "report.html").absolute()
    saved(write_page(target, overview(project, beside=target.parent)))


def _refuse_beside_all(run: str, returns: Path | None, decisions: Path | None) -> None:
    if run != "latest" or returns is not None or decisions is not None:
        raise UsageError(ErrorCode.USAGE, "--all stands alone, with -o at most", remedy="Leave the run and the other options out.")
