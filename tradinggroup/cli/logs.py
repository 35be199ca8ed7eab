"""`tradinggroup logs`: the model calls of a run: prompts, answers, tokens, retries."""

from __future__ import annotations

from typing import Annotated

import typer

from tradinggroup.cli.options import JsonOption, RunArgument
from tradinggroup.cli.output import emit_json, parse_day, project_of_run
from tradinggroup.cli.trades import check_symbol
from tradinggroup.errors import ErrorCode, UsageError

EXAMPLE = "tradinggroup logs latest --session 2023-09-19 --symbol ACME --agent decision --full"

Session = Annotated[str | None, typer.Option("--session", metavar="SESSION", help="Only calls of this session: YYYY-MM-DD.")]
Symbol = Annotated[str | None, typer.Option("--symbol", metavar="SYMBOL", help="Only this symbol.")]
Agent = Annotated[str | None, typer.Option("--agent", metavar="AGENT", help="Only this agent; reflection is one too.")]
Text = Annotated[str | None, typer.Option("--text", metavar="TEXT", help="Only calls with this in prompt, answer or reasoning.")]
Failed = Annotated[bool, typer.Option("--failed", help="Only calls that gave no usable answer.")]
Call = Annotated[str | None, typer.Option("--call", metavar="KEY", help="One call in full, by the start of its key.")]
Full = Annotated[bool, typer.Option("--full", help="Prompt, every attempt and answer, of the last 3 or as many as --limit says.")]
Limit = Annotated[int | None, typer.Option("--limit", metavar="N", min=0, help="The last N calls, 20 without it; 0 for all.")]


def command(
    context: typer.Context,
    run: RunArgument = "latest",
    *,
    session: Session = None,
    symbol: Symbol = None,
    agent: Agent = None,
    text: Text = None,
    failed: Failed = False,
    call: Call = None,
    full: Full = False,
    limit: Limit = None,
    as_json: JsonOption = False,
) -> None:
    """List the model calls of a run: prompts, answers, tokens, retries.

    One line a call; --full or --call KEY shows them whole. Reads the run's recordings, asks no model.
    """
    if call is not None and (session or symbol or agent or text or failed):
        raise UsageError(ErrorCode.USAGE, "--call names one call already", remedy="Leave the other filters out.")
    from tradinggroup.runs.call_log import logged_calls
    from tradinggroup.runs.locate import find_run

    day = parse_day(session, "--session")
    folder = find_run(project_of_run(context, run), run)
    check_symbol(folder.symbols, symbol)
    iso = None if day is None else day.isoformat()
    calls = logged_calls(folder, session=iso, symbol=symbol, agent=agent, text=text, failed=failed, key=call)
    if as_json:
        emit_json({"run_id": folder.run_id, "calls": [each.to_plain() for each in (calls[-limit:] if limit else calls)]})
        return
    from tradinggroup.runs.text.logs import text_logs

    print(text_logs(folder, calls, full=full or call is not None, limit=limit))
