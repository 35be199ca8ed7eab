"""`tradinggroup config show`: every setting, its value, and where the value came from."""

from __future__ import annotations

import textwrap
from typing import Annotated, Any

import typer

from tradinggroup.cli.framework import add, new_group
from tradinggroup.cli.options import JsonOption, Overrides, setting_options
from tradinggroup.cli.output import emit_json, project_of
from tradinggroup.errors import ErrorCode, UsageError

KEY_WIDTH = 30
VALUE_WIDTH = 24

ExperimentOrNone = Annotated[
    str | None, typer.Argument(metavar="EXPERIMENT", help="An experiment: a file, or a name in backtests/; none shows the defaults.")
]
group = new_group("Settings and where they come from.")


@setting_options
def show(context: typer.Context, experiment: ExperimentOrNone = None, *, overrides: Overrides, as_json: JsonOption = False) -> None:
    """Show every setting with its value and origin.

    The origin is `default`, the experiment file, or the option that set it.
    """
    from tradinggroup.experiment import load_experiment
    from tradinggroup.setting_tree import known_settings

    if experiment is not None:
        resolved = load_experiment(project_of(context), experiment, overrides)
        plain = resolved.experiment.to_plain()
        rows = {key: (_at(plain, key), origin) for key, origin in resolved.origins.items()}
    elif overrides:
        raise UsageError(ErrorCode.USAGE, f"{overrides[0].origin} without an EXPERIMENT", remedy="Name the experiment that it changes.")
    else:
        rows = {key: (None, "required") if field.is_required() else (field.default, "default") for key, field in known_settings().items()}
    if as_json:
        emit_json({key: {"value": value, "origin": origin} for key, (value, origin) in rows.items()})
    else:
        print(text_settings(rows))


def text_settings(rows: dict[str, tuple[Any, str]]) -> str:
    """Key, value and origin in three columns, by section, at 80 columns; a long value goes on below."""
    lines: list[str] = []
    section = ""
    for key, (value, origin) in rows.items():
        head, _, leaf = key.rpartition(".")
        if head != section:
            lines += ["", f"[{head}]"]
            section = head
        first, *rest = textwrap.wrap(_text(value), VALUE_WIDTH, break_long_words=False) or [""]
        width = max(KEY_WIDTH, len(leaf))
        lines.append(f"{leaf:<{width}}  {first:<{VALUE_WIDTH - width + KEY_WIDTH}}  {origin}".rstrip())
        lines += [f"{'':<{KEY_WIDTH}}  {line}" for line in rest]
    return "\n".join(lines)


def _at(tree: dict[str, Any], key: str) -> Any:
    node: Any = tree
    for part in key.split("."):
        node = node[part]
    return node


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else "" if value is None else str(value)


add(group, "show", show, example="tradinggroup config show backtests/demo.toml --set seed=8")
