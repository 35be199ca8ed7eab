"""`tradinggroup verify`: execute a run again from its recordings and compare byte for byte."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from tradinggroup.cli.options import JsonOption, RunArgument
from tradinggroup.cli.output import emit_json, narrate, only_json_on_stdout, project_of_run
from tradinggroup.cli.progress import make_progress

if TYPE_CHECKING:
    from tradinggroup.runs.compare import VerifyResult

EXAMPLE = "tradinggroup verify latest"


def command(context: typer.Context, run: RunArgument = "latest", *, as_json: JsonOption = False) -> None:
    """Execute a run again and compare every byte.

    From the run's own recordings, with the network refused; a second set of books then
    recomputes its fills and equity. Exit 0 when everything is equal, 1 with the first
    difference, 3 when the bundle or a recording is missing.
    """
    from tradinggroup.runs.locate import find_run

    project = project_of_run(context, run)
    folder = find_run(project, run)
    from tradinggroup.runs.figures import wrapped

    lines = wrapped(f"verify {folder.name}: again from its own recordings, network refused", then=" " * 7)
    narrate("\n".join([*lines, *(line for problem in folder.problems for line in wrapped(problem, first="WARNING  "))]))
    from tradinggroup.runs.verify import verify_run

    progress = make_progress()
    try:
        with only_json_on_stdout(as_json):
            result = verify_run(project, folder, progress)
    finally:
        progress.finish()
    if as_json:
        emit_json({"run_id": folder.run_id, **asdict(result)})
    else:
        print(text_verify(result))
    if not result.equal:
        raise typer.Exit(1)


def text_verify(result: VerifyResult) -> str:
    """What was compared, and the first difference where there is one."""
    from tradinggroup.runs.figures import counted, wrapped

    compared = [f"equal    {_compared(name)}" for name in result.compared]
    if result.equal:
        ledger = [f"ledger   {counted(result.ledger_rows, 'row')} of orders, fills and equity agree to 1e-9"] if result.ledger_rows else []
        return "\n".join([*compared, *ledger, "verified: the run comes out the same"])
    if result.ledger_difference is not None:
        return "\n".join([*compared, *wrapped(result.ledger_difference, first="ledger   ")])
    where = f"{result.file} line {result.line}" if result.line else f"{result.file}"
    field = f", {result.field}" if result.field else ""
    expected, found = result.expected or "", result.found or ""
    pairs = enumerate(zip(expected, found, strict=False))
    same = next((place for place, (old, new) in pairs if old != new), min(len(expected), len(found)))
    head = "\n".join(wrapped(f"{where}{field}", first="differs  "))
    return f"{head}\n  run    {_around(expected, same)}\n  again  {_around(found, same)}"


def _around(text: str, position: int) -> str:
    """The part of a line that fits beside its name, from a little before `position` on."""
    start = max(0, position - 30)
    part = text[start : start + 66]
    return f"{'...' if start else ''}{part}{'...' if start + len(part) < len(text) else ''}"


def _compared(name: str) -> str:
    said = {"run.json": "metrics, baselines, holds, forecasts", "recordings.sqlite": "which decision asked what"}
    return f"{name} ({said.get(name, 'every byte')})"
