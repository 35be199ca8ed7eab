"""How long selection and retrieval take with each embedder that can be had here, beside the default in the same run.

Two jobs: 300 news items pooled into one session (score, walk down, ten kept), and one 10-K (chunk, encode, six queries, six
passages). Real MSFT news and the real TSLA 10-K where ../shared lies beside the checkout, else the bundled market. `first` is a
store with nothing in it; `again` has every vector in the chunk store, as a second run has. `onnx-minilm` needs its files, and
`openai:<name>` a server: name one with --served.

    python benchmarks/retrieval.py [--rounds 3] [--served NAME]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tradinggroup.agents.card import load_cards
from tradinggroup.agents.context import AgentContext
from tradinggroup.agents.news_sentiment import select_items
from tradinggroup.agents.report_retrieval import find_passages
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.data.records import Filing, NewsItem
from tradinggroup.errors import TradinggroupError
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import Project
from tradinggroup.retrieval.chunk_store import ChunkStore
from tradinggroup.retrieval.kept_embedder import VectorSources
from tradinggroup.retrieval.registry import check_retrieval, make_retrieval
from tradinggroup.settings import AgentSettings, ModelSettings, RetrievalSettings

ROOT = Path(__file__).resolve().parent.parent
REAL = ROOT.parent / "shared" / "data"
POOLED = 300
LIMIT_SECONDS = 2.0
"""For one 10-K with the default parts."""
NOW = datetime(2025, 3, 3, 21, tzinfo=UTC)


def evidence() -> tuple[str, list[NewsItem], Filing, str]:
    """Symbol, items, filing and where they are from."""
    if not REAL.is_dir():
        bundle = Bundle.open(ROOT / "data" / "demo")
        symbol = bundle.symbols[0]
        view = bundle.view(bundle.calendar.close_at(bundle.last_session))
        items = list(view.news(symbol, datetime(2000, 1, 1, tzinfo=UTC)))[:POOLED]
        return symbol, items, view.filings(symbol, "10-K")[-1], f"the bundled market, {symbol} (no ../shared here)"
    items = [_item(row) for row in _rows("news/MSFT.jsonl") if row["time_precision"] == "second"][:POOLED]
    rows = [row for row in _rows("filings/TSLA.jsonl") if row["form"] == "10-K"]
    sections = tuple((row["section"], row["text"]) for row in rows if row["filed_at"] == rows[0]["filed_at"])
    filing = Filing("TSLA-10-K", "TSLA", "10-K", rows[0]["period"], NOW, sections, "filer", "", "")
    return "MSFT", items, filing, "real MSFT news, real TSLA 10-K"


def _rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (REAL / name).read_text(encoding="utf-8").splitlines()]


def _item(row: dict) -> NewsItem:
    return NewsItem(
        row["id"], "MSFT", NOW, NOW, "second", row["title"], row["title_kind"], row["summary"], row["summary_kind"], row["source"], "", ""
    )


def measure(embedder: str, symbol: str, items: list[NewsItem], filing: Filing, *, folder: Path) -> tuple[float, float]:
    """Seconds of both jobs with fresh parts over the chunk store in `folder`, which is written afterwards."""
    settings = RetrievalSettings(embedder=embedder)
    store = ChunkStore(folder, embedder=embedder)
    retrieval = make_retrieval(settings, model=RulesAnalyst(), models=ModelSettings(), sources=VectorSources(chunk_store=store))
    clock = DecisionClock(ExchangeCalendar(first=NOW.date(), last=NOW.date()))
    context = AgentContext(symbol, AgentSettings(), load_cards(Project(ROOT)), RulesAnalyst(), "rules", retrieval.parts, clock)

    async def both() -> tuple[float, float]:
        news = await _seconds(lambda: select_items(context, items, session=NOW.date()))
        report = await _seconds(lambda: find_passages(context, filing, session=NOW.date()))
        await retrieval.aclose()
        return news, report

    return asyncio.run(both())


async def _seconds(job: Callable) -> float:
    start = time.perf_counter()
    await job()
    return time.perf_counter() - start


def compare(embedder: str, *, rounds: int, given: tuple[str, list[NewsItem], Filing]) -> tuple[float, float]:
    """Print one embedder's line. Returns the median seconds of a first run."""
    first, again = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            first.append(measure(embedder, *given, folder=Path(folder)))
            again.append(measure(embedder, *given, folder=Path(folder)))
    medians = [tuple(statistics.median(column) for column in zip(*each, strict=True)) for each in (first, again)]
    figures = "   ".join(f"{news:8.3f} {report:8.3f}" for news, report in medians)
    print(f"{embedder:<28}{figures}")
    return medians[0]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--served", metavar="NAME", help="an embedding model of the server at OPENAI_BASE_URL")
    arguments = parser.parse_args()
    symbol, items, filing, what = evidence()
    words = sum(len(text.split()) for _, text in filing.sections)
    print(f"{what}: {len(items)} items, a {filing.form} of {words:,} words; seconds, medians of {arguments.rounds} rounds")
    print(f"{'embedder':<28}{'first: news':>8} {'10-K':>6}   {'again: news':>8} {'10-K':>6}")
    names = ["hashing", "onnx-minilm", *([f"openai:{arguments.served}"] if arguments.served else [])]
    seconds = {}
    for name in names:
        try:
            check_retrieval(RetrievalSettings(embedder=name))
        except TradinggroupError as error:
            print(f"{name:<28}not here: {error}")
            continue
        seconds[name] = compare(name, rounds=arguments.rounds, given=(symbol, items, filing))
    for name, (news, report) in seconds.items():
        if name != "hashing":
            print(f"{name} is {news / seconds['hashing'][0]:.0f} (news) and {report / seconds['hashing'][1]:.0f} times (10-K) the default")
    return 0 if seconds["hashing"][1] < LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
