"""Input that is wrong, and what every refusal of it must be."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import EXPERIMENT, Result, Run
from tests.factories import make_bundle
from tradinggroup.cli.main import run
from tradinggroup.errors import ErrorCode
from tradinggroup.project import MARKER, defaults_root

Spoil = Callable[[Path], object]
PRICES = """Date,Open,High,Low,Close,Adj Close,Volume
2024-01-02,10,11,9,10.5,10.4,1000
2024-01-03,10,11,9,10,10,1000
2024-01-04,10,11,9,10,10,1000
"""
ITEM = '{"published_at": "2024-01-02T15:00:00Z", "time_precision": "second", "title": "A title"}\n'
FILING = '{"filed_at": "2024-01-02", "time_precision": "day", "form": "10-K", "text": "Revenue grew."}\n'


def make_project(root: Path) -> None:
    """A project with cards, a risk profile, a bundle, a finished run, and a plain folder of data."""
    for folder in ("agents", "risk"):
        shutil.copytree(defaults_root() / folder, root / folder)
    (root / "backtests").mkdir()
    (root / MARKER).touch()
    (root / "backtests" / "study.toml").write_text(EXPERIMENT, encoding="utf-8")
    make_bundle(root, symbols=("AAA", "BBB"))
    for name, text in (("prices/AAA.csv", PRICES), ("news/AAA.jsonl", ITEM), ("filings/AAA.jsonl", FILING)):
        path = root / "plain" / name
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    assert run(["-C", str(root), "backtest", "study", "--end", "2024-03-22"]) == 0


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, hidden ones included; a folder ends with a slash."""
    return {
        path.relative_to(folder).as_posix() + ("/" if path.is_dir() else ""): b"" if path.is_dir() else path.read_bytes()
        for path in folder.rglob("*")
    }


def check_refused(tg: Run, folder: Path, words: str | list[str], code: ErrorCode, *says: str) -> Result:
    """Run it: the error is one line with `code` first, what `says`, and a remedy; the folder stays as it was."""
    before = contents(folder)
    result = tg(*(words.split() if isinstance(words, str) else words))
    line = result.err.splitlines()[-1]
    assert line.startswith(f"{code}: "), result
    for part in says:
        assert part in line
    assert re.search(r"[.?)] [A-Z].*[.?)]$", line), f"no remedy: {line}"
    assert "Traceback" not in result.err
    assert result.out == ""
    assert contents(folder) == before
    return result


def replaced(name: str, old: str, new: str) -> Spoil:
    """Change the one place of a file."""

    def spoil(root: Path) -> None:
        path = root / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, name
        path.write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def appended(name: str, text: str) -> Spoil:
    """Add to the end of a file."""

    def spoil(root: Path) -> None:
        with (root / name).open("a", encoding="utf-8") as file:
            file.write(text)

    return spoil


def written(name: str, content: bytes) -> Spoil:
    """Put a file in place of the old one."""

    def spoil(root: Path) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)

    return spoil


def halved(path: Path) -> None:
    """Cut a file short."""
    os.truncate(path, path.stat().st_size // 2)
