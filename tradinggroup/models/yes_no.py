"""The yes-no question to a chat model, and how its answer becomes a probability (spec 2, 3).

Where the server gives log-probabilities, P(yes) = e^yes / (e^yes + e^no) over the first token's alternatives, the spellings
of each word (`Yes`, ` yes`) taken together. Where it gives none, or neither word is among them, the answer itself counts: yes
is 1, no is 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from tradinggroup.models.answers import Answer, Probability
from tradinggroup.models.structured import without_wrapping

ALTERNATIVES = 20
"""How many alternatives of the first token are asked for: the most that OpenAI and vLLM give."""
ANSWER_TOKENS = 512
"""Room for the answer where log-probabilities tell nothing: a word, and the thinking that some models put before it (ours)."""

_FIRST_WORD = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


class YesNo(Answer):
    """How likely the answer is yes."""

    p_yes: Probability = Field(description="probability that the answer is yes")
    source: Literal["logprobs", "answer", "rules"] = Field(description="log-probabilities, the answer itself, or fixed rules")


def of_tokens(alternatives: Sequence[tuple[str, float]]) -> YesNo | None:
    """The verdict of the first token's (token, log-probability) alternatives; None where neither word is among them."""
    weights = {"yes": 0.0, "no": 0.0}
    for token, logprob in alternatives:
        word = token.strip(" \t\n\"'`*▁Ġ").lower()
        if word in weights:
            weights[word] += math.exp(min(logprob, 0.0))
    total = weights["yes"] + weights["no"]
    return YesNo(p_yes=weights["yes"] / total, source="logprobs") if total > 0 else None


def of_text(text: str) -> YesNo | None:
    """The verdict of an answer in words, after its thinking; None where it starts with neither."""
    found = _FIRST_WORD.match(without_wrapping(text))
    return YesNo(p_yes=float(found[1].lower() == "yes"), source="answer") if found else None
