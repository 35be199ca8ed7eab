"""Parts of the desk that a run is made without: what they hand on, and what prompts say in their place.

A part that is switched off must not read like one that found nothing: "no news" is evidence, "the news is not read" is none.
"""

from __future__ import annotations

from tradinggroup.agents.context import AgentContext
from tradinggroup.agents.outputs import Forecasting, NewsSentiment, ReportRetrieval, StyleSelection
from tradinggroup.settings import Without

OFF = "off"
"""The `gate` of a forecast that nobody made."""

NO_NEWS = "The news is not read in this run: nothing is known of it. That is neither quiet nor neutral news."
NO_REPORT = "Filings are not read in this run: nothing is known from them. That does not mean that there is nothing in them."
NO_FORECAST = "No forecast is made in this run. That is not a forecast of sideways."
NO_EXPERIENCE = "Past outcomes are not shown in this run."
NO_STYLE = "No style is chosen in this run; sizes and exits are always those of balanced."
NO_ACCOUNT = "- not shown in this run: a purchase may find no cash, and a sale no shares"
NO_PERFORMANCE = "not shown in this run"


def shown(context: AgentContext, part: Without, text: str, *, otherwise: str) -> str:
    """`text` where the run has `part`, else what a prompt says instead of it."""
    return otherwise if part in context.without else text


def no_news() -> NewsSentiment:
    """What stands for the news-sentiment agent: nothing known."""
    return NewsSentiment(0.0, "neutral", NO_NEWS, no_news=True, items_seen=0, items=(), failure=None, newest_known_at=None)


def no_report() -> ReportRetrieval:
    """What stands for the report-retrieval agent: nothing known."""
    return ReportRetrieval(())


def no_forecast() -> Forecasting:
    """What stands for the forecasting agent: even odds, which are no forecast and are not scored as one."""
    return Forecasting(
        p_up=1 / 3,
        p_down=1 / 3,
        p_sideways=1 / 3,
        argmax_label="sideways",
        gated_label="sideways",
        gate=OFF,
        reasoning=NO_FORECAST,
        experience=None,
        failure=None,
        newest_known_at=None,
    )


def no_style() -> StyleSelection:
    """What stands for the style-selection agent: balanced, always (spec 10)."""
    return StyleSelection("balanced", None, NO_STYLE, experience=None, failure=None, newest_known_at=None)
