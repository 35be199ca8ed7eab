"""`tradinggroup reflections`: the lessons of a run, and what was visible when."""

from __future__ import annotations

from typing import Annotated

import typer

from tradinggroup.cli.options import JsonOption, RunArgument
from tradinggroup.cli.output import emit_json, needed_day, parse_day, project_of_run
from tradinggroup.cli.trades import check_symbol

EXAMPLE = "tradinggroup reflections latest --as-of 2023-09-19 --agent decision"

AsOf = Annotated[str | None, typer.Option("--as-of", metavar="SESSION", help="Only what was visible at the close of this session.")]
Agent = Annotated[str | None, typer.Option("--agent", metavar="AGENT", help="Only the lessons of this agent.")]
UsedBy = Annotated[
    tuple[str, str] | None, typer.Option("--used-by", metavar="SESSION SYMBOL", help="Only the lessons that this decision was shown.")
]


def command(
    context: typer.Context,
    run: RunArgument = "latest",
    *,
    as_of: AsOf = None,
    agent: Agent = None,
    used_by: UsedBy = None,
    as_json: JsonOption = False,
) -> None:
    """Show the lessons of a run, and what was visible when.

    Outcomes that became known, and the lessons drawn from them.
    """
    from tradinggroup.runs.locate import find_run
    from tradinggroup.runs.text.reflections import reflection_rows, text_reflections

    day = parse_day(as_of, "--as-of")
    user = (needed_day(used_by[0], "--used-by"), used_by[1]) if used_by else None
    folder = find_run(project_of_run(context, run), run)
    check_symbol(folder.symbols, user[1] if user else None)
    if as_json:
        emit_json({"reflections": reflection_rows(folder, as_of=day, agent=agent, used_by=user)})
    else:
        print(text_reflections(folder, as_of=day, agent=agent, used_by=user))
