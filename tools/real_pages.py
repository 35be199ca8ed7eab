"""What the tools share that fill a page with the figures of runs on the real data beside the checkout."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tradinggroup.project import MARKER, Project

ROOT = Path(__file__).resolve().parent.parent


def project_with(folder: Path, experiments: Sequence[str]) -> Project:
    """A project in the empty `folder` with these experiments of the repository."""
    (folder / MARKER).touch()
    (folder / "backtests").mkdir()
    for name in experiments:
        text = (ROOT / "backtests" / f"{name}.toml").read_text(encoding="utf-8")
        (folder / "backtests" / f"{name}.toml").write_text(text, encoding="utf-8")
    return Project(folder)


def write_or_check(page: Path, text: str, *, check: bool, tool: str) -> int:
    """Write `text` into `page`, or with `check` say whether it stands there; the exit code. `tool` is named in the remedy."""
    if page.read_text(encoding="utf-8") == text:
        return 0
    if check:
        print(f"docs/{page.name} differs from what the runs give; run: python tools/{tool}", file=sys.stderr)
        return 1
    page.write_text(text, encoding="utf-8", newline="\n")
    print(f"docs/{page.name} written")
    return 0
