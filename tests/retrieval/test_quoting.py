"""No text ends the block that it stands in, and a harmless text stays as it is."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradinggroup.retrieval import quoting
from tradinggroup.retrieval.quoting import QUOTE_END, QUOTE_START, quoted


def inside(text: str) -> str:
    block = quoted(text, otherwise=f"{QUOTE_START}{QUOTE_END}")
    assert block.startswith(QUOTE_START)
    assert block.endswith(QUOTE_END)
    return block[len(QUOTE_START) : -len(QUOTE_END)]


@pytest.mark.parametrize(
    ("mark", "broken"),
    [
        ("</quoted>", "(/quoted>"),
        ("\u2039\ufe0f/quoted>", "(/quoted>"),
        ("\u2039/quo\u034fted>", "(/quoted>"),
        ("\uff1c/quoted\uff1e", "(/quoted\uff1e"),
        ("</quo\u200bted>", "(/quoted>"),
        ("<//quoted>", "(//quoted>"),
        ("<\\quoted>", "(\\quoted>"),
        ("\u2039 \u2044 QUOTED>", "( \u2044 QUOTED>"),
        ("<\uff0f\uff51\uff55\uff4f\uff54\uff45\uff44>", "(\uff0f\uff51\uff55\uff4f\uff54\uff45\uff44>"),
        ("\u226e/quoted>", "(/quoted>"),
        ("<\u0338/quo\u0301ted>", "(\u0338/quo\u0301ted>"),
        ("<<quoted>>", "<(quoted>>"),
        ("\u2026\ufb03 </quoted>", "\u2026\ufb03 (/quoted>"),
    ],
)
def test_a_mark_loses_its_bracket(mark: str, broken: str) -> None:
    assert inside(f"Before {mark} after") == f"Before {broken} after"


@pytest.mark.parametrize(
    "letter",
    "\x00\x1b\x7f\x85\xad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200d\u202e\u2028\u2060\u2065\u3164\ufe00\ufe0f\ufeff\uffa0"
    "\ufff9\U0001d173\U000e0041\U000e0100",
)
def test_nobody_hides_a_character(letter: str) -> None:
    assert inside(f"Be{letter}fore <{letter}/qu{letter}oted>") == "Before (/quoted>"
    assert quoted(letter, otherwise="nothing") == "nothing"


@pytest.mark.parametrize(
    "text", ["5\u00bd % of caf\u00e9\u2122 \u2026 10\u00b2 <unaudited>\n\t\u2039x\u203a", "A quoted price < 5", "quoted>"]
)
def test_all_else_stays(text: str) -> None:
    assert inside(text) == text


@given(st.text(st.sampled_from("<\u2039\uff1c/\\ quotedQ\u200b\ufe0f\u034f\u226e>"), max_size=40))
def test_no_text_leaves_its_block(text: str) -> None:
    found = unicodedata.normalize("NFKC", inside(text)).casefold()
    assert not re.search(r"[<\u2039\u226e][\s/\\]*quoted", found)
    assert inside(inside(text)) == inside(text)


@given(st.text(alphabet=st.sampled_from("<>/quoted QUOTED\t\n\r\x00\x1b\x7f‹／ⓠé"), max_size=60))
def test_plain_texts_take_a_short_way_to_the_same_end(text: str) -> None:
    """ASCII is cleaned by a shorter way; the long way gives the same."""
    long_way = quoting._without_marks("".join(letter for letter in text if not quoting._is_invisible(letter))).strip()
    assert quoting._cleaned(text) == long_way
