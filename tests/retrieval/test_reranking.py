import asyncio

import pytest

from tradinggroup.retrieval.ports import Asker
from tradinggroup.retrieval.reranking import LexicalReranker

ASKER = Asker("news_sentiment", "ACME", "2024-03-01", "openai:m")


def probability(text: str) -> float:
    return asyncio.run(LexicalReranker().probabilities([text], question="Does it matter?", asker=ASKER))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The annual picnic took place.", 0.2315),
        ("Earnings and revenue beat.", 0.5374),
        ("Earnings and revenue beat: 12% on $3 billion.", 0.7006),
    ],
)
def test_worked_numbers(text: str, expected: float) -> None:
    assert probability(text) == pytest.approx(expected, abs=5e-5)


def test_more_factors_and_figures_never_lower_it() -> None:
    text, last = "Acme", 0.0
    for more in ("earnings", "revenue", "12%", "margin", "guidance", "$ 3", "lawsuit", "5 million", "debt", "tax", "cash", "profit"):
        text += f" {more}"
        assert probability(text) >= last
        last = probability(text)
    assert last < 1


def test_repeating_a_factor_adds_nothing() -> None:
    assert probability("revenue") == probability("revenue revenue revenue")
