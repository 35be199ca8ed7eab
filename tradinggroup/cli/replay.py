"""`tradinggroup replay`: walk a run from its log; calls no model and executes nothing."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tradinggroup.cli.options import JsonOption, RunArgument
from tradinggroup.cli.output import emit_json, parse_day, project_of_run
from tradinggroup.cli.trades import check_symbol
from tradinggroup.errors import ErrorCode, UsageError

EXAMPLE = "tradinggroup replay latest --from 2023-09-18 --symbol ACME --step"

From = Annotated[str | None, typer.Option("--from", metavar="SESSION", help="Begin with this session.")]
To = Annotated[str | None, typer.Option("--to", metavar="SESSION", help="End with this session.")]
Symbol = Annotated[str | None, typer.Option("--symbol", metavar="SYMBOL", help="Only this symbol.")]
Agent = Annotated[str | None, typer.Option("--agent", metavar="AGENT", help="Only what this agent saw and said.")]
Step = Annotated[bool, typer.Option("--step", help="Wait for Enter after each session.")]


def command(
    context: typer.Context,
    run: RunArgument = "latest",
    *,
    start: From = None,
    end: To = None,
    symbol: Symbol = None,
    agent: Agent = None,
    step: Step = False,
    as_json: JsonOption = False,
) -> None:
    """Walk a run from its log, session by session.

    Read-only: calls no model, executes nothing.
    """
    from tradinggroup.runs.locate import find_run
    from tradinggroup.runs.text_replay import replay_steps
    from tradinggroup.runs.text_warnings import with_warnings

    first, last = parse_day(start, "--from"), parse_day(end, "--to")
    if first and last and last < first:
        raise UsageError(ErrorCode.DATES_OUTSIDE, f"--from {first} is after --to {last}", remedy="Give the earlier day as --from.")
    folder = find_run(project_of_run(context, run), run)
    check_symbol(folder.symbols, symbol)
    steps = replay_steps(folder, start=first, end=last, symbol=symbol, agent=agent)
    if as_json:
        emit_json({"run_id": folder.run_id, "sessions": [step.to_plain() for step in steps]})
    else:
        first_text, *later = [each.text for each in steps] or ["no session in this range"]
        _walk([with_warnings(folder, first_text), *later], waits=step)


def _walk(texts: list[str], *, waits: bool) -> None:
    """Print session by session; with `waits`, the next one comes with Enter, and the walk ends with the input."""
    for position, text in enumerate(texts):
        if position:
            if waits:
                print("-- Enter for the next session, Ctrl-C to stop", file=sys.stderr, end=" ", flush=True)
                if not sys.stdin.readline():
                    return
            else:
                print()
        print(text, flush=waits)
