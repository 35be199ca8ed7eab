import math

import pytest

from tradinggroup.retrieval.sparse import LexicalSparseEncoder, inner_product


def test_weights_by_hand() -> None:
    known = ["revenue revenue margin", "revenue risk"]
    weights = LexicalSparseEncoder().encode(known, known=known)[0]
    revenue = (1 + math.log(2)) * (1 + math.log(3 / 3))
    margin = 1 + math.log(3 / 2)
    length = math.hypot(revenue, margin)
    assert weights == pytest.approx({"revenue": revenue / length, "margin": margin / length})


def test_inner_product_of_a_text_with_itself_is_one_and_with_a_stranger_zero() -> None:
    texts = ["net sales grew", "legal proceedings"]
    first, second = LexicalSparseEncoder().encode(texts, known=texts)
    assert inner_product(first, first) == pytest.approx(1)
    assert inner_product(first, second) == 0


def test_only_known_texts_count_as_documents() -> None:
    known = ["revenue margin", "revenue risk"]
    query = ["revenue margin"]
    before = LexicalSparseEncoder().encode(query, known=known)[0]
    poisoned = LexicalSparseEncoder().encode([*query, "margin margin margin", "margin"], known=known)[0]
    assert before == poisoned
    assert before["margin"] > before["revenue"], "the rarer word weighs more"


def test_a_text_without_words_has_no_weights() -> None:
    assert LexicalSparseEncoder().encode(["the"], known=["revenue"]) == [{}]
