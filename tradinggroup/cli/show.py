"""`tradinggroup show`: the result of one run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradinggroup.cli.options import JsonOption, RunArgument
from tradinggroup.cli.output import emit_json, project_of_run, saved

if TYPE_CHECKING:
    from tradinggroup.project import Project
    from tradinggroup.runs.folder import RunFolder

EXAMPLE = "tradinggroup show latest"

All = Annotated[bool, typer.Option("--all", help="Everything: all metrics, forecasts, risk, calls, assumptions, checks.")]
Costs = Annotated[bool, typer.Option("--costs", help="The run's own orders at no costs, at its own, and at twice its costs.")]


def command(
    context: typer.Context, run: RunArgument = "latest", *, whole: All = False, costs: Costs = False, as_json: JsonOption = False
) -> None:
    """Show the result of a run on one screen.

    What it made beside the baselines, by symbol, at what cost, and what may be claimed; --all has the rest. With --costs
    the run's orders are placed again at other costs, decisions held fixed; that needs its bundle.
    """
    from tradinggroup.runs.locate import find_run

    project = project_of_run(context, run)
    folder = find_run(project, run)
    if costs:
        _show_costs(project, folder, as_json=as_json)
        return
    if as_json:
        emit_json(folder.summary())
        return
    from tradinggroup.runs.text.overview import text_overview
    from tradinggroup.runs.text.show import text_show

    print(text_show(folder) if whole else text_overview(folder))
    saved(folder.path)


def _show_costs(project: Project, folder: RunFolder, *, as_json: bool) -> None:
    from tradinggroup.runs.cost_replay import replay_at_costs

    scenarios = replay_at_costs(project, folder)
    if as_json:
        emit_json({"run_id": folder.run_id, "scenarios": [each.to_plain() for each in scenarios]})
        return
    from tradinggroup.runs.text.costs import text_scenarios
    from tradinggroup.runs.text.warnings import with_warnings

    print(with_warnings(folder, text_scenarios(folder, scenarios)))
    saved(folder.path)
