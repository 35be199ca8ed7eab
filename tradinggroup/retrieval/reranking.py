"""A reranker without a model: how much of the vocabulary of price factors a text holds.

It stands where the paper asks a small language model a yes-no question, so it gives a probability, but it reads no
question: the vocabulary is the answer to "is this related to the price?".
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from tradinggroup.retrieval.tokens import words

NEWS_QUESTION = "Does this news item materially move the price of {symbol}?"
FILING_QUESTION = "Does the passage contain factors that are related to the share price?"

_PRICE_FACTORS = """
    acquisition acquire antitrust approval backlog bankruptcy beat beats bookings buyback cash ceo cfo competition contract costs
    credit cut cuts debt decline declined decrease decreased default deliveries delivery demand dilution dividend downgrade earnings
    ebitda eps estimates expects expenses exports fda fine forecast fraud gain gross growth guidance headwinds impairment income
    increase increased inflation inventory investigation investment launch lawsuit layoffs liquidity litigation loss losses lower margin
    margins merger miss misses net offering operating orders outlook patent penalty pricing production profit profitability
    profits raise raised raises recall record recession regulatory repurchase restructuring revenue revenues risk risks sales
    sec settlement shareholders shortage shutdown subscribers supply surge tariff tariffs tax upgrade volume warning weak yield
"""
PRICE_FACTORS = frozenset(_PRICE_FACTORS.split())
_FIGURE = re.compile(r"\d[\d,.]*\s?(?:%|percent\b|million\b|billion\b|basis points\b)|\$\s?\d", re.IGNORECASE)

_BIAS, _PER_FACTOR, _PER_FIGURE = -1.2, 0.45, 0.35
"""Ours: no factor gives 0.23, three give 0.54, three with two figures 0.70."""
_MOST_FACTORS, _MOST_FIGURES = 8, 4


class LexicalReranker:
    """Logistic in the number of distinct price factors and of figures; more of either never lowers it."""

    def probabilities(self, texts: Sequence[str], *, question: str) -> list[float]:  # noqa: ARG002 - the port's
        """One probability a text, 0 to 1."""
        return [_probability(text) for text in texts]


def _probability(text: str) -> float:
    factors = min(_MOST_FACTORS, len(PRICE_FACTORS.intersection(words(text))))
    figures = min(_MOST_FIGURES, len(_FIGURE.findall(text)))
    return 1 / (1 + math.exp(-(_BIAS + _PER_FACTOR * factors + _PER_FIGURE * figures)))
