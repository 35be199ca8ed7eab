import hashlib
import os
import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tradinggroup.retrieval.embedding import HashingEmbedder

TEXTS = ("Acme wins record order from Boreal Rail", "acme's margin fell by 3.5% in the quarter", "Ünïcode — “quotes” 株式会社")
KNOWN_HASH = "1916cb09"


def fingerprint() -> str:
    vectors = np.round(HashingEmbedder().embed(TEXTS), 6) + 0.0
    return hashlib.sha256(vectors.astype("<f8").tobytes()).hexdigest()[:8]


def test_the_same_text_has_the_same_vector_in_every_process() -> None:
    code = "from tests.retrieval.test_embedding import fingerprint; print(fingerprint())"
    found = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert found == [KNOWN_HASH, KNOWN_HASH]


def test_rows_have_unit_length_and_a_text_without_words_is_zero() -> None:
    vectors = HashingEmbedder(dimensions=64).embed([*TEXTS, "", "the of and a", "x"])
    assert vectors.shape == (6, 64)
    assert np.allclose(np.linalg.norm(vectors, axis=1), [1, 1, 1, 0, 0, 0])


def test_no_texts_give_no_rows() -> None:
    assert HashingEmbedder().embed([]).shape == (0, 256)


@given(st.lists(st.text(max_size=40), min_size=1, max_size=6))
def test_a_text_does_not_depend_on_its_neighbours(texts: list[str]) -> None:
    embedder = HashingEmbedder()
    together = embedder.embed(texts)
    assert all(np.array_equal(embedder.embed([text])[0], row) for text, row in zip(texts, together, strict=True))


def test_copies_are_near_and_other_texts_far() -> None:
    original = "Acme raises its outlook for the year. Strong demand for turbines in Europe lifted orders by 12 percent, the company said."
    copy = "UPDATE: " + original.replace("lifted", "pushed")
    other = "Quantfern opens a new site in Texas. The chief executive called the hiring market difficult and wages high."
    first, second, third = HashingEmbedder().embed([original, copy, other])
    assert first @ second > 0.85
    assert abs(first @ third) < 0.3


def test_word_order_counts_a_little() -> None:
    one, two = HashingEmbedder().embed(["acme beats boreal", "boreal beats acme"])
    assert 0.7 < one @ two < 0.999
