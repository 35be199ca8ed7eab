"""One symbol's desk: walks the graph session by session and hands out decision lines, outcomes and lessons.

With `schedule = "serial"` the whole graph is invoked at each close. With `run_ahead` the research halves of a bounded number of
sessions are under way at the same time, and the trading half follows the backtest's clock. News and filings of a session wait for
nothing; its forecast waits for the one before, whose outcome may teach it. Both send the same bytes: whatever the research half
finds is only handed out when the trading half reaches its session.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from tradinggroup.data.bundle import Bundle
from tradinggroup.data.view import DerivedText
from tradinggroup.desk.graph import DeskGraphs
from tradinggroup.desk.lines import decision_line
from tradinggroup.desk.memories import SymbolMemories
from tradinggroup.desk.stages import Stages
from tradinggroup.desk.state import DeskState, Moment, TradingRules
from tradinggroup.models.loop import LoopThread
from tradinggroup.reflection.memory import Lesson
from tradinggroup.risk.account import Account

SESSIONS_AHEAD = 5
"""Sessions whose research is under way or waits for the trading half: enough to hide its latency, few enough to waste little on a stop."""


@dataclass(frozen=True, slots=True)
class DeskResult:
    """What one session of one symbol produced, in the order in which it is written."""

    line: dict[str, Any]
    outcomes: tuple[dict[str, Any], ...]
    lessons: tuple[Lesson, ...]
    """New lessons only; one that was known before is not repeated."""
    rules: TradingRules
    """Those that the session was decided under."""
    state: DeskState


class SymbolDesk:
    """The desk of one symbol over one window. `decide` is called from the symbol's own thread, in the order of sessions."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        sessions: Sequence[date],
        stages: Stages,
        graphs: DeskGraphs,
        loop: LoopThread,
        derived_text: DerivedText,
        is_running_ahead: bool,
    ) -> None:
        self._bundle = bundle
        self._sessions = tuple(sessions)
        self._places = {session: place for place, session in enumerate(self._sessions)}
        self._stages = stages
        self._graphs = graphs
        self._loop = loop
        self._derived_text = derived_text
        self._memories = SymbolMemories(stages)
        self._is_running_ahead = is_running_ahead
        self._research: dict[date, asyncio.Task[DeskState]] = {}
        self._started = 0
        self._newest: asyncio.Task[DeskState] | None = None

    def has_decision(self, session: date) -> bool:
        """Whether the desk decides at this session: not inside the warm-up."""
        return session in self._places

    def decide(self, session: date, account: Account) -> DeskResult:
        """Run the desk on the account at the close of `session`, with what its clock knows. Blocks until the models have answered."""
        return self._loop.run(self._decide(session, account))

    def close(self) -> None:
        """Stop research that is still running ahead."""
        if self._research:
            # Where the loop was closed or everything on it is being cancelled, the research is too.
            with contextlib.suppress(RuntimeError, CancelledError):
                self._loop.run(self._cancel())

    def moment(self, session: date, account: Account | None, *, after: asyncio.Task[DeskState] | None = None) -> Moment:
        """The clock of `session` and all that may be asked at it; `after` is research that its own forecast has to wait for."""
        stage, place = self._stages.at(session), self._places[session]
        clock = stage.agents.clock
        previous = self._sessions[place - 1] if place else self._bundle.calendar.previous_session(session)
        view = self._bundle.view(clock.as_of(session), derived_text=self._derived_text)
        news_view, news_after, report_view = view, clock.as_of(previous), view
        if stage.placebo is not None:
            news_view, news_after = stage.placebo.news(view, news_after)
            report_view = stage.placebo.reports(view)
        return Moment(
            symbol=self._stages.symbol,
            session=session,
            view=view,
            news_view=news_view,
            news_after=news_after,
            report_view=report_view,
            window_start=self._sessions[max(0, place - stage.rules.reflection.window_sessions)],
            style_window_start=self._sessions[max(0, place - stage.agents.settings.style_selection.history_sessions)],
            agents=stage.agents,
            rules=stage.rules,
            memories=self._memories,
            account=account,
            research_before=after,
        )

    async def _decide(self, session: date, account: Account) -> DeskResult:
        moment = self.moment(session, account)
        if self._is_running_ahead:
            research = await self._researched(session)
            state = await self._graphs.trading.ainvoke(research, context=moment)
        else:
            state = await self._graphs.whole.ainvoke({}, context=moment)
        return _result(moment, cast("DeskState", state))

    async def _researched(self, session: date) -> DeskState:
        self._start_through(self._places[session] + SESSIONS_AHEAD)
        # Shielded: a waiter that is cancelled must not cancel what later forecasts wait for.
        state = await asyncio.shield(self._research[session])
        del self._research[session]
        return state

    def _start_through(self, end: int) -> None:
        """Start the research of every session before place `end` that is not under way yet, in their order."""
        for session in self._sessions[self._started : end]:
            moment = self.moment(session, None, after=self._newest)
            self._newest = asyncio.create_task(self._ask_research(moment))
            # Looked at: the trading half may stop before it asks for this session, and its error is then nobody's.
            self._newest.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._research[session] = self._newest
        self._started = max(self._started, min(end, len(self._sessions)))

    async def _ask_research(self, moment: Moment) -> DeskState:
        return cast("DeskState", await self._graphs.research.ainvoke({}, context=moment))

    async def _cancel(self) -> None:
        for task in self._research.values():
            task.cancel()
        await asyncio.gather(*self._research.values(), return_exceptions=True)


def _result(moment: Moment, state: DeskState) -> DeskResult:
    outcomes = (state.get("forecast_outcome"), *state["decision_outcomes"])
    lessons = (state.get("forecasting_lesson"), state.get("style_lesson"), state.get("decision_lesson"))
    return DeskResult(
        line=decision_line(moment, state),
        outcomes=tuple(outcome.to_line() for outcome in outcomes if outcome is not None),
        lessons=tuple(lesson for lesson in lessons if lesson is not None and lesson.session == moment.session),
        rules=moment.rules,
        state=state,
    )
