"""The console entry: puts the commands together, runs one, and turns whatever goes wrong into one line and an exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import typer

from tradinggroup import __version__
from tradinggroup.cli import (
    agents,
    audit,
    backtest,
    check,
    compare,
    config,
    data,
    explain,
    fork,
    init,
    logs,
    models,
    recordings,
    reflections,
    replay,
    report,
    runs,
    show,
    trades,
    verify,
)
from tradinggroup.cli.framework import CONTEXT, Group, add
from tradinggroup.errors import ErrorCode, TradinggroupError, UsageError

PROGRAM = "tradinggroup"
DEBUG_VARIABLE = "TRADINGGROUP_DEBUG"
INTERRUPTED = 130
LOADING_OBJECTS = 100_000
"""New container objects after which the garbage collector looks, in a process that mostly loads (Python's own default is 700 to 2,000)."""
COMMANDS: tuple[tuple[str, Any], ...] = (
    ("init", init),
    ("check", check),
    ("backtest", backtest),
    ("runs", runs),
    ("show", show),
    ("trades", trades),
    ("explain", explain),
    ("replay", replay),
    ("reflections", reflections),
    ("report", report),
    ("logs", logs),
    ("compare", compare),
    ("verify", verify),
    ("fork", fork),
)
GROUPS: tuple[tuple[str, Any], ...] = (
    ("audit", audit),
    ("agents", agents),
    ("models", models),
    ("data", data),
    ("recordings", recordings),
    ("config", config),
)


def main() -> None:
    """The entry of the installed command."""
    # What is loaded stays, so looking through it for what can go is in vain; it costs a tenth of the start.
    gc.set_threshold(LOADING_OBJECTS)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a console that lacks a character must not end a run
            stream.reconfigure(errors="replace")
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")  # of libraries, meant for their developers
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # the matrices are tiny; pools of several symbols' threads would fight for the cores
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code. Prints the error, if any, on stderr; raises nothing."""
    try:
        with build().make_context(PROGRAM, list(arguments)) as context:
            context.command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    except KeyboardInterrupt as interrupt:
        _complain("; ".join(["interrupted", *notes_of(interrupt)]))
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`| head`); a closed stdout must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as problem:
        error = as_known_error(problem)
        _complain("\n".join([error.render(), *notes_of(problem)]))
        if os.environ.get(DEBUG_VARIABLE):
            import traceback

            traceback.print_exception(problem)
        return 1 if error.code is ErrorCode.INTERNAL else error.exit_code
    return 0


@cache
def build() -> Any:
    """The whole command line."""
    app = typer.Typer(
        cls=Group,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=dict(CONTEXT),
        invoke_without_command=True,
    )
    app.callback()(root)
    for name, module in COMMANDS:
        add(app, name, module.command, example=module.EXAMPLE)
    for name, module in GROUPS:
        app.add_typer(module.group, name=name)
    return typer.main.get_command(app)


def root(
    context: typer.Context,
    *,
    directory: Annotated[
        str | None, typer.Option("-C", metavar="DIR", help="Use the project folder DIR, else the one around here.")
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Backtest a group of LLM agents on point-in-time data, and see why they traded.

    Results go to stdout, narration and progress to stderr. Every command has --help, and --help-all for the rarer options.
    """
    del directory  # read from the context by the commands
    if version:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def as_known_error(problem: Exception) -> TradinggroupError:
    """The error of ours that says what `problem` means to the user."""
    if isinstance(problem, TradinggroupError):
        return problem
    if isinstance(problem, typer.TyperException):
        return _usage(problem)
    if isinstance(problem, OSError) and problem.strerror:
        where = f"{problem.filename}: " if problem.filename else ""
        return UsageError(
            ErrorCode.PROJECT_INVALID, f"{where}{problem.strerror}", remedy="Check that the folder can be written and has room."
        )
    first_line = (str(problem).strip().splitlines() or [""])[0]
    remedy = f"Please report it; {DEBUG_VARIABLE}=1 prints where it happened."
    return TradinggroupError(ErrorCode.INTERNAL, f"{type(problem).__name__}: {first_line}".rstrip(": "), remedy=remedy)


def _usage(problem: typer.TyperException) -> UsageError:
    context = getattr(problem, "ctx", None)
    name = context.command_path if context is not None else PROGRAM
    text = problem.format_message().strip().replace(": Value error, ", ": ")  # of the parser's own validation
    return UsageError(ErrorCode.USAGE, text[:1].lower() + text[1:], remedy=f"See: {name} --help.")


def notes_of(problem: BaseException) -> list[str]:
    """Where the folder of a run that ended early is, and how to go on; libraries add notes of their own, which stay out."""
    return [note for note in getattr(problem, "__notes__", ()) if note.startswith(backtest.NOTE)]


def _complain(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
