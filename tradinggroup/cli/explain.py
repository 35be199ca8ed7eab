"""`tradinggroup explain`: one decision from its inputs to its outcome."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import Annotated

import typer

from tradinggroup.cli.options import JsonOption, RequiredRun
from tradinggroup.cli.output import emit_json, needed_day, project_of_run
from tradinggroup.cli.trades import check_symbol
from tradinggroup.errors import ErrorCode, UsageError

EXAMPLE = "tradinggroup explain latest 2023-09-19 ACME"

Session = Annotated[str, typer.Argument(metavar="SESSION", help="The decision's session: YYYY-MM-DD.")]
Symbol = Annotated[str | None, typer.Argument(metavar="SYMBOL", help="One symbol; none explains all of the session.")]


def command(context: typer.Context, run: RequiredRun, session: Session, symbol: Symbol = None, *, as_json: JsonOption = False) -> None:
    """Explain one decision, from its inputs to its outcome.

    What each agent saw and said, the risk layer's verdict, order, fill and outcome.
    """
    from tradinggroup.runs.locate import find_run

    with contextlib.suppress(ValueError):
        date.fromisoformat(run)
        raise UsageError(ErrorCode.USAGE, f"RUN is {run}, a day", remedy=f"The run comes first: {EXAMPLE}.")
    day = needed_day(session, "SESSION")
    folder = find_run(project_of_run(context, run), run)
    check_symbol(folder.symbols, symbol)
    from tradinggroup.runs.text.explain import explain_rows, text_explain

    if as_json:
        emit_json({"decisions": explain_rows(folder, day, symbol)})
    else:
        print(text_explain(folder, day, symbol))
