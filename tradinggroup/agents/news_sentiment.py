"""News-sentiment agent: score, select, read each item, then all together (spec 2).

All items of the session are scored and sorted by influence; the list is walked down, copies of a kept item are passed over,
and the walk ends at k items (in the strict reading, by setting, copies are taken out of the k best instead). The calls for the
items run at the same time; their answers are kept by position, so the order in which they return does not matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

from tradinggroup.agents.as_given import ItemAsGiven, first_items
from tradinggroup.agents.context import AgentContext, ask, asker
from tradinggroup.agents.news_importance import base_score, influence
from tradinggroup.agents.outputs import NewsItemAnalysis, NewsSentiment, SentimentLabel
from tradinggroup.agents.timing import clock_text, session_text
from tradinggroup.agents.wording import hours_ago
from tradinggroup.data.records import NewsItem
from tradinggroup.models.answers import NewsScore
from tradinggroup.models.port import Failure, ModelReply
from tradinggroup.retrieval.duplicates import distinct
from tradinggroup.retrieval.quoting import quoted
from tradinggroup.retrieval.reranking import NEWS_QUESTION

if TYPE_CHECKING:
    from tradinggroup.data.view import View

AGENT = "news_sentiment"
NO_NEWS = "There is no news since the previous session; that is not the same as neutral news."

_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """An item with what its selection was decided by."""

    item: NewsItem
    base: float
    probability: float
    influence: float


async def analyse_news(context: AgentContext, *, session: date, view: View, after: datetime) -> NewsSentiment:
    """Read the news that became known after `after` and by the view's clock."""
    items = view.news(context.symbol, after)
    if not items:
        return NewsSentiment(0.0, "neutral", NO_NEWS, no_news=True, items_seen=0, items=(), failure=None, newest_known_at=None)
    kept = await _kept(context, items, session=session)
    replies = await asyncio.gather(*(_ask_item(context, scored, session, position, view.as_of) for position, scored in enumerate(kept)))
    analyses = tuple(_analysis(scored, reply) for scored, reply in zip(kept, replies, strict=True))
    overall = await _overall(context, analyses, session=session, items_seen=len(items))
    failed = isinstance(overall, Failure)
    score = 0.0 if isinstance(overall, Failure) else overall.score
    return NewsSentiment(
        score=score,
        label=label(score, context.settings.news_sentiment.positive_from),
        analysis="" if isinstance(overall, Failure) else overall.analysis,
        no_news=False,
        items_seen=len(items),
        items=analyses,
        failure=cast(Failure, overall) if failed else None,
        newest_known_at=max(item.known_at for item in items),
    )


async def _kept(context: AgentContext, items: Sequence[NewsItem], *, session: date) -> Sequence[ScoredItem | ItemAsGiven]:
    """The items that are read; the first k as given where the run is made without retrieval."""
    if "retrieval" in context.without:
        return first_items(items, limit=context.settings.news_sentiment.k)
    return await select_items(context, items, session=session)


async def select_items(context: AgentContext, items: Sequence[NewsItem], *, session: date) -> list[ScoredItem]:
    """The k most influential items without near-copies; equally influential ones in the order of (known_at, id)."""
    settings = context.settings.news_sentiment
    texts = [item.text for item in items]
    question = NEWS_QUESTION.format(symbol=context.symbol)
    probabilities = await context.retrieval.reranker.probabilities(texts, question=question, asker=asker(context, AGENT, session))
    scored = []
    for item, text, probability in zip(items, texts, probabilities, strict=True):
        base = base_score(text, symbol=context.symbol, settings=settings)
        total = influence(base=base, probability=probability, settings=settings)
        scored.append(ScoredItem(item, round(base, _DECIMALS), round(probability, _DECIMALS), round(total, _DECIMALS)))
    scored.sort(key=lambda entry: (-entry.influence, entry.item.known_at, entry.item.id))
    candidates = scored if settings.selection == "walk_down" else scored[: settings.k]
    kept = await distinct(
        [entry.item.text for entry in candidates],
        embedder=context.retrieval.embedder,
        cosine=settings.dedup_cosine,
        limit=settings.k,
    )
    return [scored[position] for position in kept]


def label(score: float, positive_from: float) -> SentimentLabel:
    """Positive from `positive_from` on, negative from its opposite down, else neutral."""
    if score >= positive_from:
        return "positive"
    return "negative" if score <= -positive_from else "neutral"


async def _ask_item(context: AgentContext, scored: ScoredItem | ItemAsGiven, session: date, position: int, as_of: datetime) -> ModelReply:
    item = scored.item
    return await ask(
        context,
        agent=AGENT,
        template="item",
        values={
            "session": session_text(context.clock, session),
            "clock": clock_text(context.clock, session),
            "title": quoted(item.title, otherwise="(no headline)"),
            "summary": quoted(item.summary, otherwise="(headline only)"),
            "source": quoted(item.source, otherwise="(unknown)"),
            "published": hours_ago(item.known_at, as_of, is_day_only=item.time_precision == "day"),
        },
        evidence={"title": item.title, "summary": item.summary},
        session=session,
        position=position,
    )


def _analysis(scored: ScoredItem | ItemAsGiven, reply: ModelReply) -> NewsItemAnalysis:
    answer = cast(NewsScore | None, reply.answer)
    return NewsItemAnalysis(
        id=scored.item.id,
        known_at=scored.item.known_at,
        title=scored.item.title,
        base=scored.base,
        probability=scored.probability,
        influence=scored.influence,
        score=answer.score if answer else None,
        analysis=answer.analysis if answer else "",
        failure=reply.failure,
    )


async def _overall(context: AgentContext, analyses: Sequence[NewsItemAnalysis], *, session: date, items_seen: int) -> NewsScore | Failure:
    """The score of all items together; where no item could be read, the first item's failure and no call."""
    read = [analysis for analysis in analyses if analysis.score is not None]
    if not read:
        return cast(Failure, analyses[0].failure)
    reply = await ask(
        context,
        agent=AGENT,
        template="overall",
        values={
            "session": session_text(context.clock, session),
            "clock": clock_text(context.clock, session),
            "items": "\n".join(_item_line(number, analysis) for number, analysis in enumerate(read, start=1)),
            "items_seen": str(items_seen),
        },
        evidence={"items": [{"score": analysis.score, "influence": analysis.influence} for analysis in read]},
        session=session,
    )
    return cast(NewsScore, reply.answer) if reply.failure is None else reply.failure


def _item_line(number: int, analysis: NewsItemAnalysis) -> str:
    title = quoted(analysis.title, otherwise="(no headline)")
    weight = "" if analysis.influence is None else f"influence {analysis.influence:.2f}, "
    return f"{number}. {weight}score {analysis.score:+.2f}: {title} {quoted(analysis.analysis)}".rstrip()
