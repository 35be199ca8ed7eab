"""Where each kind of text goes: results to stdout, narration to stderr, with `--json` one object and nothing else on stdout."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import typer

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.project import HOME_VARIABLE, Project


def project_of(context: typer.Context) -> Project:
    """The project folder named by `-C`, by the environment, or around the working folder."""
    folder = context.find_root().params.get("directory")
    return Project.find(folder)


def project_of_run(context: typer.Context, run: str) -> Project:
    """The project to look for `run` in. A path to a run folder needs none: then that around the folder, else the packaged defaults."""
    folder = Path(run).expanduser()
    try:
        return project_of(context)
    except UsageError:
        if context.find_root().params.get("directory") or os.environ.get(HOME_VARIABLE) or not folder.is_dir():
            raise
        return Project.around_run(folder)


def emit_json(value: object) -> None:
    """Print one JSON object on stdout."""
    import orjson

    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode("utf-8")
    print(text)


@contextlib.contextmanager
def only_json_on_stdout(as_json: bool) -> Iterator[None]:  # noqa: FBT001
    """While a command works for `--json`, whatever a library prints goes to stderr."""
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        yield


def narrate(text: str) -> None:
    """One line for a person, on stderr, at once."""
    print(text, file=sys.stderr, flush=True)


def shown_path(path: Path) -> str:
    """`path` as short as it can be typed from the working folder."""
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)


def saved(path: Path) -> None:
    """The last line of a command that wrote something."""
    print(f"saved {shown_path(path)}")


def parse_day(text: str | None, option: str) -> date | None:
    """A calendar day, or None where it was not given. Raises UsageError for anything but YYYY-MM-DD."""
    return None if text is None else needed_day(text, option)


def needed_day(text: str, option: str) -> date:
    """A calendar day. Raises UsageError for anything but YYYY-MM-DD."""
    with contextlib.suppress(ValueError):
        return date.fromisoformat(text)
    raise UsageError(ErrorCode.USAGE, f"{option} {text} is no day", remedy="Write it as YYYY-MM-DD, such as 2023-09-19.")


def split_list(values: list[str] | None) -> list[str] | None:
    """`A,B` and repeated options as one list; None where the option was not given."""
    if values is None:
        return None
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def table(rows: Sequence[Sequence[str]], *, gap: str = "  ") -> str:
    """Left-aligned columns, as wide as their widest cell; no trailing spaces."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(gap.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
