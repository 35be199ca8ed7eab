"""The reference page of all commands, made from the commands themselves."""

from __future__ import annotations

from typing import Any

import typer

from tradinggroup.cli.framework import CONTEXT, Command, leaves
from tradinggroup.cli.main import PROGRAM, build

WIDTH = 78
"""Of the page, whatever terminal it is made in; what help has on a terminal of 80 columns or more."""
INTRODUCTION = """# Command line

`tradinggroup VERB --help` prints the same.

Results go to stdout, narration and progress to stderr. With `--json`, stdout holds one object only. Exit codes: 0 success,
1 finished but a check failed or the run is invalid, 2 usage or configuration, 3 data or recording missing or unusable,
4 budget reached (resumable), 5 provider failed (resumable), 130 interrupted (resumable).

Before the verb: `-C DIR` uses the project folder DIR, `--version` prints the version.
"""


def render_cli_reference() -> str:
    """The page as Markdown: one section a command, with usage, help, every option, and an example."""
    return "\n".join([INTRODUCTION, *(_section(command, context) for command, context in all_commands())])


def all_commands() -> list[tuple[Command, Any]]:
    """Every command with a context that knows its full name, in the order of the help."""
    group = build()
    context = typer.Context(group, info_name=PROGRAM, terminal_width=WIDTH, **CONTEXT)
    return leaves(group, context)


def _section(command: Command, context: Any) -> str:
    name = context.command_path
    return f"## {name}\n\n```text\n{command.whole_help(context)}\n```\n"
