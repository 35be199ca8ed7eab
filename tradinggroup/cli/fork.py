"""`tradinggroup fork`: another run up to a session, and other settings from then on."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tradinggroup.cli.backtest import finish, says_how_to_go_on, shown_progress
from tradinggroup.cli.options import JsonOption, Overrides, RequiredRun, setting_options
from tradinggroup.cli.output import narrate, needed_day, only_json_on_stdout, project_of

EXAMPLE = "tradinggroup fork latest 2023-09-19 --risk strict"

Session = Annotated[str, typer.Argument(metavar="SESSION", help="The first session that is decided anew.")]
Calls = Annotated[
    Literal["record", "replay", "refresh"],
    typer.Option("--calls", help="Calls from SESSION on: recorded, else live (record); recorded only (replay); always live (refresh)."),
]
Unseal = Annotated[str | None, typer.Option("--unseal", metavar="REASON", help="Look at the sealed hold-out, if the run reaches it.")]
Note = Annotated[str | None, typer.Option("--note", metavar="TEXT", help="A sentence for the header of the run.")]


@setting_options
def command(
    context: typer.Context,
    run: RequiredRun,
    session: Session,
    *,
    overrides: Overrides,
    calls: Calls = "record",
    note: Note = None,
    unseal: Unseal = None,
    as_json: JsonOption = False,
) -> None:
    """Share a run's past up to a session, then go on differently.

    A new run: before SESSION it is RUN, byte for byte, from RUN's recordings; from SESSION on the options hold. Only what
    follows is paid for. What may change: the risk profile, models, agents, reflection, parts switched off. Symbols, dates, cash,
    costs and fills hold for a whole run, and are refused.
    """
    day = needed_day(session, "SESSION")
    project = project_of(context)
    from tradinggroup.runs.execute import RunOptions
    from tradinggroup.runs.fork import fork_run
    from tradinggroup.runs.locate import find_run

    parent = find_run(project, run)
    narrate(f"fork {parent.name} at {day}")
    arguments = {"fork": parent.run_id, "session": day.isoformat(), **{override.key: str(override.value) for override in overrides}}
    options = RunOptions(calls=calls, note=note, arguments=arguments, unseal=unseal)
    with only_json_on_stdout(as_json), shown_progress() as progress, says_how_to_go_on(project):
        made = fork_run(project, parent, day, overrides, options, progress)
    finish(made, as_json=as_json)
