"""Selection and retrieval on real news and filings: copies, broken words, long filings, and the same passages everywhere."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tests.agents.fakes import SESSION, YESTERDAY, FakeView, context, model
from tradinggroup.agents.news_sentiment import analyse_news, select_items
from tradinggroup.agents.report_retrieval import FORMS, QUERIES, SINGLE_QUERY, find_passages
from tradinggroup.clock import monotonic_seconds
from tradinggroup.data.records import Filing, NewsItem
from tradinggroup.retrieval.embedding import HashingEmbedder
from tradinggroup.retrieval.search import index_filing
from tradinggroup.settings import AgentSettings, NewsSettings, ReportSettings

POOLED = 300
SESSION_CLOSE = FakeView().as_of


def real_items(folder: Path, symbol: str) -> list[NewsItem]:
    """Every 2025 item of the symbol with its headline; texts that a model wrote later are left out, as a view does."""
    found = []
    for line in (folder / "news" / f"{symbol}.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["time_precision"] != "second":
            continue
        at = datetime.fromisoformat(row["published_at"]).astimezone(UTC)
        summary = "" if row["summary_kind"] == "llm" else row["summary"]
        found.append(
            NewsItem(
                row["id"], symbol, at, at, "second", row["title"], row["title_kind"], summary, row["summary_kind"], row["source"], "", "X"
            )
        )
    return found


def real_filing(folder: Path, symbol: str, form: str) -> Filing:
    """The first filing of that form with its sections."""
    lines = (folder / "filings" / f"{symbol}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["form"] == form]
    rows = [row for row in rows if row["filed_at"] == rows[0]["filed_at"]]
    sections = tuple((row["section"], row["text"]) for row in rows)
    return Filing(f"{symbol}-{form}", symbol, form, rows[0]["period"], YESTERDAY, sections, "filer", "", "X")


def settings_with(**changes: object) -> AgentSettings:
    return AgentSettings(news_sentiment=NewsSettings(**changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("symbol", ["MSFT", "AMZN"])
def test_three_hundred_items_of_one_session(shared_data: Path, symbol: str) -> None:
    pool = [replace(item, known_at=SESSION_CLOSE) for item in real_items(shared_data, symbol)[:POOLED]]
    double = model()
    started = monotonic_seconds()
    found = asyncio.run(
        analyse_news(replace(context(double), symbol=symbol), session=SESSION, view=FakeView(items=tuple(pool)), after=YESTERDAY)  # type: ignore[arg-type]
    )
    assert monotonic_seconds() - started < 2
    assert (found.items_seen, len(found.items)) == (POOLED, 10)
    assert len(double.requests) == 11
    text_by_id = {item.id: item.text for item in pool}
    vectors = HashingEmbedder().embed([text_by_id[item.id] for item in found.items])
    closeness = vectors @ vectors.T - np.eye(len(vectors))
    assert closeness.max() <= NewsSettings().dedup_cosine
    assert [item.influence for item in found.items] == sorted((item.influence for item in found.items), reverse=True)


@pytest.mark.parametrize("symbol", ["MSFT", "AMZN"])
def test_wire_copies_do_not_crowd_out_the_rest(shared_data: Path, symbol: str) -> None:
    items = real_items(shared_data, symbol)[:POOLED]

    def select(selection: str, pool: list[NewsItem]) -> list[str]:
        agents = replace(context(model(), settings=settings_with(selection=selection)), symbol=symbol)
        return [scored.item.id for scored in asyncio.run(select_items(agents, pool, session=SESSION))]

    plain = select("walk_down", items)
    best = next(item for item in items if item.id == plain[0])
    copies = [replace(best, id=f"copy{number}", source=f"wire {number}", title=f"{best.title} {number}") for number in range(30)]
    kept = select("walk_down", [*items, *copies])
    assert len(kept) == 10
    assert sum(each == best.id or each.startswith("copy") for each in kept) == 1
    assert kept[1:] == plain[1:]
    assert len(select("top_k_first", [*items, *copies])) == 1, "the strict reading does not refill: thirty copies take all places"
    assert set(select("top_k_first", items)) <= set(plain)


@pytest.mark.parametrize(("symbol", "form"), [("AMZN", "10-K"), ("TSLA", "10-K"), ("MSFT", "10-K"), ("TSLA", "10-Q"), ("AMZN", "10-Q")])
def test_a_filing_with_broken_words_is_searched_under_two_seconds(shared_data: Path, symbol: str, form: str) -> None:
    filing = real_filing(shared_data, symbol, form)
    started = monotonic_seconds()
    passages = asyncio.run(find_passages(context(model()), filing, session=SESSION))
    assert monotonic_seconds() - started < 2
    assert len(passages) == ReportSettings().top_reranked
    words = " ".join(passage.chunk.text.lower() for passage in passages)
    assert sum(word in words for word in ("revenue", "sales", "cash", "margin", "income", "costs", "growth", "increase")) >= 5
    assert all(passage.hybrid == pytest.approx(passage.dense + 0.8 * passage.sparse, abs=2e-6) for passage in passages)


def test_a_filing_of_a_hundred_thousand_words_stays_quick(shared_data: Path) -> None:
    filing = real_filing(shared_data, "TSLA", "10-K")
    once = asyncio.run(find_passages(context(model()), filing, session=SESSION))
    sections = list(filing.sections)
    while sum(len(text.split()) for _, text in sections) < 100_000:
        sections += [(f"{name}, again", text) for name, text in filing.sections]
    started = monotonic_seconds()
    again = asyncio.run(find_passages(context(model()), replace(filing, sections=tuple(sections)), session=SESSION))
    assert monotonic_seconds() - started < 4
    assert [passage.chunk.text for passage in again] == [passage.chunk.text for passage in once], "a section given twice counts once"
    # No copies to leave out: every section starts with other words, and all of them are searched.
    varied = tuple((name, " ".join(f"{word}{number}" if place % 3 == 0 else word for place, word in enumerate(text.split())))
                   for number, (name, text) in enumerate(sections))  # fmt: skip
    started = monotonic_seconds()
    index = asyncio.run(index_filing(varied, parts=context(model()).retrieval, settings=ReportSettings()))
    assert monotonic_seconds() - started < 10
    assert len(index.chunks) > 500


def test_a_single_query_finds_by_its_own_words(shared_data: Path) -> None:
    filing = real_filing(shared_data, "AMZN", "10-K")
    single = replace(context(model()), settings=AgentSettings(report_retrieval=ReportSettings(queries="single")))
    found = [asyncio.run(find_passages(agents, filing, session=SESSION)) for agents in (context(model()), single)]
    assert [len(passages) for passages in found] == [6, 6]
    assert [passage.chunk.id for passage in found[0]] != [passage.chunk.id for passage in found[1]]
    assert (len(QUERIES), len(SINGLE_QUERY)) == (6, 1)


def test_later_documents_change_nothing(shared_data: Path) -> None:
    """Document frequencies come from the filing itself: what else is known, or will be, is not counted."""
    agents = context(model())
    alone = asyncio.run(find_passages(agents, real_filing(shared_data, "AMZN", "10-K"), session=SESSION))
    for form in FORMS:
        asyncio.run(find_passages(agents, real_filing(shared_data, "TSLA", form), session=SESSION))
    assert asyncio.run(find_passages(agents, real_filing(shared_data, "AMZN", "10-K"), session=SESSION)) == alone


ELSEWHERE = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from tests.agents.fakes import SESSION, context, model
from tests.agents.test_real_evidence import real_filing
from tradinggroup.agents.report_retrieval import find_passages
from tradinggroup.retrieval.chunk_store import ChunkStore
agents = context(model())
store = ChunkStore(Path(sys.argv[2]), embedder="hashing")
agents = replace(agents, retrieval=replace(agents.retrieval, chunk_store=store))
for symbol in ("AMZN", "TSLA"):
    print(asyncio.run(find_passages(agents, real_filing(Path(sys.argv[1]), symbol, "10-K"), session=SESSION)))
store.close()
"""


@pytest.mark.long
def test_the_same_passages_in_two_processes_and_two_stores(shared_data: Path, repository: Path, tmp_path: Path) -> None:
    said = []
    for store, seed in (("one", "1"), ("two", "2"), ("two", "3")):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": seed, "PYTHONHASHSEED": seed, "PYTHONPATH": str(repository)}
        command = [sys.executable, "-c", ELSEWHERE, str(shared_data), str(tmp_path / store)]
        said.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120).stdout)
    assert said[0] == said[1] == said[2]
    assert said[0].count("Passage(") == 12
    assert (tmp_path / "two" / "chroma.sqlite3").is_file()
