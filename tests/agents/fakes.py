"""Stand-ins for the rooms below and above the agents."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from tests.conftest import REPOSITORY
from tests.doubles import FunctionModel
from tradinggroup.agents.card import load_cards
from tradinggroup.agents.context import AgentContext
from tradinggroup.agents.outputs import Forecasting, NewsSentiment, ReportRetrieval, StyleSelection
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.data.features import Features
from tradinggroup.data.records import Filing, Fundamentals, NewsItem
from tradinggroup.models.answers import Answer, Decision, Forecast, NewsScore, ReportSummary, StyleChoice
from tradinggroup.models.port import ChatModel, Failure, FailureKind, ModelRequest
from tradinggroup.project import Project
from tradinggroup.retrieval.registry import make_retrieval
from tradinggroup.risk.account import Account
from tradinggroup.risk.thresholds import Thresholds
from tradinggroup.settings import AgentSettings, ModelSettings, RetrievalSettings

SESSION = date(2023, 9, 19)
AS_OF = datetime(2023, 9, 19, 20, 0, tzinfo=UTC)
YESTERDAY = datetime(2023, 9, 18, 20, 0, tzinfo=UTC)
FAILURE = Failure(FailureKind.SCHEMA, "p_up is missing")

FEATURES = Features(
    return_1_fraction=0.004,
    return_5_fraction=0.01,
    return_20_fraction=0.03,
    rsi14=55.0,
    distance_to_high_fraction=-0.02,
    distance_to_low_fraction=0.05,
    distance_to_mean_fraction=0.01,
    distance_to_previous_high_fraction=-0.02,
    is_new_high=False,
    is_new_low=False,
    volatility_per_year_fraction=0.32,
    simplified_atr_fraction=0.02,
    breakout_threshold_fraction=0.01,
    sigma10_fraction=0.02,
    mean_absolute_return_fraction=0.015,
)
HELD = Account(cash_usd=50_123.25, shares=377, average_cost_usd=131.19, close_usd=137.83, peak_equity_usd=104_321.5)
FLAT = Account(cash_usd=98_765.25, shares=0, average_cost_usd=None, close_usd=137.83, peak_equity_usd=100_000.0)
LIMITS = Thresholds("balanced", 0.02, 2.0, 4.0, -0.04, 0.08)
NEWS = NewsSentiment(0.4, "positive", "Orders rose.", no_news=False, items_seen=3, items=(), failure=None, newest_known_at=YESTERDAY)
NO_REPORT = ReportRetrieval(())
FORECASTING = Forecasting(0.6, 0.2, 0.2, "up", "up", "soft", "Momentum.", None, None, None)
STYLE = StyleSelection("balanced", 0.6, "Nothing stands out.", None, None, None)


@dataclass
class FakeView:
    """A view over a few records. Asks are by clock, as in the real one."""

    items: tuple[NewsItem, ...] = ()
    filings: tuple[Filing, ...] = ()
    fundamentals: tuple[Fundamentals, ...] = ()
    as_of: datetime = AS_OF

    def news(self, symbol: str, after: datetime) -> tuple[NewsItem, ...]:
        return tuple(item for item in self.items if after < item.known_at <= self.as_of)

    def latest_filing(self, symbol: str, form: str, *, not_before: datetime) -> Filing | None:
        known = [filing for filing in self.filings if filing.form == form and not_before <= filing.known_at <= self.as_of]
        return known[-1] if known else None

    def latest_fundamentals(self, symbol: str, form: str) -> Fundamentals | None:
        known = [figures for figures in self.fundamentals if figures.form == form and figures.known_at <= self.as_of]
        return known[-1] if known else None


def item(number: int, title: str, summary: str = "", *, hours_before: float = 2) -> NewsItem:
    known_at = AS_OF - timedelta(hours=hours_before)
    return NewsItem(
        f"n{number}", "ACME", known_at, known_at, "second", title, "publisher" if title else "none", summary, "publisher", "Wire", "", "X"
    )


def filing(form: str = "10-K", *, known_at: datetime = datetime(2023, 2, 2, 22, tzinfo=UTC), text: str | None = None) -> Filing:
    body = text or "Revenue increased 12% to $ 3 billion on strong demand. We expect growth to continue. Litigation could harm our results."
    return Filing(f"{form}-{known_at.date()}", "ACME", form, "2022-12-31", known_at, (("MD&A", body),), "filer", "", "X")


def context(model: ChatModel, **changes: object) -> AgentContext:
    """The agents of ACME with the default cards."""
    made = AgentContext(
        symbol="ACME",
        settings=AgentSettings(),
        cards=load_cards(Project(REPOSITORY)),
        model=model,
        model_name="rules",
        retrieval=make_retrieval(RetrievalSettings(), model=model, models=ModelSettings()).parts,
        clock=DecisionClock(ExchangeCalendar(first=SESSION, last=SESSION)),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@dataclass
class Answers:
    """Usual answers by schema; `items` by the position of the news item."""

    by_schema: dict[type[Answer], Answer | Failure] = field(
        default_factory=lambda: {
            NewsScore: NewsScore(score=0.5, analysis="Good."),
            ReportSummary: ReportSummary(
                indicators=["revenue +12%"], guidance="growth", risks=["litigation"], opportunities=[], summary="Fine."
            ),
            Forecast: Forecast(p_up=0.6, p_down=0.2, p_sideways=0.2, reasoning="Momentum."),
            StyleChoice: StyleChoice(style="aggressive", confidence=0.8, reasoning="Calm."),
            Decision: Decision(action="buy", confidence=0.7, reasoning="Trend."),
        }
    )

    def __call__(self, request: ModelRequest) -> Answer | Failure:
        return self.by_schema[request.schema]


def model(**by_name: Answer | Failure) -> FunctionModel:
    """A double with the usual answers, those of the named schemas replaced."""
    answers = Answers()
    for schema in list(answers.by_schema):
        if schema.__name__ in by_name:
            answers.by_schema[schema] = by_name[schema.__name__]
    return FunctionModel(answers)


def prompts(double: FunctionModel) -> list[str]:
    """The user messages in the order of asking."""
    return [request.messages[1].content for request in double.requests]
