"""`tradinggroup init`: write a project folder; never overwrites."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from tradinggroup.cli.output import shown_path
from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.project import MARKER, defaults_root

EXAMPLE = "tradinggroup init study"
CONTENT = (
    "agents/*.md",
    "risk/*.toml",
    "risk/README.md",
    "data/README.md",
    "data/demo/*",
    "backtests/demo.toml",
    "backtests/ablation.toml",
    "backtests/us2025.toml",
    "backtests/README.md",
    "notebooks/*.ipynb",
    "notebooks/README.md",
)
"""What a project folder starts with, out of the packaged defaults. Explicit: a checkout's own bundles and runs stay where they are."""
WRITTEN: dict[str, str] = {
    MARKER: "# Marks this folder as a tradinggroup project.\n",
    "models.toml": (
        "# What this project knows of model servers and models, over what the package knows: tradinggroup models list.\n"
        "#\n"
        '# [models."ollama:llama3.1:8b"]\n'
        "# context_tokens = 32000\n"
        '# training_cutoff = { date = 2023-12-31, source = "its model card" }\n'
    ),
    ".gitignore": (
        "/data/*\n!/data/README.md\n!/data/demo/\n/backtests/runs/\n/backtests/recordings.sqlite*\n/backtests/probes.json\n"
        "/backtests/ledger-head.sqlite*\n"
        "/backtests/lessons/\n/backtests/chunks/\n"
    ),
}
NEXT = "tradinggroup backtest backtests/demo.toml"

Folder = Annotated[str, typer.Argument(metavar="DIR", help="The folder to make or to complete.", show_default=False)]


def command(folder: Folder = ".") -> None:
    """Write a project folder; never overwrites.

    Cards, risk profiles, a demo bundle, experiments, a notebook.

    Files that are there already are kept as they are, and listed.
    """
    root = Path(folder).expanduser()
    written, kept = write_project(root)
    print(_summary(written))
    for name in kept:
        print(f"kept  {name} (was there already)")
    step = NEXT if root.resolve() == Path.cwd().resolve() else f"cd {shown_path(root)} && {NEXT}"
    print(f"next  {step}\n      works offline, no key needed")


def write_project(root: Path) -> tuple[list[str], list[str]]:
    """Write what is missing under `root`. Returns the names written and the names that were there already.

    Raises UsageError where `root` is a file or cannot be written.
    """
    written: list[str] = []
    kept: list[str] = []
    try:
        for name, content in _content().items():
            (written if _write_new(root / name, content) else kept).append(name)
    except OSError as error:
        name = error.filename or str(root)
        remedy = "Name a folder that can be written; what was written so far stays, and init can be run again."
        raise UsageError(ErrorCode.PROJECT_INVALID, f"cannot write {name}: {error.strerror}", remedy=remedy) from error
    return written, kept


def _content() -> dict[str, bytes]:
    source = defaults_root()
    found = {name: text.encode("utf-8") for name, text in WRITTEN.items()}
    for pattern in CONTENT:
        for path in sorted(source.glob(pattern)):
            if path.is_file() and not path.name.startswith("."):
                found[path.relative_to(source).as_posix()] = path.read_bytes()
    return found


def _write_new(path: Path, content: bytes) -> bool:
    """Whether `path` was written; False where it was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True


def _summary(written: list[str]) -> str:
    if not written:
        return "wrote nothing: every file was there already"
    counts = Counter(str(Path(name).parent) for name in written)
    parts = [f"{folder}/ ({count} file{'s' if count > 1 else ''})" for folder, count in counts.items() if folder != "."]
    loose = [name for name in written if "/" not in name]
    lines, line = [], "wrote"
    for part in [*parts, *loose]:
        if len(line) + len(part) + 2 > 78:
            lines.append(line)
            line = "     "
        line += f"  {part}" if line.strip() and line != "wrote" else f" {part}"
    return "\n".join([*lines, line])
