"""Where a page or an export goes: whole or not at all, and never over a folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from tradinggroup.errors import DataError, ErrorCode


def write_page(target: Path, text: str) -> Path:
    """Write UTF-8 text to `target`, all of it or nothing. Raises DataError OUTPUT_UNWRITABLE."""
    return write_with(target, lambda path: path.write_bytes(text.encode("utf-8", "replace")))


def write_with(target: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` make a file beside `target` and put it there, all of it or nothing. Raises DataError OUTPUT_UNWRITABLE."""
    half = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.is_dir():
            raise IsADirectoryError(None, "it is a folder")
        write(half)
        half.replace(target)
    except OSError as problem:
        with contextlib.suppress(OSError):
            half.unlink()
        raise DataError(
            ErrorCode.OUTPUT_UNWRITABLE, f"{target} cannot be written: {problem.strerror or problem}", remedy="Name another place with -o."
        ) from problem
    return target


def place_for(wanted: Path | None, otherwise: Path, name: str) -> Path:
    """The file that `-o` means: `otherwise` without it, `name` in it where it is a folder."""
    if wanted is None:
        return otherwise
    return wanted / name if wanted.is_dir() else wanted
