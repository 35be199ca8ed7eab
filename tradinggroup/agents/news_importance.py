"""How important a news item looks: keywords and length (spec 2).

base = clip(keyword_share * min(1, keywords / full_keywords) + length_share * min(1, words / full_words), 0, 1)
N = base_weight * base + probability_weight * probability + floor
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from tradinggroup.retrieval.tokens import words
from tradinggroup.settings import NewsSettings

KEYWORDS = (
    "earnings", "guidance", "revenue", "margin", "upgrade", "downgrade", "acquisition", "merger", "lawsuit", "recall", "sec", "fda",
    "dividend", "buyback", "layoffs", "ceo", "delivery", "bankruptcy",
)  # fmt: skip
"""Each counts once, in any of its forms; so does the ticker."""

_OTHER_FORMS = {
    "revenues": "revenue", "margins": "margin", "upgrades": "upgrade", "upgraded": "upgrade", "downgrades": "downgrade",
    "downgraded": "downgrade", "acquisitions": "acquisition", "acquires": "acquisition", "acquire": "acquisition",
    "acquired": "acquisition",
    "mergers": "merger", "lawsuits": "lawsuit", "sues": "lawsuit", "recalls": "recall", "recalled": "recall", "dividends": "dividend",
    "buybacks": "buyback", "repurchase": "buyback", "layoff": "layoffs", "deliveries": "delivery", "bankrupt": "bankruptcy",
}  # fmt: skip
_KEYWORD_BY_WORD = {**{keyword: keyword for keyword in KEYWORDS}, **_OTHER_FORMS}


def base_score(text: str, *, symbol: str, settings: NewsSettings) -> float:
    """Importance of an item by its text, 0 to 1."""
    found = words(text)
    names = (symbol, settings.company_names[symbol]) if symbol in settings.company_names else (symbol,)
    hits = distinct_keywords(found) + sum(bool(_name(name).search(text)) for name in names)
    by_keywords = settings.keyword_share * min(1.0, hits / settings.full_keywords)
    by_length = settings.length_share * min(1.0, len(found) / settings.full_words)
    return min(1.0, by_keywords + by_length)


def distinct_keywords(found: Collection[str]) -> int:
    """How many different keywords are among the words."""
    return len({_KEYWORD_BY_WORD[word] for word in found if word in _KEYWORD_BY_WORD})


def influence(*, base: float, probability: float, settings: NewsSettings) -> float:
    """N of spec 2: with the paper's weights between 0.20 and 1.00."""
    return settings.base_weight * base + settings.probability_weight * probability + settings.floor


@cache
def _name(name: str) -> re.Pattern[str]:
    """The ticker or company name as a word of its own; in its own spelling where it is so short that it could be any word."""
    flags = re.IGNORECASE if len(name) > 2 else re.NOFLAG
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)", flags)
