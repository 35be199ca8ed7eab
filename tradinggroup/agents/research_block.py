"""What the market research says, as it stands in every prompt behind it: one wording for forecasting, style and decision."""

from __future__ import annotations

from datetime import date

from tradinggroup.agents import absent
from tradinggroup.agents.context import AgentContext
from tradinggroup.agents.outputs import NewsSentiment, ReportRetrieval
from tradinggroup.agents.timing import clock_text, session_text
from tradinggroup.agents.wording import features_text, news_text, report_text
from tradinggroup.data.features import Features


def research_values(
    context: AgentContext, *, session: date, features: Features, news: NewsSentiment, report: ReportRetrieval
) -> dict[str, str]:
    """The placeholders `session`, `clock`, `features`, `news_sentiment` and `report_retrieval`; a part that is off says so."""
    return {
        "session": session_text(context.clock, session),
        "clock": clock_text(context.clock, session),
        "features": features_text(features, context.settings.forecasting),
        "news_sentiment": absent.shown(context, "news_sentiment", news_text(news), otherwise=absent.NO_NEWS),
        "report_retrieval": absent.shown(
            context, "report_retrieval", report_text(report, context.clock.day(session)), otherwise=absent.NO_REPORT
        ),
    }
