"""Words of a text, as the lexical parts of retrieval see them."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:[.'’][^\W_]+)*")

_STOP_WORDS = """
    about above after again all also am an and any are as at be because been before being below between both but by can could did do
    does doing down during each few for from further had has have having he her here hers him his how if in into is it its itself
    just may me might more most must my no nor not now of off on once only or other our ours out over own said same she should so
    some such than that the their theirs them then there these they this those through to too under until up upon us very was we were
    what when where which while who whom why will with would you your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def words(text: str) -> list[str]:
    """All words in lower case, in their order; `1.5`, `u.s` and `company's` stay whole."""
    return _WORD.findall(text.lower())


def content_words(text: str) -> list[str]:
    """Words that carry meaning: no stop words, and no single characters, which are mostly the debris of broken words."""
    return [word for word in words(text) if len(word) > 1 and word not in STOP_WORDS]
