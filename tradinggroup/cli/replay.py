"""`tradinggroup replay`: walk a run from its log; calls no model and executes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from tradinggroup.cli.options import JsonOption, RunArgument
from tradinggroup.cli.output import parse_day, project_of
from tradinggroup.cli.trades import check_symbol

EXAMPLE = "tradinggroup replay latest --from 2023-09-18 --symbol ACME --step"

From = Annotated[str | None, typer.Option("--from", metavar="SESSION", help="Begin with this session.")]
Symbol = Annotated[str | None, typer.Option("--symbol", metavar="SYMBOL", help="Only this symbol.")]
Agent = Annotated[str | None, typer.Option("--agent", metavar="AGENT", help="Only what this agent saw and said.")]
Step = Annotated[bool, typer.Option("--step", help="Wait for Enter after each session.")]


def command(
    context: typer.Context,
    run: RunArgument = "latest",
    *,
    start: From = None,
    symbol: Symbol = None,
    agent: Agent = None,
    step: Step = False,
    as_json: JsonOption = False,
) -> None:
    """Walk a run from its log, session by session.

    Read-only: calls no model, executes nothing.
    """
    from tradinggroup.runs.locate import find_run
    from tradinggroup.runs.text_replay import text_replay

    first = parse_day(start, "--from")
    folder = find_run(project_of(context), run)
    check_symbol(folder.symbols, symbol)
    print(text_replay(folder, start=first, symbol=symbol, agent=agent))
