"""The nodes of the research half: what the market says. None of them sees the account."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tradinggroup.agents import absent
from tradinggroup.agents.forecasting import forecast
from tradinggroup.agents.news_sentiment import analyse_news
from tradinggroup.agents.reflection import experience_text, tell_lesson
from tradinggroup.agents.report_retrieval import retrieve_report
from tradinggroup.data.features import closes_passed, compute_features
from tradinggroup.desk.state import DeskState, Moment
from tradinggroup.errors import DataError, ErrorCode

if TYPE_CHECKING:
    from langgraph.runtime import Runtime


async def label_forecast(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Label the last forecast, once it is there, if its outcome became known by now."""
    if runtime.context.research_before is not None:
        # Shielded: where this session is cancelled, the one before need not be.
        await asyncio.shield(runtime.context.research_before)
    return {"forecast_outcome": runtime.context.memories.label_forecast(runtime.context)}


async def news_sentiment(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Score the session's news."""
    moment = runtime.context
    if "news_sentiment" in moment.agents.without:
        return {"news": absent.no_news()}
    return {"news": await analyse_news(moment.agents, session=moment.session, view=moment.news_view, after=moment.news_after)}


async def report_retrieval(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Summarise the newest filings."""
    moment = runtime.context
    if "report_retrieval" in moment.agents.without:
        return {"report": absent.no_report()}
    return {"report": await retrieve_report(moment.agents, session=moment.session, view=moment.report_view)}


async def features(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Compute the technical features from the closes known by now."""
    moment = runtime.context
    history = moment.view.closes(moment.symbol, closes_passed(moment.rules.forecasting))
    computed = compute_features(history.closes_usd, moment.rules.forecasting)
    if computed is None:
        raise DataError(ErrorCode.INTERNAL, "a decision inside the warm-up", symbol=moment.symbol, session=moment.session)
    return {"features": computed, "newest_price_known_at": history.newest_known_at}


async def forecasting(state: DeskState, runtime: Runtime[Moment]) -> DeskState:
    """Forecast the next session's move, with the experience of past forecasts in front."""
    moment = runtime.context
    if "forecasting" in moment.agents.without:
        return {"forecasting": absent.no_forecast(), "forecasting_lesson": None}
    lesson = await tell_lesson(
        moment.agents,
        moment.memories.forecasting_lesson(moment, today=state["features"]),
        session=moment.session,
        settings=moment.rules.reflection,
    )
    made = await forecast(
        moment.agents,
        session=moment.session,
        features=state["features"],
        news=state["news"],
        report=state["report"],
        experience=experience_text(lesson),
        lesson_id=lesson.lesson_id if lesson else None,
        experience_statistics=lesson.statistics if lesson else None,
    )
    moment.memories.keep_forecast(moment, features=state["features"], news=state["news"], forecasting=made)
    return {"forecasting": made, "forecasting_lesson": lesson}
