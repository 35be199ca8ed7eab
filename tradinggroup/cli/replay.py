"""`tradinggroup replay`: walk a run from its log, printed or key by key; calls no model and executes nothing."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tradinggroup.cli.options import JsonOption, RunArgument
from tradinggroup.cli.output import emit_json, narrate, parse_day, project_of_run
from tradinggroup.cli.trades import check_symbol
from tradinggroup.errors import ErrorCode, UsageError

if TYPE_CHECKING:
    from tradinggroup.runs.folder import RunFolder
    from tradinggroup.runs.text.replay import ReplayStep

EXAMPLE = "tradinggroup replay latest --from 2023-09-18 --symbol ACME --step"

From = Annotated[str | None, typer.Option("--from", metavar="SESSION", help="Begin with this session.")]
To = Annotated[str | None, typer.Option("--to", metavar="SESSION", help="End with this session.")]
Symbol = Annotated[str | None, typer.Option("--symbol", metavar="SYMBOL", help="Only this symbol.")]
Agent = Annotated[str | None, typer.Option("--agent", metavar="AGENT", help="Only what this agent saw and said.")]
Step = Annotated[bool, typer.Option("--step", help="Walk with the keyboard: n next, p previous, t trade, x stop, l lesson.")]


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

    Read-only: calls no model, executes nothing. With --step also what each agent saw, said and remembered; h lists the keys.
    """
    from tradinggroup.runs.locate import find_run
    from tradinggroup.runs.text.replay import replay_steps

    first, last = parse_day(start, "--from"), parse_day(end, "--to")
    if first and last and last < first:
        raise UsageError(ErrorCode.DATES_OUTSIDE, f"--from {first} is after --to {last}", remedy="Give the earlier day as --from.")
    folder = find_run(project_of_run(context, run), run)
    check_symbol(folder.symbols, symbol)
    steps = replay_steps(folder, start=first, end=last, symbol=symbol, agent=agent)
    if as_json:
        emit_json({"run_id": folder.run_id, "sessions": [step.to_plain() for step in steps]})
    else:
        _show(folder, steps, with_keys=step)


def _show(folder: RunFolder, steps: list[ReplayStep], *, with_keys: bool) -> None:
    from tradinggroup.cli.keys import has_terminal
    from tradinggroup.runs.text.warnings import with_warnings

    if with_keys and steps and has_terminal():
        _walk(folder, steps)
        return
    if with_keys and steps:
        narrate("--step needs a terminal for its keys; all sessions follow, as without it")
    first, *later = [each.text for each in steps] or ["no session in this range"]
    print("\n\n".join([with_warnings(folder, first), *later]))


def _walk(folder: RunFolder, steps: list[ReplayStep]) -> None:
    """Page by page as the keys say, until q, the end of the input, or Ctrl-C."""
    from tradinggroup.cli.keys import keyboard
    from tradinggroup.runs.step_walk import StepWalk
    from tradinggroup.runs.text.warnings import warning_lines

    walk = StepWalk(folder, steps)
    print("\n".join([*warning_lines(folder), walk.page()]))
    with keyboard() as read, contextlib.suppress(KeyboardInterrupt):
        while True:
            print(walk.prompt(), file=sys.stderr, flush=True)
            before = walk.place
            if not walk.press(read()):
                return
            if walk.place != before:
                print(f"\n{walk.page()}", flush=True)
