"""What flows through the graph for one session of one symbol.

The state holds results only. What the nodes work with (the view, the agents' context, the lessons) is the `Moment`, handed to
the graph as its context, so that a node can't pass on what it should not.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal, TypedDict

from tradinggroup.agents.context import AgentContext
from tradinggroup.agents.outputs import DecisionOutput, Forecasting, NewsSentiment, ReportRetrieval, StyleSelection
from tradinggroup.data.features import Features
from tradinggroup.data.view import View
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.reflection.memory import Lesson
from tradinggroup.reflection.records import DecisionOutcome, ForecastOutcome
from tradinggroup.reflection.trade_terms import TradeTerms
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission, Slippage
from tradinggroup.risk.exits import ExitRules, exit_rules
from tradinggroup.risk.profile import RiskProfile
from tradinggroup.risk.sizing import Sizing
from tradinggroup.risk.thresholds import Thresholds
from tradinggroup.settings import Experiment, FillMode, ForecastSettings, ReflectionSettings

if TYPE_CHECKING:
    from tradinggroup.desk.memories import SymbolMemories


@dataclass(frozen=True, slots=True)
class TradingRules:
    """What every trading half of a run obeys: the risk profile, the costs, and which parts are switched off."""

    profile: RiskProfile
    commission: Commission
    slippage: Slippage
    fill: FillMode
    stop_mode: Literal["close", "intraday"]
    gap_buffer_fraction: float
    cash_rate_per_year: float
    forecasting: ForecastSettings
    reflection: ReflectionSettings
    has_risk: bool
    has_reflections: bool
    volume_cap_fraction: float = 0.0
    """Largest share of a bar's volume that purchases take together, and sales together; 0 for no cap."""
    shuffle_seed: int | None = None
    """Seed of the placebo of reflections; None where lessons are true."""

    @classmethod
    def of(cls, experiment: Experiment, profile: RiskProfile) -> TradingRules:
        """The rules of an experiment under a profile."""
        return cls(
            profile=profile,
            commission=Commission.of(experiment.costs),
            slippage=Slippage.of(experiment.costs),
            fill=experiment.fill,
            stop_mode=profile.stop_mode(experiment.stops),
            gap_buffer_fraction=experiment.gap_buffer_fraction,
            cash_rate_per_year=experiment.cash_rate_per_year,
            forecasting=experiment.agents.forecasting,
            reflection=experiment.reflection,
            has_risk="risk" not in experiment.without,
            has_reflections="reflections" not in experiment.without,
            volume_cap_fraction=experiment.execution.volume_cap_fraction,
            shuffle_seed=experiment.seed if "reflections" in experiment.placebo else None,
        )

    @property
    def terms(self) -> TradeTerms:
        """What every fill obeys, real or hypothetical."""
        return TradeTerms(
            profile=self.profile,
            commission=self.commission,
            slippage=self.slippage,
            fill=self.fill,
            gap_buffer_fraction=self.gap_buffer_fraction,
            cash_rate_per_year=self.cash_rate_per_year,
            volume_cap_fraction=self.volume_cap_fraction,
        )

    def exits(self, limits: Thresholds | None) -> ExitRules | None:
        """Stop and target inside the bar that a session's thresholds set; None where stops work at the close, or not at all."""
        return exit_rules(limits, self.profile) if limits is not None and self.stop_mode == "intraday" else None


@dataclass(frozen=True, slots=True)
class Moment:
    """One symbol at the decision of one session: the clock, and everything that may be asked at it."""

    symbol: str
    session: date
    view: View
    news_view: View
    """Where the session's news is read: `view`, or that of another past session in a run with placebo news."""
    news_after: datetime
    """News known after this moment and up to the clock of `news_view` belong to the session."""
    report_view: View
    """Where filings are read: `view`, or one that hides the newest filing of each form in a run with placebo filings."""
    window_start: date
    """First session whose outcomes may still teach a forecast or a decision."""
    style_window_start: date
    """First session whose outcomes count in the history of styles."""
    agents: AgentContext
    rules: TradingRules
    memories: SymbolMemories
    account: Account | None = None
    """The account at the close; None in the research half, which must not depend on it."""
    research_before: asyncio.Task[DeskState] | None = None
    """Research of the session before that may still be under way: its forecast comes before this session's."""

    @property
    def as_of(self) -> datetime:
        """The clock: the session's close, or a moment before the next open."""
        return self.view.as_of

    @property
    def closed_at(self) -> datetime:
        """The session's close, at which its bar, and with it the outcomes of earlier sessions, became known."""
        return self.view.calendar.close_at(self.session)

    def required_account(self) -> Account:
        """The account, for the trading half. Raises DataError in the research half."""
        if self.account is None:
            raise DataError(ErrorCode.INTERNAL, "the research half asked for the account", symbol=self.symbol, session=self.session)
        return self.account


class DeskState(TypedDict, total=False):
    """Keys are written once each, by the node of the same meaning; LangGraph drops a key that is not declared here."""

    forecast_outcome: ForecastOutcome | None
    news: NewsSentiment
    report: ReportRetrieval
    features: Features
    newest_price_known_at: datetime
    forecasting: Forecasting
    forecasting_lesson: Lesson | None

    decision_outcomes: tuple[DecisionOutcome, ...]
    style: StyleSelection
    style_lesson: Lesson | None
    thresholds: Thresholds | None
    """In force; None without the risk layer."""
    daily_thresholds: Thresholds | None
    """Of the session's style and deviation alone; they differ where the profile anchors stops elsewhere."""
    forced_exit: Sizing | None
    """What the risk layer sells by force, or goes on selling, without asking; None where the decision is free."""
    decision: DecisionOutput | None
    decision_lesson: Lesson | None
    sizing: Sizing
