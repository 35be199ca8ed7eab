import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.agents.fakes import AS_OF, FAILURE, SESSION, FakeView, context, filing, model, prompts
from tests.doubles import FunctionModel
from tradinggroup.agents.context import AgentContext
from tradinggroup.agents.outputs import ReportRetrieval
from tradinggroup.agents.report_retrieval import retrieve_report
from tradinggroup.agents.wording import NO_FIGURES, figures_text, report_text
from tradinggroup.data.records import Filing, Fundamentals
from tradinggroup.models.answers import ReportSummary
from tradinggroup.models.rules import RulesAnalyst

MAY = datetime(2023, 5, 3, 20, 30, tzinfo=UTC)
AUGUST = datetime(2023, 8, 2, 20, 30, tzinfo=UTC)
FIGURES = Fundamentals(
    "ACME",
    "10-Q",
    "2023-06-30",
    "2023Q2",
    AUGUST + timedelta(days=1),
    {
        "income_statement.revenues": 2e9,
        "income_statement.gross_profit": 9e8,
        "income_statement.basic_average_shares": 123456789.0,
        "income_statement.basic_earnings_per_share": 4.56,
        "balance_sheet.assets": 5.5e9,
    },
)


def retrieve(agents: AgentContext, *filings: Filing, as_of: datetime = AS_OF, figures: tuple[Fundamentals, ...] = ()) -> ReportRetrieval:
    view = FakeView(filings=filings, fundamentals=figures, as_of=as_of)
    return asyncio.run(retrieve_report(agents, session=as_of.date(), view=view))  # type: ignore[arg-type]


def test_no_filing_asks_nobody() -> None:
    double = model()
    found = retrieve(context(double), figures=(FIGURES,))
    assert double.requests == []
    assert found.to_line() == {"no_filing": True, "forms": {}}
    assert (found.newest_known_at, found.failure, report_text(found, SESSION)) == (None, None, "No filing is known.")


def test_both_forms_are_summarised_each_with_its_own_template() -> None:
    double = model()
    found = retrieve(context(double), filing("10-K"), filing("10-Q", known_at=MAY), filing("10-Q", known_at=AUGUST), figures=(FIGURES,))
    assert [(request.purpose, request.schema) for request in double.requests] == [("10-K", ReportSummary), ("10-Q", ReportSummary)]
    assert "annual report" in prompts(double)[0]
    assert "quarterly report (10-Q, period ended 214 days before it was filed)" in prompts(double)[1]
    line = found.to_line()
    assert list(line["forms"]) == ["10-K", "10-Q"]
    assert list(line["forms"]["10-Q"]) == [
        "filing_id", "period", "known_at", "indicators", "guidance", "risks", "opportunities", "summary", "passages", "failure",
    ]  # fmt: skip
    assert line["forms"]["10-Q"]["filing_id"] == "10-Q-2023-08-02"
    assert list(line["forms"]["10-Q"]["passages"][0]) == ["chunk_id", "dense", "sparse", "hybrid", "probability"]
    assert found.newest_known_at == FIGURES.known_at


def test_a_summary_is_made_once_a_filing() -> None:
    double = model()
    agents = context(double)
    annual, first, second = filing("10-K"), filing("10-Q", known_at=MAY), filing("10-Q", known_at=AUGUST)
    before = [retrieve(agents, annual, first, second, as_of=MAY + timedelta(days=days)) for days in range(3)]
    assert [request.purpose for request in double.requests] == ["10-K", "10-Q"]
    assert before[0].to_line() == before[2].to_line()
    after = retrieve(agents, annual, first, second, as_of=AUGUST)
    assert [request.purpose for request in double.requests] == ["10-K", "10-Q", "10-Q"]
    assert after.forms[0] is before[0].forms[0]


def test_late_figures_make_a_new_summary_so_that_it_depends_on_the_clock_alone() -> None:
    double = model()
    agents = context(double)
    without = retrieve(agents, filing("10-Q", known_at=AUGUST), as_of=AUGUST, figures=(FIGURES,))
    with_figures = retrieve(agents, filing("10-Q", known_at=AUGUST), figures=(FIGURES,))
    assert (without.newest_known_at, with_figures.newest_known_at) == (AUGUST, FIGURES.known_at)
    assert NO_FIGURES in prompts(double)[0]
    assert "revenues: 2,000.0 million USD" in prompts(double)[1]


def test_two_sessions_at_once_ask_once() -> None:
    double = FunctionModel(model().function, delay_seconds=lambda request: 0.001)
    agents = context(double)
    view = FakeView(filings=(filing("10-K"), filing("10-Q", known_at=MAY)))

    async def both() -> list[ReportRetrieval]:
        return await asyncio.gather(*(retrieve_report(agents, session=SESSION, view=view) for _ in range(3)))  # type: ignore[arg-type]

    found = asyncio.run(both())
    assert len(double.requests) == 2
    assert found[0] == found[1] == found[2]


def test_prompts_do_not_depend_on_the_session() -> None:
    first, second = model(), model()
    retrieve(context(first), filing("10-K"), as_of=MAY)
    retrieve(context(second), filing("10-K"), as_of=AS_OF)
    assert first.requests[0].key == second.requests[0].key


def test_an_old_filing_is_not_used() -> None:
    old = filing("10-K", known_at=AS_OF - timedelta(days=401))
    edge = filing("10-K", known_at=AS_OF - timedelta(days=400))
    assert retrieve(context(model()), old).no_filing
    assert not retrieve(context(model()), edge).no_filing


def test_a_failed_summary_is_flagged_and_kept_until_the_next_filing() -> None:
    double = model(ReportSummary=FAILURE)
    agents = context(double)
    found = retrieve(agents, filing("10-K"))
    assert retrieve(agents, filing("10-K")).failure == FAILURE
    assert len(double.requests) == 1
    assert found.summaries == ()
    form = found.to_line()["forms"]["10-K"]
    assert (form["failure"], form["summary"], form["indicators"]) == ({"kind": "schema", "detail": "p_up is missing"}, "", [])
    assert "10-K, filed 229 days ago, for a period that ended 262 days ago: it could not be summarised" in report_text(found, SESSION)


def test_figures_show_amounts_and_margins_but_nothing_per_share() -> None:
    text = figures_text(FIGURES)
    assert text.splitlines() == [
        "(period ended 34 days before it was filed)",
        "- revenues: 2,000.0 million USD",
        "- gross profit: 900.0 million USD",
        "- assets: 5,500.0 million USD",
        "- gross margin: +45.00 %",
    ]
    assert figures_text(None) == NO_FIGURES


def test_empty_filing_still_gives_a_summary() -> None:
    found = retrieve(context(RulesAnalyst()), filing("10-K", text=" "))
    assert found.to_line()["forms"]["10-K"]["passages"] == []
    assert found.failure is None


@pytest.mark.parametrize("as_of", [MAY - timedelta(seconds=1), MAY])
def test_a_filing_is_used_from_its_acceptance_on(as_of: datetime) -> None:
    assert retrieve(context(model()), filing("10-Q", known_at=MAY), as_of=as_of).no_filing is (as_of < MAY)
