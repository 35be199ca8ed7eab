"""What one symbol's desk remembers inside a run: open cases, labelled outcomes, lessons, and its equity path.

A run starts empty and never reads another run's lessons. Forecasts and decisions share nothing in here, since the research
half may run ahead of the trading half.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from tradinggroup.agents.outputs import Forecasting, NewsSentiment
from tradinggroup.data.features import Features
from tradinggroup.data.records import ActionKind
from tradinggroup.desk.stages import Stages
from tradinggroup.desk.state import DeskState, Moment, TradingRules
from tradinggroup.reflection.memory import Lesson, LessonMemory
from tradinggroup.reflection.outcomes import label_decision, label_forecast
from tradinggroup.reflection.records import DecisionCase, DecisionOutcome, ForecastCase, ForecastOutcome, NewsState
from tradinggroup.reflection.trade_terms import SessionAfter
from tradinggroup.risk.limits import PurchaseConditions
from tradinggroup.risk.sizing import Sizing
from tradinggroup.risk.watch import RiskWatch, watch_close
from tradinggroup.settings import ReflectionSettings


class SymbolMemories:
    """Memories of one symbol. Used from the one event loop only, so without locks."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages
        # Stages that learn alike have their memory in common, so that a lesson stays the one it was.
        self._memories = {_way_of_learning(rules): _lesson_memory(stages.symbol, rules) for rules in (stage.rules for stage in stages)}
        self._open_forecast: ForecastCase | None = None
        self._open_decisions: list[DecisionCase] = []
        self._equity: list[tuple[date, float]] = []
        self._watch: tuple[date, RiskWatch] | None = None

    # -- research half ---------------------------------------------------------------------------------------------

    def keep_forecast(self, moment: Moment, *, features: Features, news: NewsSentiment, forecasting: Forecasting) -> None:
        """Keep a forecast until its outcome is known."""
        self._open_forecast = ForecastCase(
            symbol=moment.symbol,
            session=moment.session,
            features=features,
            p_up=forecasting.p_up,
            p_down=forecasting.p_down,
            p_sideways=forecasting.p_sideways,
            argmax_label=forecasting.argmax_label,
            gated_label=forecasting.gated_label,
            news_score=news.known_score,
            news_state=_news_state(moment, news),
            is_fallback=forecasting.failure is not None,
        )

    def label_forecast(self, moment: Moment) -> ForecastOutcome | None:
        """Label the open forecast by the close-to-close return, which is known by now (spec 8.3)."""
        case, self._open_forecast = self._open_forecast, None
        if case is None:
            return None
        change = from_fill = None
        if _is_next_session(case.session, moment):
            before, after = moment.view.closes(moment.symbol, 2).closes_usd
            change = float(after / before - 1)
            bar = moment.view.bar(moment.symbol, moment.session)
            from_fill = bar.close_usd / bar.open_usd - 1 if bar else None
        outcome = label_forecast(
            case,
            outcome_session=moment.session,
            known_at=moment.closed_at,
            return_fraction=change,
            settings=self._stages.rules_at(case.session).reflection,
            fill_return_fraction=from_fill,
        )
        self._learn(outcome)
        return outcome

    def forecasting_lesson(self, moment: Moment, *, today: Features) -> Lesson | None:
        """What past forecasts teach by now; None where reflections are off or there is too little."""
        return self._experience("forecasting", moment, today)

    # -- trading half ----------------------------------------------------------------------------------------------

    def watch(self, moment: Moment, state: DeskState, *, style: str) -> RiskWatch:
        """The exits and the halt at this close under `style`, from those of the session before. Keeps nothing."""
        before, ratio = None, 1.0
        if self._watch is not None:
            session, before = self._watch
            ratio, _ = _actions_between(session, moment.session, moment)
        return watch_close(
            before,
            account=moment.required_account(),
            style=style,
            sigma10_fraction=state["features"].sigma10_fraction,
            profile=moment.rules.profile,
            split_ratio=ratio,
        )

    def keep_watch(self, moment: Moment, watch: RiskWatch) -> None:
        """Keep what the session's own style makes of it, for the session after."""
        self._watch = (moment.session, watch)

    def purchase_conditions(self, moment: Moment) -> PurchaseConditions:
        """What the limits of a purchase depend on beside the account. Asked after `keep_watch`."""
        assert self._watch is not None
        limits = moment.rules.profile.limits
        is_asked = limits.maximum_volume_fraction is not None
        volume = moment.view.mean_volume_shares(moment.symbol, limits.volume_window_sessions) if is_asked else None
        return self._watch[1].conditions(mean_volume_shares=volume)

    def keep_decision(self, moment: Moment, *, state: DeskState, sizing: Sizing, conditions: PurchaseConditions) -> None:
        """Keep a decision, with the account it was made on, until its outcome is known."""
        account = moment.required_account()
        made = state.get("decision")
        news = state["news"]
        case = DecisionCase(
            symbol=moment.symbol,
            session=moment.session,
            account=account,
            style=state["style"].style,
            action=made.action if made is not None and made.failure is None else None,
            executed_action=sizing.action,
            executed_shares=sizing.shares,
            forced=state["forced_exit"] is not None,
            features=state["features"],
            gated_label=state["forecasting"].gated_label,
            news_score=news.known_score,
            news_state=_news_state(moment, news),
            has_forecast="forecasting" not in moment.agents.without,
            has_style="style" not in moment.agents.without,
            conditions=conditions,
            exits=moment.rules.exits(state["thresholds"]),
        )
        self._open_decisions.append(case)

    def label_decisions(self, moment: Moment) -> tuple[DecisionOutcome, ...]:
        """Label the open decisions whose outcome is known by this close, under the run's own fill (spec 8.4, design 4.6)."""
        self._equity.append((moment.session, moment.required_account().equity_usd))
        due = [case for case in self._open_decisions if self._label_sessions(case, moment)[-1] <= moment.session]
        outcomes = tuple(self._labelled(case, moment) for case in due)
        self._open_decisions = self._open_decisions[len(due) :]
        for outcome in outcomes:
            self._learn(outcome)
        return outcomes

    def _label_sessions(self, case: DecisionCase, moment: Moment) -> list[date]:
        """The sessions that the label of a decision needs, from the next one on."""
        sessions = [case.session]
        for _ in range(moment.rules.terms.sessions_to_label):
            sessions.append(moment.view.calendar.next_session(sessions[-1]))
        return sessions[1:]

    def _labelled(self, case: DecisionCase, moment: Moment) -> DecisionOutcome:
        rules = self._stages.rules_at(case.session)
        return label_decision(
            case,
            self._sessions_after(case, moment),
            outcome_session=moment.session,
            known_at=moment.closed_at,
            terms=rules.terms,
            settings=rules.reflection,
        )

    def _sessions_after(self, case: DecisionCase, moment: Moment) -> list[SessionAfter] | None:
        """The sessions of a label as they came; None where the symbol had no bar on one: after a halt there is no fill to measure."""
        decided = {each.session: each for each in self._open_decisions}
        found, before = [], case.session
        for session in self._label_sessions(case, moment):
            bar = moment.view.bar(moment.symbol, session)
            if bar is None:
                return None
            ratio, dividend = _actions_between(before, session, moment)
            last = decided.get(before)  # None: the last session in the universe; its sale takes the place of whatever waited
            is_replaced = before > case.session and (last is None or last.executed_shares != 0)
            found.append(SessionAfter(bar, ratio, dividend, (last or case).exits, has_new_order=is_replaced))
            before = session
        return found

    def decision_lesson(self, moment: Moment, *, today: Features) -> Lesson | None:
        """What past decisions teach by now; None where reflections are off or there is too little."""
        return self._experience("decision", moment, today)

    def style_lesson(self, moment: Moment) -> Lesson | None:
        """How past styles did by now. Part of style selection itself, so `--without reflections` keeps it (spec 10)."""
        lessons = self._lessons(moment)
        return lessons.style_history(as_of=moment.as_of, session=moment.session, window_start=moment.style_window_start)

    def performance_text(self, moment: Moment) -> str:
        """The account's own history in one line, as fractions only."""
        account = moment.required_account()
        window = self._equity[-(moment.agents.settings.decision.history_sessions + 1) :]
        change = window[-1][1] / window[0][1] - 1
        return (
            f"equity {change:+.2%} over the last {len(window) - 1} sessions; "
            f"{account.drawdown_fraction:.2%} from its highest close; {len(self._equity)} sessions traded so far"
        )

    def _experience(self, agent: Literal["forecasting", "decision"], moment: Moment, today: Features) -> Lesson | None:
        if not moment.rules.has_reflections:
            return None
        lessons = self._lessons(moment)
        return lessons.experience(agent, as_of=moment.as_of, session=moment.session, window_start=moment.window_start, today=today)

    def _lessons(self, moment: Moment) -> LessonMemory:
        return self._memories[_way_of_learning(moment.rules)]

    def _learn(self, outcome: ForecastOutcome | DecisionOutcome) -> None:
        for memory in self._memories.values():
            memory.add(outcome)


def _way_of_learning(rules: TradingRules) -> tuple[ReflectionSettings, int | None]:
    return rules.reflection, rules.shuffle_seed


def _lesson_memory(symbol: str, rules: TradingRules) -> LessonMemory:
    return LessonMemory(symbol, rules.reflection, shuffle_seed=rules.shuffle_seed)


def _news_state(moment: Moment, news: NewsSentiment) -> NewsState:
    if "news_sentiment" in moment.agents.without:
        return "off"
    if news.failure is not None:
        return "failed"
    return "none" if news.no_news else "read"


def _is_next_session(session: date, moment: Moment) -> bool:
    """Whether the moment is the very next session: after a halt there is no fill price, so no label."""
    return moment.view.calendar.next_session(session) == moment.session


def _actions_between(after: date, through: date, moment: Moment) -> tuple[float, float]:
    """(split ratio, dividend a share in USD) with an ex-session after the one session and up to the other, no later than the moment's."""
    ratio, dividend = 1.0, 0.0
    for action in moment.view.actions(moment.symbol, after=after, through=through):
        if action.kind is ActionKind.SPLIT:
            ratio *= action.ratio or 1.0
        else:
            dividend += action.cash_usd or 0.0
    return ratio, dividend
