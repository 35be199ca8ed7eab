import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradinggroup.retrieval.chunks import chunk_sections, sentences, windows
from tradinggroup.settings import ReportSettings

DEFAULTS = ReportSettings()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sales rose. Costs fell! Why?", ["Sales rose.", "Costs fell!", "Why?"]),
        ("net sales rose 1.5% to $2.3 billion. costs fell.", ["net sales rose 1.5% to $2.3 billion.", "costs fell."]),
        ("amazon.com, inc. and others in the u.s. grew.", ["amazon.com, inc. and others in the u.s. grew."]),
        ("He said “we grew.” Costs fell.", ["He said “we grew.”", "Costs fell."]),
        ("th e following discus sion. a b.", ["th e following discus sion.", "a b."]),
        ("Heading\nNext paragraph\n• bullet one;\n• bullet two", ["Heading", "Next paragraph", "• bullet one;", "• bullet two"]),
        ("a line that is\nwrapped goes on.", ["a line that is wrapped goes on."]),
        ("before ##table_start 1 2 3 ##TABLE_END after.", ["before 1 2 3 after."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_windows_of_five_every_three() -> None:
    found = windows([f"s{number}." for number in range(1, 12)], DEFAULTS)
    assert found == ["s1. s2. s3. s4. s5.", "s4. s5. s6. s7. s8.", "s7. s8. s9. s10. s11."]


def test_few_sentences_are_one_window() -> None:
    assert windows(["a.", "b."], DEFAULTS) == ["a. b."]
    assert windows([], DEFAULTS) == []


def test_a_sentence_of_a_thousand_words_is_cut() -> None:
    giant = " ".join(f"w{number}" for number in range(1000))
    found = windows(["Before.", giant, "After."], DEFAULTS)
    assert max(len(chunk.split()) for chunk in found) <= 400
    assert {word for chunk in found for word in chunk.split()} == {*giant.split(), "Before.", "After."}


@given(
    st.lists(st.integers(1, 30), max_size=30),
    st.integers(1, 6),
    st.integers(1, 8),
    st.integers(1, 40),
)
def test_no_word_is_lost_and_no_chunk_too_long(lengths: list[int], window: int, stride: int, cap: int) -> None:
    settings = ReportSettings(window_sentences=window, stride_sentences=stride, max_words=cap)
    given_sentences = [" ".join(f"{number}.{word}" for word in range(length)) for number, length in enumerate(lengths)]
    found = windows(given_sentences, settings)
    assert all(len(chunk.split()) <= cap for chunk in found)
    if stride <= window:
        assert {word for chunk in found for word in chunk.split()} == {word for sentence in given_sentences for word in sentence.split()}


@given(st.text(alphabet="ab .!?\n\"'”)•1A", max_size=120))
def test_sentences_keep_every_character_but_white_space(text: str) -> None:
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


def test_chunks_stay_in_their_section_and_sort_as_the_filing() -> None:
    body = " ".join(f"Sentence {number}." for number in range(9))
    found = chunk_sections([("MD&A", body), ("Risk Factors", body)], DEFAULTS)
    assert [chunk.id for chunk in found] == ["s01c0001", "s01c0002", "s01c0003", "s02c0001", "s02c0002", "s02c0003"]
    assert [chunk.section for chunk in found] == ["MD&A"] * 3 + ["Risk Factors"] * 3
    assert [chunk.id for chunk in found] == sorted(chunk.id for chunk in found)


@pytest.mark.parametrize("symbol", ["AMZN", "TSLA"])
def test_real_filings(shared_data: Path, symbol: str) -> None:
    lines = (shared_data / "filings" / f"{symbol}.jsonl").read_text(encoding="utf-8").splitlines()
    for filing in map(json.loads, lines):
        found = chunk_sections([(filing["section"], filing["text"])], DEFAULTS)
        assert 30 <= len(found) <= 250
        assert max(len(chunk.text.split()) for chunk in found) <= DEFAULTS.max_words
        kept = {word for chunk in found for word in chunk.text.split()}
        lost = [word for word in filing["text"].split() if word not in kept and not word.lower().startswith("##table")]
        assert lost == []
