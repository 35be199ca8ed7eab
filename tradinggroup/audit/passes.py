"""The run once as it is, and its desk again over altered data on the same accounts and with the same answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from threading import Event

from tradinggroup.audit.honest_clock import honest_clock
from tradinggroup.audit.observed import EchoModel, NotingModel, Observed
from tradinggroup.audit.shadow import Alteration, ShadowBundle
from tradinggroup.backtest.desk_trader import DeskTrader
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.data.bundle import Bundle
from tradinggroup.desk.graph import DeskGraphs
from tradinggroup.desk.memories import SymbolMemories
from tradinggroup.desk.stages import Stages
from tradinggroup.desk.symbol_desk import DeskResult, SymbolDesk
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ChatModel
from tradinggroup.retrieval.kept_embedder import VectorSources
from tradinggroup.retrieval.ports import RetrievalParts
from tradinggroup.retrieval.registry import make_retrieval
from tradinggroup.risk.account import Account
from tradinggroup.runs.agents_job import make_stages, run_on_desk
from tradinggroup.runs.inputs import RunInputs
from tradinggroup.runs.window import decision_sessions


@dataclass(frozen=True, slots=True)
class Workshop:
    """What every pass of an audit works with."""

    inputs: RunInputs
    graphs: DeskGraphs
    loop: LoopThread
    sources: VectorSources

    def clock(self, session: date) -> datetime:
        """The moment up to which the decision of `session` may know anything."""
        return honest_clock(self.inputs.experiment, self.inputs.bundle.calendar, session)

    def retrieval(self, model: ChatModel) -> RetrievalParts:
        """Parts of a pass's own: nothing that one pass indexed is left for the next."""
        experiment = self.inputs.experiment
        return make_retrieval(experiment.retrieval, model=model, models=experiment.models, sources=self.sources).parts


@dataclass(frozen=True, slots=True)
class Reference:
    """One symbol of the run as it is."""

    symbol: str
    sessions: tuple[date, ...]
    accounts: Mapping[date, Account]
    observed: Mapping[date, Observed]
    heard: NotingModel
    rows: MemorySink


class _NotingDesk(SymbolDesk):
    """The run's own desk, keeping what each session was given and what came of it."""

    def note_into(self, model: NotingModel) -> None:
        """Keep the calls of `model` by session."""
        self._noting = model
        self.accounts: dict[date, Account] = {}
        self.observed: dict[date, Observed] = {}

    def remember_by(self, memories: SymbolMemories) -> None:
        """Use these memories, before the first session."""
        self._memories = memories

    def decide(self, session: date, account: Account) -> DeskResult:
        """Decide, and keep."""
        before = len(self._noting.requests)
        result = super().decide(session, account)
        self.accounts[session] = account
        self.observed[session] = Observed.of(session, result, tuple(self._noting.requests[before:]))
        return result


def run_reference(
    shop: Workshop, market: SymbolMarket, model: ChatModel, *, memories: Callable[[Stages], SymbolMemories] | None = None
) -> Reference:
    """Run one symbol as the run does, one session after the other; with other `memories` than the desk's own, if given.

    Raises what the run would raise.
    """
    inputs, noting, sink = shop.inputs, NotingModel(model), MemorySink()
    stages = make_stages(inputs, market.symbol, model=noting, retrieval=shop.retrieval(noting))
    sessions = decision_sessions(inputs, market)
    desk = _NotingDesk(
        inputs.bundle,
        sessions=sessions,
        stages=stages,
        graphs=shop.graphs,
        loop=shop.loop,
        derived_text=inputs.experiment.derived_text,
        is_running_ahead=False,
    )
    desk.note_into(noting)
    if memories is not None:
        desk.remember_by(memories(stages))
    trader = DeskTrader(desk, symbol=market.symbol, sink=sink, stop=Event())
    run_on_desk(inputs, market=market, trader=trader, stages=stages, sink=sink)
    return Reference(market.symbol, tuple(sessions), desk.accounts, desk.observed, noting, sink)


def run_shadow(shop: Workshop, reference: Reference, alteration: Alteration, sessions: Sequence[date] | None = None) -> Iterator[Observed]:
    """What the desk makes of the altered data, session by session, on the accounts and with the answers of the run.

    `sessions`: those that are decided, in order; all by default. A desk that fails says why, and goes on with the next session.
    """
    whole, decided = shop.inputs.bundle, sessions or reference.sessions
    shadow = ShadowBundle(whole, alteration, shop.clock(decided[0]))
    echo = EchoModel(reference.heard)
    desk = _shadow_desk(shop, reference, shadow, echo)
    for session in decided:
        if session in reference.accounts:
            shadow.set_clock(shop.clock(session))
            yield _decided(desk, echo, session, reference.accounts[session])


def _shadow_desk(shop: Workshop, reference: Reference, bundle: Bundle, model: ChatModel) -> SymbolDesk:
    inputs = replace(shop.inputs, bundle=bundle)
    return SymbolDesk(
        bundle,
        sessions=reference.sessions,
        stages=make_stages(inputs, reference.symbol, model=model, retrieval=shop.retrieval(model)),
        graphs=shop.graphs,
        loop=shop.loop,
        derived_text=inputs.experiment.derived_text,
        is_running_ahead=False,
    )


def _decided(desk: SymbolDesk, echo: EchoModel, session: date, account: Account) -> Observed:
    calls, moved = len(echo.requests), len(echo.moved)
    try:
        result = desk.decide(session, account)
    except Exception as problem:  # whatever code does that misses a later record is a finding
        text = (str(problem).strip().splitlines() or [""])[0]
        asked = tuple(echo.requests[calls:])
        return Observed(session, {}, (), (), asked, problem=f"{type(problem).__name__}: {text}".rstrip(": "))
    return Observed.of(session, result, tuple(echo.requests[calls:]), tuple(echo.moved[moved:]))
