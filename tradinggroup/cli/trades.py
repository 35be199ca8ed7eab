"""`tradinggroup trades`: the round trips of a run."""

from __future__ import annotations

from typing import Annotated

import typer

from tradinggroup.cli.options import JsonOption, RunArgument
from tradinggroup.cli.output import emit_json, project_of_run
from tradinggroup.errors import ErrorCode, UsageError, did_you_mean

EXAMPLE = "tradinggroup trades latest --symbol ACME"

Symbol = Annotated[str | None, typer.Option("--symbol", metavar="SYMBOL", help="Only this symbol.")]


def command(context: typer.Context, run: RunArgument = "latest", *, symbol: Symbol = None, as_json: JsonOption = False) -> None:
    """List the trades of a run.

    Entry, exit, profit, and why each ended.
    """
    from tradinggroup.runs.locate import find_run

    folder = find_run(project_of_run(context, run), run)
    check_symbol(folder.symbols, symbol)
    if as_json:
        emit_json({"trades": [trade for trade in folder.trades() if symbol in {None, trade["symbol"]}]})
        return
    from tradinggroup.runs.text.trades import text_trades

    print(text_trades(folder, symbol=symbol))


def check_symbol(known: tuple[str, ...], symbol: str | None) -> None:
    """Raise UsageError where the run has no such symbol."""
    if symbol is not None and symbol not in known:
        raise UsageError(ErrorCode.SYMBOL_UNKNOWN, f"the run has no symbol {symbol}", remedy=did_you_mean(symbol.upper(), known))
