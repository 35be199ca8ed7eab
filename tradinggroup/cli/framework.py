"""What every command shares: its example, `--help-all`, and plain help that reads the same in a pipe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

HELP_ALL = "--help-all"
CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


class Command(TyperCommand):
    """One command. Its rarer options are hidden in `--help` and shown by `--help-all`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Print the whole help where it is asked for, else parse as usual."""
        if HELP_ALL in args:
            typer.echo(self.whole_help(ctx))
            raise typer.Exit
        return super().parse_args(ctx, args)

    def whole_help(self, ctx: Any) -> str:
        """The help with every option."""
        hidden: list[Any] = [parameter for parameter in self.params if getattr(parameter, "hidden", False)]
        for parameter in hidden:
            parameter.hidden = False
        text = self.get_help(ctx)
        for parameter in hidden:
            parameter.hidden = True
        return text

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The usage line: NAME for what must be given, [NAME] for what may."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, options, and how many more options there are."""
        shown = [(parameter, record) for parameter in self.get_params(ctx) if (record := parameter.get_help_record(ctx))]
        arguments = [(name.split(" <")[0], text) for parameter, (name, text) in shown if parameter.param_type_name == "argument"]
        options = [record for parameter, record in shown if parameter.param_type_name == "option"]
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
        hidden = sum(getattr(parameter, "hidden", False) for parameter in self.params)
        if hidden:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(f"{HELP_ALL} shows {hidden} more; tradinggroup config show lists every --set key.")


class Group(TyperGroup):
    """A command with commands below it; `--help-all` prints the whole help of each."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Print the help of everything where it is asked for, else parse as usual."""
        if args[:1] == [HELP_ALL]:
            typer.echo("\n\n".join([self.get_help(ctx), *(command.whole_help(context) for command, context in leaves(self, ctx))]))
            raise typer.Exit
        return super().parse_args(ctx, args)


def leaves(group: Group, context: Any) -> list[tuple[Command, Any]]:
    """Every command below `group`, at any depth and in order, with a context that knows its full name."""
    found: list[tuple[Command, Any]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        below = typer.Context(command, info_name=name, parent=context, **CONTEXT) if command else None
        if isinstance(command, Group):
            found.extend(leaves(command, below))
        elif isinstance(command, Command):
            found.append((command, below))
    return found


def new_group(description: str) -> typer.Typer:
    """An empty group of commands. Without a command it prints its help."""
    group = typer.Typer(
        cls=Group,
        help=description,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=dict(CONTEXT),
        invoke_without_command=True,
    )

    @group.callback()
    def show_help(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return group


def add(group: typer.Typer, name: str, function: Callable[..., None], *, example: str) -> None:
    """Put `function` into `group` as command `name`; its docstring is the help, `example` the last line of it."""
    group.command(name, cls=Command, epilog=f"Example: {example}", context_settings=dict(CONTEXT))(function)
