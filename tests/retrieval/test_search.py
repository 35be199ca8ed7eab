import json
from pathlib import Path

import pytest

from tradinggroup.clock import monotonic_seconds
from tradinggroup.retrieval.registry import make_retrieval
from tradinggroup.retrieval.search import hybrid_score, index_filing, search
from tradinggroup.settings import ReportSettings, RetrievalSettings

SETTINGS = ReportSettings(window_sentences=1, stride_sentences=1)
QUERIES = ("revenue growth", "litigation risk")
BODY = (
    "The cafeteria was painted blue. Revenue growth reached 12% as demand rose. The parking lot has new trees. "
    "Litigation risk and legal proceedings could harm our results. Our logo is round. Employees enjoy the garden."
)


def found_texts(sections: list[tuple[str, str]], settings: ReportSettings = SETTINGS) -> list[str]:
    parts = make_retrieval(RetrievalSettings())
    return [
        passage.chunk.text
        for passage in search(index_filing(sections, parts=parts, settings=settings), QUERIES, parts=parts, settings=settings)
    ]


def test_hybrid_score_of_the_spec() -> None:
    assert hybrid_score(0.5, 0.25, ReportSettings()) == pytest.approx(0.70)


def test_what_was_asked_for_comes_first() -> None:
    settings = SETTINGS.model_copy(update={"top_hybrid": 2, "top_reranked": 2})
    assert found_texts([("MD&A", BODY)], settings) == [
        "Revenue growth reached 12% as demand rose.",
        "Litigation risk and legal proceedings could harm our results.",
    ]


def test_cut_offs() -> None:
    assert len(found_texts([("MD&A", BODY)])) == 6
    assert len(found_texts([("MD&A", BODY)], SETTINGS.model_copy(update={"top_reranked": 3}))) == 3
    assert found_texts([("MD&A", "")]) == []
    assert found_texts([]) == []


def test_scores_of_a_chunk_are_those_of_its_best_query() -> None:
    parts = make_retrieval(RetrievalSettings())
    index = index_filing([("MD&A", BODY)], parts=parts, settings=SETTINGS)
    both = {passage.chunk.id: passage for passage in search(index, QUERIES, parts=parts, settings=SETTINGS)}
    alone = [{passage.chunk.id: passage for passage in search(index, [query], parts=parts, settings=SETTINGS)} for query in QUERIES]
    assert all(both[chunk].hybrid == max(one[chunk].hybrid for one in alone) for chunk in both)
    passage = both["s01c0002"]
    assert passage.hybrid == pytest.approx(passage.dense + 0.8 * passage.sparse, abs=2e-6)


def test_equal_chunks_come_in_the_filings_order() -> None:
    parts = make_retrieval(RetrievalSettings())
    index = index_filing([("A", "Revenue rose. " * 8)], parts=parts, settings=SETTINGS)
    assert [passage.chunk.id for passage in search(index, QUERIES, parts=parts, settings=SETTINGS)] == [f"s01c{n:04d}" for n in range(1, 7)]


def test_a_section_given_twice_counts_once() -> None:
    assert found_texts([("MD&A", BODY), ("MD&A, original case", BODY.upper())]) == found_texts([("MD&A", BODY)])


def test_a_real_annual_report_is_indexed_fast_and_its_passages_are_about_money(shared_data: Path) -> None:
    lines = (shared_data / "filings" / "AMZN.jsonl").read_text(encoding="utf-8").splitlines()
    sections = [(filing["section"], filing["text"]) for filing in map(json.loads, lines) if filing["form"] == "10-K"]
    parts, settings = make_retrieval(RetrievalSettings()), ReportSettings()
    started = monotonic_seconds()
    index = index_filing(sections, parts=parts, settings=settings)
    assert monotonic_seconds() - started < 0.5
    assert len(index.chunks) > 150
    passages = search(index, ("revenue and sales growth", "cash flow and debt"), parts=parts, settings=settings)
    assert len(passages) == 6
    assert all("sales" in passage.chunk.text.lower() or "cash" in passage.chunk.text.lower() for passage in passages)
