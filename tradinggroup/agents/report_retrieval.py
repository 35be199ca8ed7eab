"""Report-retrieval agent: what the latest annual and quarterly filing say that can move the price (spec 3).

The prompt holds no session date, so that a summary depends on its filing alone and is asked for once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, cast

from tradinggroup.agents.as_given import PassageAsGiven, first_chunks
from tradinggroup.agents.context import AgentContext, ask, asker
from tradinggroup.agents.outputs import FormReport, ReportRetrieval, failure_line
from tradinggroup.agents.wording import ended_before, figures_text
from tradinggroup.clock import iso_utc
from tradinggroup.data.records import Filing, Fundamentals
from tradinggroup.models.answers import ReportSummary
from tradinggroup.models.port import Failure
from tradinggroup.retrieval.quoting import quoted
from tradinggroup.retrieval.search import Passage, index_filing, search

if TYPE_CHECKING:
    from tradinggroup.data.view import View

AGENT = "report_retrieval"
FORMS = ("10-K", "10-Q")
QUERIES = (
    "revenue and net sales growth compared to the prior year",
    "gross margin, operating income, costs and profitability",
    "guidance and outlook, what we expect for the next quarter and year",
    "cash flow from operations, debt and liquidity",
    "risk factors, legal proceedings, regulation and competition",
    "segment results, customer demand, deliveries and volumes",
)
"""The questions of spec 3; a chunk counts by its best one."""
SINGLE_QUERY = ("revenue growth, margins, guidance, cash flow and debt, risks and customer demand that can move the share price",)
"""All of them in one, for `queries = "single"` (ours)."""


async def retrieve_report(context: AgentContext, *, session: date, view: View) -> ReportRetrieval:
    """The summaries of the latest filings known by the view's clock and not older than the look-back."""
    not_before = view.as_of - timedelta(days=context.settings.report_retrieval.lookback_days)
    found: list[tuple[Filing, Fundamentals | None]] = []
    for form in FORMS:
        filing = view.latest_filing(context.symbol, form, not_before=not_before)
        if filing is not None:
            figures = view.latest_fundamentals(context.symbol, form)
            found.append((filing, figures if figures is not None and figures.known_at >= not_before else None))
    made = [context.filing_summaries.get(_key(filing, figures)) for filing, figures in found]
    ready = [report for report in made if report is not None]
    if len(ready) < len(found):
        ready = await asyncio.gather(*(_report(context, filing, figures, session) for filing, figures in found))
    return ReportRetrieval(tuple(ready))


def _key(filing: Filing, figures: Fundamentals | None) -> tuple[str, ...]:
    return (filing.form, filing.id, figures.period if figures else "", iso_utc(figures.known_at) if figures else "")


async def _report(context: AgentContext, filing: Filing, figures: Fundamentals | None, session: date) -> FormReport:
    return await context.filing_summaries.get_or_make(_key(filing, figures), lambda: _summarise(context, filing, figures, session))


async def _summarise(context: AgentContext, filing: Filing, figures: Fundamentals | None, session: date) -> FormReport:
    passages = await find_passages(context, filing, session=session)
    reply = await ask(
        context,
        agent=AGENT,
        template=filing.form,
        values={
            "form": filing.form,
            "period": ended_before(filing.period, filing.known_at),
            "figures": figures_text(figures),
            "passages": "\n\n".join(f"[{number}] {quoted(passage.chunk.text)}" for number, passage in enumerate(passages, start=1)),
        },
        evidence={"form": filing.form, "passages": [passage.chunk.text for passage in passages]},
        session=session,
    )
    summary = cast(ReportSummary | None, reply.answer)
    return FormReport(
        form=filing.form,
        filing_id=filing.id,
        period=filing.period,
        known_at=filing.known_at,
        newest_known_at=max(filing.known_at, figures.known_at) if figures else filing.known_at,
        summary=summary,
        failure=reply.failure,
        prompt_text=_prompt_text(summary),
        line=_line(filing, summary, passages, reply.failure),
    )


async def find_passages(context: AgentContext, filing: Filing, *, session: date) -> Sequence[Passage | PassageAsGiven]:
    """The passages of a filing that are about the price, best first; the first with words of the queries without retrieval."""
    settings = context.settings.report_retrieval
    if "retrieval" in context.without:
        return first_chunks(filing.sections, QUERIES, settings)
    index = await index_filing(filing.sections, parts=context.retrieval, settings=settings)
    queries = QUERIES if settings.queries == "set" else SINGLE_QUERY
    who = asker(context, AGENT, session, purpose=f"rerank {filing.form}")
    return await search(index, queries, parts=context.retrieval, settings=settings, asker=who)


def _prompt_text(summary: ReportSummary | None) -> str:
    if summary is None:
        return ""
    lists = (("figures", summary.indicators), ("risks", summary.risks), ("opportunities", summary.opportunities))
    details = [f"  {name}: {'; '.join(entries)}" for name, entries in lists if entries]
    if summary.guidance:
        details.insert(1, f"  guidance: {summary.guidance}")
    return "\n".join([summary.summary, *details])


def _line(
    filing: Filing, summary: ReportSummary | None, passages: Sequence[Passage | PassageAsGiven], failure: Failure | None
) -> Mapping[str, Any]:
    return {
        "filing_id": filing.id,
        "period": filing.period,
        "known_at": iso_utc(filing.known_at),
        "indicators": list(summary.indicators) if summary else [],
        "guidance": summary.guidance if summary else "",
        "risks": list(summary.risks) if summary else [],
        "opportunities": list(summary.opportunities) if summary else [],
        "summary": summary.summary if summary else "",
        "passages": [
            {
                "chunk_id": passage.chunk.id,
                "dense": passage.dense,
                "sparse": passage.sparse,
                "hybrid": passage.hybrid,
                "probability": passage.probability,
            }
            for passage in passages
        ],
        "failure": failure_line(failure),
    }
