"""One symbol's desk: walks the graph session by session and hands out decision lines, outcomes and lessons.

With `schedule = "serial"` the whole graph is invoked at each close. With `run_ahead` a task of this desk invokes the research
half early, a bounded number of sessions ahead, and the trading half follows the backtest's clock. Both send the same bytes:
whatever the research half finds is only handed out when the trading half reaches its session.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from tradinggroup.agents.context import AgentContext
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.view import DerivedText
from tradinggroup.desk.graph import DeskGraphs
from tradinggroup.desk.lines import decision_line
from tradinggroup.desk.memories import SymbolMemories
from tradinggroup.desk.placebo import PlaceboViews
from tradinggroup.desk.state import DeskState, Moment, TradingRules
from tradinggroup.models.loop import LoopThread
from tradinggroup.reflection.memory import Lesson
from tradinggroup.risk.account import Account

SESSIONS_AHEAD = 5
"""How far research may run ahead of the trading half: enough to hide its latency, little enough to waste nothing on a stop."""


@dataclass(frozen=True, slots=True)
class DeskResult:
    """What one session of one symbol produced, in the order in which it is written."""

    line: dict[str, Any]
    outcomes: tuple[dict[str, Any], ...]
    lessons: tuple[Lesson, ...]
    """New lessons only; one that was known before is not repeated."""
    state: DeskState


class SymbolDesk:
    """The desk of one symbol over one window. `decide` is called from the symbol's own thread, in the order of sessions."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        sessions: Sequence[date],
        agents: AgentContext,
        rules: TradingRules,
        graphs: DeskGraphs,
        loop: LoopThread,
        derived_text: DerivedText,
        is_running_ahead: bool,
        placebo: PlaceboViews | None = None,
    ) -> None:
        self._bundle = bundle
        self._sessions = tuple(sessions)
        self._places = {session: place for place, session in enumerate(self._sessions)}
        self._agents = agents
        self._rules = rules
        self._graphs = graphs
        self._loop = loop
        self._derived_text = derived_text
        self._memories = SymbolMemories(agents.symbol, rules)
        self._is_running_ahead = is_running_ahead
        self._placebo = placebo
        self._research: dict[date, asyncio.Future[DeskState]] = {}
        self._room: asyncio.Semaphore | None = None
        self._task: asyncio.Task[None] | None = None

    def has_decision(self, session: date) -> bool:
        """Whether the desk decides at this session: not inside the warm-up."""
        return session in self._places

    def decide(self, session: date, account: Account) -> DeskResult:
        """Run the desk at the close of `session`. Blocks until the models have answered."""
        return self._loop.run(self._decide(session, account))

    def close(self) -> None:
        """Stop research that is still running ahead."""
        if self._task is not None:
            # Where the loop was closed or everything on it is being cancelled, the task is too.
            with contextlib.suppress(RuntimeError, CancelledError):
                self._loop.run(self._cancel())

    def moment(self, session: date, account: Account | None) -> Moment:
        """The clock of `session` and all that may be asked at it."""
        calendar, place = self._bundle.calendar, self._places[session]
        previous = self._sessions[place - 1] if place else calendar.previous_session(session)
        view = self._bundle.view(calendar.close_at(session), derived_text=self._derived_text)
        news_view, news_after, report_view = view, calendar.close_at(previous), view
        if self._placebo is not None:
            news_view, news_after = self._placebo.news(view, news_after)
            report_view = self._placebo.reports(view)
        return Moment(
            symbol=self._agents.symbol,
            session=session,
            view=view,
            news_view=news_view,
            news_after=news_after,
            report_view=report_view,
            window_start=self._sessions[max(0, place - self._rules.reflection.window_sessions)],
            style_window_start=self._sessions[max(0, place - self._agents.settings.style_selection.history_sessions)],
            agents=self._agents,
            rules=self._rules,
            memories=self._memories,
            account=account,
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
        if self._task is None:
            self._room = asyncio.Semaphore(SESSIONS_AHEAD)
            loop = asyncio.get_running_loop()
            self._research = {each: loop.create_future() for each in self._sessions}
            self._task = asyncio.create_task(self._run_ahead())
        # Shielded: a waiter that is cancelled must not cancel what the research still has to report to.
        state = await asyncio.shield(self._research[session])
        del self._research[session]
        assert self._room is not None
        self._room.release()
        return state

    async def _run_ahead(self) -> None:
        """Research session after session; a failure belongs to the session it happened in, and ends the task."""
        assert self._room is not None
        for session, future in list(self._research.items()):
            await self._room.acquire()
            try:
                state = await self._graphs.research.ainvoke({}, context=self.moment(session, None))
                future.set_result(cast("DeskState", state))
            except BaseException as error:
                # Whoever waits for this session must hear of it, whatever it is; nobody may be left waiting.
                future.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
                future.exception()  # seen: the trading half may stop before it asks for this session
                if not isinstance(error, Exception):
                    raise
                return

    async def _cancel(self) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


def _result(moment: Moment, state: DeskState) -> DeskResult:
    outcomes = (state.get("forecast_outcome"), state.get("decision_outcome"))
    lessons = (state.get("forecasting_lesson"), state.get("style_lesson"), state.get("decision_lesson"))
    return DeskResult(
        line=decision_line(moment, state),
        outcomes=tuple(outcome.to_line() for outcome in outcomes if outcome is not None),
        lessons=tuple(lesson for lesson in lessons if lesson is not None and lesson.session == moment.session),
        state=state,
    )
