"""Texts from outside in a prompt: each stands in a block of its own, which nothing in it can end.

The system messages say what a block means. Every text from outside, or by a model that read one, goes through `quoted`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

QUOTE_START, QUOTE_END = "<quoted>", "</quoted>"
"""Around every text from outside; `quoted` sees to it that no text can end its block."""

_KEPT = "\t\n"
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
"""What Unicode lets a reader ignore (Default_Ignorable_Code_Point) besides the format characters, and both separators of lines."""

_MARK = re.compile(
    "[<\u02c2\u1438\u2039\u00ab\u226a\u227a\u2329\u276c\u276e\u2770\u27e8\u27ea\u29fc\u3008\u300a]"
    r"(?=[\s\u2800/\\|\u2044\u2215\u2216\u2571\u2572\u29f5\u29f8\u29f9]*quoted)"
)
"""What looks like the bracket of a mark, in a folded text: any left angle, any slashes and blanks, the word."""


_ASCII_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def quoted(text: str, *, otherwise: str = "") -> str:
    """A text from outside in its block, or `otherwise` where it is blank.

    Characters that nobody sees are taken out, and what looks like a block's start or end loses its bracket, so the text cannot
    leave the block, whatever is in it. All else stays as it is.
    """
    seen = _cleaned(text)
    return f"{QUOTE_START}{seen}{QUOTE_END}" if seen else otherwise


@lru_cache(maxsize=2048)
def _cleaned(text: str) -> str:
    """The text without what nobody sees and without marks. Kept, since the same summary stands in the prompts of many sessions."""
    if text.isascii():
        shown = _ASCII_CONTROL.sub("", text)
        return (_without_marks(shown) if "<" in shown else shown).strip()
    return _without_marks("".join(letter for letter in text if not _is_invisible(letter))).strip()


@lru_cache(maxsize=4096)
def _is_invisible(letter: str) -> bool:
    """Control and format characters, and all that is ignored by default; tabulators and line feeds are wanted."""
    return letter not in _KEPT and (unicodedata.category(letter) in {"Cc", "Cf"} or _IGNORABLE.match(letter) is not None)


def _without_marks(text: str) -> str:
    """Marks are looked for in the folded text and broken in the text itself: normalising that would make `5½ %` into `51/2 %`."""
    folded = [_folded(letter) for letter in text]
    starts = {match.start() for match in _MARK.finditer("".join(folded))}
    if not starts:
        return text
    letters, place = [], 0
    for letter, parts in zip(text, folded, strict=True):
        is_mark = any(place <= start < place + len(parts) for start in starts)
        letters.append("(" if is_mark else letter)
        place += len(parts)
    return "".join(letters)


@lru_cache(maxsize=4096)
def _folded(letter: str) -> str:
    """The letter as it looks: compatibility forms (NFKC) as plain letters, without case, without marks above or through it."""
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", letter).casefold())
    return "".join(part for part in parts if not unicodedata.category(part).startswith("M"))
