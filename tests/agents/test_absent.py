"""Parts that a run is made without: nobody is asked, and no prompt takes absence for evidence."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.agents.fakes import (
    AS_OF,
    FEATURES,
    FORECASTING,
    HELD,
    LIMITS,
    NEWS,
    NO_REPORT,
    SESSION,
    STYLE,
    YESTERDAY,
    FakeView,
    context,
    filing,
    item,
    model,
    prompts,
)
from tests.doubles import FunctionModel
from tradinggroup.agents import absent
from tradinggroup.agents.as_given import first_chunks, first_items
from tradinggroup.agents.context import AgentContext
from tradinggroup.agents.decision import decide
from tradinggroup.agents.forecasting import forecast
from tradinggroup.agents.news_sentiment import analyse_news
from tradinggroup.agents.report_retrieval import QUERIES, retrieve_report
from tradinggroup.agents.style_selection import select_style
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.settings import ReportSettings

EVIDENCE = {"session": SESSION, "features": FEATURES, "news": NEWS, "report": NO_REPORT}


def decision_prompt(double: FunctionModel, *without: str) -> str:
    asyncio.run(_decide(context(double, without=frozenset(without))))
    return prompts(double)[0]


async def _decide(agents: AgentContext) -> object:
    return await decide(
        agents,
        **EVIDENCE,  # type: ignore[arg-type]
        forecasting=FORECASTING,
        style=STYLE,
        account=HELD,
        thresholds=LIMITS,
        performance="equity +1.00 % lately",
        experience="Own record: fade breakouts.",
        lesson_id="ACME-decision-2023-09-19",
    )


@pytest.mark.parametrize(
    ("part", "says", "hides"),
    [
        ("news_sentiment", absent.NO_NEWS, "Orders rose."),
        ("report_retrieval", absent.NO_REPORT, "No filing is known."),
        ("forecasting", absent.NO_FORECAST, "Momentum."),
        ("reflections", absent.NO_EXPERIENCE, "fade breakouts"),
        ("style", absent.NO_STYLE, "Nothing stands out."),
        ("style", absent.NO_ACCOUNT, "% of the equity"),
        ("style", absent.NO_PERFORMANCE, "equity +1.00 %"),
    ],
)
def test_the_decision_prompt_says_what_is_absent_and_shows_nothing_of_it(part: str, says: str, hides: str) -> None:
    assert says in decision_prompt(model(), part)
    assert hides not in decision_prompt(model(), part)
    whole = decision_prompt(model())
    assert hides in whole
    assert says not in whole


def test_without_a_style_agent_the_exits_are_still_shown() -> None:
    assert "forced sale" in decision_prompt(model(), "style")


def test_rules_decide_without_an_account() -> None:
    made = asyncio.run(_decide(context(RulesAnalyst(), without=frozenset({"style"}))))
    assert made.action == "buy"  # type: ignore[attr-defined]


@pytest.mark.parametrize("part", ["news_sentiment", "report_retrieval"])
def test_forecast_and_style_prompts_say_it_too(part: str) -> None:
    says = {"news_sentiment": absent.NO_NEWS, "report_retrieval": absent.NO_REPORT}[part]
    double = model()
    agents = context(double, without=frozenset({part}))
    asyncio.run(forecast(agents, **EVIDENCE, experience=None, lesson_id=None))  # type: ignore[arg-type]
    styled = select_style(
        agents,
        **EVIDENCE,  # type: ignore[arg-type]
        forecasting=FORECASTING,
        account=HELD,
        history="balanced: 3 sessions",
        style_statistics=None,
        lesson_id=None,
    )
    asyncio.run(styled)
    assert all(says in prompt for prompt in prompts(double))


def test_what_stands_for_an_agent_is_no_evidence() -> None:
    assert absent.no_news().known_score is None
    assert absent.no_report().summaries == ()
    forecasting = absent.no_forecast()
    assert (forecasting.gate, forecasting.gated_label) == ("off", "sideways")
    assert sum(forecasting.probabilities.values()) == pytest.approx(1)
    assert absent.no_style().style == "balanced"


# -- Without retrieval: as given ------------------------------------------------------------------------------------------


def test_news_as_given_is_the_first_k_copies_and_all() -> None:
    items = tuple(item(n, "Same headline about earnings" if n < 4 else f"Other {n}", hours_before=20 - n) for n in range(14))
    assert [kept.item.id for kept in first_items(items, limit=3)] == ["n0", "n1", "n2"]
    double = model()
    agents = context(double, without=frozenset({"retrieval"}))
    news = asyncio.run(analyse_news(agents, session=SESSION, view=FakeView(items), after=YESTERDAY))  # type: ignore[arg-type]
    assert [kept.id for kept in news.items] == [f"n{n}" for n in range(10)]
    assert {(kept.base, kept.probability, kept.influence) for kept in news.items} == {(None, None, None)}
    assert news.items_seen == 14
    assert not re.search(r"influence \d", prompts(double)[-1])
    by_rules = asyncio.run(
        analyse_news(context(RulesAnalyst(), without=frozenset({"retrieval"})), session=SESSION, view=FakeView(items), after=YESTERDAY)  # type: ignore[arg-type]
    )
    assert by_rules.failure is None


TEXT = " ".join(
    [
        *("The weather in the valley was mild. Birds sang. Trees grew. Rain fell. Snow melted." for _ in range(3)),
        *(f"Revenue growth in year {n} was strong. Cash flow rose. One. Two. Three." for n in range(12)),
    ]
)


def test_chunks_as_given_are_the_first_with_two_query_words() -> None:
    settings = ReportSettings(stride_sentences=5)
    chunks = first_chunks((("MD&A", TEXT),), QUERIES, settings)
    assert [kept.chunk.id for kept in chunks] == [f"s01c{n:04d}" for n in range(4, 10)]
    assert first_chunks((("MD&A", "Revenue. Birds sang."),), QUERIES, settings) == []


def test_a_filing_as_given_needs_no_embedder_and_no_reranker() -> None:
    double = model()
    agents = context(double, without=frozenset({"retrieval"}), retrieval=None)
    view = FakeView(filings=(filing("10-K", text=TEXT),), as_of=AS_OF)
    report = asyncio.run(retrieve_report(agents, session=SESSION, view=view))  # type: ignore[arg-type]
    passages = report.forms[0].line["passages"]
    assert len(passages) == 6
    assert passages[0] == {"chunk_id": passages[0]["chunk_id"], "dense": None, "sparse": None, "hybrid": None, "probability": None}
    assert "Revenue growth" in prompts(double)[0]
