"""How figures and tables look to a person: percent, thousands, 80 columns, plain characters. Percent exists here only."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

WIDTH = 80
NONE = "-"


def percent(fraction: float | None, *, decimals: int = 2, signed: bool = True) -> str:
    """`+6.41 %` of 0.0641; `-` of None."""
    if fraction is None:
        return NONE
    text = f"{fraction * 100:+.{decimals}f}" if signed else f"{fraction * 100:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return f"{text} %"


def usd(amount: float | None, *, decimals: int = 2, signed: bool = False) -> str:
    """`104,310.22`; `-` of None."""
    return NONE if amount is None else f"{amount:{'+' if signed else ''},.{decimals}f}"


def number(value: float | None, *, decimals: int = 2) -> str:
    """`0.80`, or `1,234` of an integer; `-` of None."""
    if value is None:
        return NONE
    return f"{value:,d}" if isinstance(value, int) else f"{value:,.{decimals}f}"


def figure(name: str, value: float | None) -> str:
    """A figure as its name's unit asks: `_fraction` in percent, `_usd` with thousands, anything else as a number."""
    if name.endswith("_fraction"):
        return percent(value, signed=any(word in name for word in ("return", "drawdown", "at_risk", "shortfall")))
    return usd(value) if name.endswith("_usd") else number(value)


def counted(count: int, noun: str) -> str:
    """`1 session`, `3 sessions`."""
    return f"{count:,d} {noun}{'' if count == 1 else 's'}"


def columns(rows: Sequence[Sequence[str]], *, left: int = 1, width: int = WIDTH) -> str:
    """A table: the first `left` columns flush left, the others flush right; two blanks between them, one where `width` is short."""
    if not rows:
        return ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = 2 if sum(widths) + 2 * (len(widths) - 1) <= width else 1
    cells = [
        [cell.ljust(wide) if place < left else cell.rjust(wide) for place, (cell, wide) in enumerate(zip(row, widths, strict=True))]
        for row in rows
    ]
    return "\n".join((" " * gap).join(row).rstrip() for row in cells)


def wrapped(text: str, *, first: str = "", then: str | None = None) -> list[str]:
    """`text` in lines of at most 80 characters: `first` stands before the first, `then` (or as many blanks) before the others.

    Line breaks of the text stay; control characters, which a model may have written, become blanks.
    """
    indent = " " * len(first) if then is None else then
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        lines += textwrap.wrap(
            printable(paragraph), WIDTH, initial_indent=indent if lines else first, subsequent_indent=indent, break_on_hyphens=False
        ) or ([] if lines else [first.rstrip()])
    return lines


def printable(text: str) -> str:
    """The text without control characters: a model's answer must not move the cursor of a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
