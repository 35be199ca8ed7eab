import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tradinggroup.clock import monotonic_seconds
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.retrieval.ports import Asker, RetrievalParts
from tradinggroup.retrieval.registry import make_retrieval
from tradinggroup.retrieval.search import ChunkIndex, Passage, hybrid_score, index_filing, search
from tradinggroup.settings import ModelSettings, ReportSettings, RetrievalSettings

SETTINGS = ReportSettings(window_sentences=1, stride_sentences=1)
QUERIES = ("revenue growth", "litigation risk")
BODY = (
    "The cafeteria was painted blue. Revenue growth reached 12% as demand rose. The parking lot has new trees. "
    "Litigation risk and legal proceedings could harm our results. Our logo is round. Employees enjoy the garden."
)


ASKER = Asker("report_retrieval", "ACME", "2024-03-01", "rules")


def parts_of() -> RetrievalParts:
    return make_retrieval(RetrievalSettings(), model=RulesAnalyst(), models=ModelSettings()).parts


def index_of(sections: list[tuple[str, str]], parts: RetrievalParts, settings: ReportSettings = SETTINGS) -> ChunkIndex:
    return asyncio.run(index_filing(sections, parts=parts, settings=settings))


def passages_of(index: ChunkIndex, queries: Sequence[str], parts: RetrievalParts, settings: ReportSettings = SETTINGS) -> list[Passage]:
    return asyncio.run(search(index, queries, parts=parts, settings=settings, asker=ASKER))


def found_texts(sections: list[tuple[str, str]], settings: ReportSettings = SETTINGS) -> list[str]:
    parts = parts_of()
    return [passage.chunk.text for passage in passages_of(index_of(sections, parts, settings), QUERIES, parts, settings)]


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
    parts = parts_of()
    index = index_of([("MD&A", BODY)], parts)
    both = {passage.chunk.id: passage for passage in passages_of(index, QUERIES, parts)}
    alone = [{passage.chunk.id: passage for passage in passages_of(index, [query], parts)} for query in QUERIES]
    assert all(both[chunk].hybrid == max(one[chunk].hybrid for one in alone) for chunk in both)
    passage = both["s01c0002"]
    assert passage.hybrid == pytest.approx(passage.dense + 0.8 * passage.sparse, abs=2e-6)


def test_equal_chunks_come_in_the_filings_order() -> None:
    parts = parts_of()
    index = index_of([("A", "Revenue rose. " * 8)], parts)
    assert [passage.chunk.id for passage in passages_of(index, QUERIES, parts)] == [f"s01c{n:04d}" for n in range(1, 7)]


def test_a_section_given_twice_counts_once() -> None:
    assert found_texts([("MD&A", BODY), ("MD&A, original case", BODY.upper())]) == found_texts([("MD&A", BODY)])


def test_a_real_annual_report_is_indexed_fast_and_its_passages_are_about_money(shared_data: Path) -> None:
    lines = (shared_data / "filings" / "AMZN.jsonl").read_text(encoding="utf-8").splitlines()
    sections = [(filing["section"], filing["text"]) for filing in map(json.loads, lines) if filing["form"] == "10-K"]
    parts, settings = parts_of(), ReportSettings()
    started = monotonic_seconds()
    index = index_of(sections, parts, settings)
    assert monotonic_seconds() - started < 0.5
    assert len(index.chunks) > 150
    passages = passages_of(index, ("revenue and sales growth", "cash flow and debt"), parts, settings)
    assert len(passages) == 6
    assert all("sales" in passage.chunk.text.lower() or "cash" in passage.chunk.text.lower() for passage in passages)
