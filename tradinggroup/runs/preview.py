"""Looking before running: is an experiment ready, what would it ask, and what would a prompt say. Calls no model server."""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tradinggroup.agents.card import load_cards
from tradinggroup.agents.roles import ROLES
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.sink import Row, RowKind
from tradinggroup.coverage import check_against_bundle
from tradinggroup.errors import DataError, ErrorCode, TradinggroupError, UsageError, did_you_mean
from tradinggroup.experiment import ResolvedExperiment
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ChatModel, ModelReply, ModelRequest
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import check_model, is_local
from tradinggroup.models.registry_file import load_registry
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import Project
from tradinggroup.retrieval.chunk_store import ChunkStore
from tradinggroup.retrieval.kept_embedder import VectorSources
from tradinggroup.retrieval.ports import RetrievalParts
from tradinggroup.retrieval.registry import check_retrieval, make_retrieval
from tradinggroup.runs.agents_job import run_agents
from tradinggroup.runs.case import SWITCHES
from tradinggroup.runs.cutoffs import cutoff_text, cutoff_warnings, cutoffs_of
from tradinggroup.runs.inputs import RunInputs, cards_of, inputs_of_project, open_bundle, profile_of
from tradinggroup.runs.ledger.holdout import refuse_sealed, seal_of, unsealing_of
from tradinggroup.runs.progress import NoProgress
from tradinggroup.runs.window import decision_sessions, markets_of, window_warnings
from tradinggroup.settings import Experiment, RetrievalSettings

EXPERIENCE = "experience"
"""The placeholder of a card that lessons come in by."""


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that was looked at."""

    ok: bool
    what: str
    text: str
    warning: str = ""
    """What is usable, and probably not meant."""


def check_experiment(project: Project, resolved: ResolvedExperiment, *, unseal: str | None = None) -> list[CheckLine]:
    """Look at cards, risk profile, bundle, dates and models; every part is looked at, and one error is said once.

    `unseal` is the reason why sessions of a hold-out may be run.
    """
    experiment = resolved.experiment
    looks: list[tuple[str, Callable[[], str]]] = [
        ("cards", lambda: _cards_text(project)),
        ("risk profile", lambda: _profile_text(project, experiment.risk)),
        ("bundle", lambda: _bundle_text(project, resolved)),
        ("window", lambda: _window_text(project, resolved)),
        ("hold-out", lambda: _holdout_text(project, resolved, unseal)),
        ("model", lambda: _model_text(project, resolved)),
        ("cutoff", lambda: "; ".join(map(cutoff_text, _cutoffs(project, resolved)))),
        ("retrieval", lambda: _retrieval_text(resolved.experiment.retrieval)),
    ]
    lines: list[CheckLine] = []
    for what, look in looks:
        line = _looked(what, look)
        if what == "hold-out" and not line.text:
            continue
        if line.ok or line.text not in (earlier.text for earlier in lines):
            lines.append(line)
    warnings: dict[str, Callable[[], str]] = {
        "cards": lambda: "; ".join(filter(None, (_experience_warning(project, experiment), _clock_warning(project, experiment)))),
        "cutoff": lambda: "; ".join(cutoff_warnings(_cutoffs(project, resolved))),
    }
    return [replace(line, warning=warnings[line.what]()) if line.ok and line.what in warnings else line for line in lines]


@dataclass(frozen=True, slots=True)
class Preview:
    """What an agent would ask at one decision, in the order of purpose and position; without any, why not."""

    requests: list[ModelRequest]
    silence: str
    """Why nothing is asked; empty where something is."""


def render_prompts(project: Project, resolved: ResolvedExperiment, agent: str, session: date, symbol: str) -> list[ModelRequest]:
    """The requests of `preview_prompts`, which says what is raised."""
    return preview_prompts(project, resolved, agent, session, symbol).requests


def preview_prompts(project: Project, resolved: ResolvedExperiment, agent: str, session: date, symbol: str) -> Preview:
    """The requests that `agent` would make at `session` for `symbol`; of report-retrieval those behind the summaries in use.

    The run is walked up to the session in memory. Answers that other agents or earlier sessions need come from the project's
    recordings where they are there, else from the rule-based analyst. Raises UsageError or DataError for an unknown
    symbol or a session without a decision.
    """
    experiment = resolved.experiment
    if symbol not in experiment.symbols:
        raise UsageError(
            ErrorCode.SYMBOL_UNKNOWN, f"the experiment has no symbol {symbol}", remedy=did_you_mean(symbol.upper(), experiment.symbols)
        )
    refuse_sealed(project, experiment, session)
    if not experiment.start <= session <= experiment.end:
        raise UsageError(
            ErrorCode.DATES_OUTSIDE, f"session={session} is outside {experiment.start}..{experiment.end}", remedy="Name one inside."
        )
    _check_decides(inputs_of_project(project, replace(resolved, experiment=experiment.model_copy(update={"symbols": (symbol,)}))), session)
    shortened = experiment.model_copy(update={"symbols": (symbol,), "end": session})
    inputs = inputs_of_project(project, replace(resolved, experiment=shortened))
    markets = markets_of(inputs)
    model = _PreviewModel(project, wanted=(agent, session.isoformat()))
    with contextlib.closing(model), LoopThread() as loop, kept_retrieval(project, inputs, model) as parts:
        sink = MemorySink()
        run_agents(inputs, markets=markets, model=model, loop=loop, sink=sink, progress=NoProgress(), retrieval=parts)
    line = next(row for row in reversed(sink.rows[RowKind.DECISION]) if str(row["session"]) == session.isoformat())
    asked = model.wanted_requests
    if agent == "report_retrieval":  # a summary is made once per filing: what counts are the prompts behind those in use
        asked = [model.latest[form] for form in line[agent]["forms"] if form in model.latest]
    requests = sorted(asked, key=lambda request: (request.purpose, request.position))
    return Preview(requests, "" if requests else _silence(agent, line, experiment.without))


def _silence(agent: str, line: Row, without: Sequence[str]) -> str:
    """Why `agent` asks nothing at the decision `line`."""
    switch = SWITCHES.get(agent, agent)
    if switch in without:
        return f"it is switched off (--without {switch})"
    if agent == "news_sentiment":
        return "no news became known since the session before"
    if agent == "decision":
        return f"the risk layer decided, a forced exit ({line['risk']['reason_code']})"
    if agent == "reflection":
        return "its records are told by the template: none is there yet, or the model is rules"
    return "no filing is known that is young enough"


@contextlib.contextmanager
def kept_retrieval(project: Project, inputs: RunInputs, model: ChatModel) -> Iterator[RetrievalParts]:
    """The parts of retrieval. Vectors of a costly embedder come from the project's chunk store; no server is asked for more."""
    settings = inputs.experiment.retrieval
    store = ChunkStore(project.chunks_folder, embedder=settings.embedder)
    sources = VectorSources(chunk_store=store, mode="replay")
    parts = make_retrieval(settings, model=model, models=inputs.experiment.models, sources=sources).parts
    try:
        yield replace(parts, chunk_store=None)
    finally:
        store.close()


def _check_decides(inputs: RunInputs, session: date) -> None:
    """Raise DataError, with the nearest sessions, where the only symbol of `inputs` has no decision on `session`."""
    ((symbol, market),) = markets_of(inputs).items()
    sessions = decision_sessions(inputs, market)
    if session in sessions:
        return
    place = bisect_left(sessions, session)
    nearest = ", ".join(day.isoformat() for day in sessions[max(0, place - 1) : place + 1]) or "none in the window"
    raise DataError(
        ErrorCode.DECISION_NOT_FOUND,
        "no decision is made on that session",
        session=session,
        symbol=symbol,
        remedy=f"It is no exchange session, the symbol has no bar, or it lies in the warm-up. Nearest: {nearest}.",
    )


class _PreviewModel:
    """Answers from the project's recordings, else by rules, and keeps the requests that are wanted."""

    def __init__(self, project: Project, *, wanted: tuple[str, str]) -> None:
        self._rules: ChatModel = RulesAnalyst()
        self._store = RecordingStore.open(project.shared_recordings, readonly=True) if project.shared_recordings.is_file() else None
        self._wanted = wanted
        self.wanted_requests: list[ModelRequest] = []
        self.latest: dict[str, ModelRequest] = {}
        """Purpose -> the latest request of the wanted agent, up to the wanted session."""

    def close(self) -> None:
        """Close the recordings."""
        if self._store is not None:
            self._store.close()

    async def answer(self, request: ModelRequest) -> ModelReply:
        """A recorded answer, else that of the rule-based analyst."""
        agent, session = self._wanted
        if (request.agent, request.session) == self._wanted:
            self.wanted_requests.append(request)
        if request.agent == agent and request.session <= session:
            self.latest[request.purpose] = request
        recorded = self._store.get(request, answers_only=True) if self._store is not None else None
        return recorded or await self._rules.answer(request)


def _looked(what: str, look: Callable[[], str]) -> CheckLine:
    try:
        return CheckLine(True, what, look())
    except TradinggroupError as error:
        return CheckLine(False, what, str(error))


def _cards_text(project: Project) -> str:
    return f"{len(load_cards(project))} read, placeholders and schemas known"


def _clock_warning(project: Project, experiment: Experiment) -> str:
    """Cards that name the day of a prompt and not its time: they may say one that is not the run's."""
    if experiment.decide == "after_close":
        return ""
    fixed = [
        f"agents/{card.agent}.md"
        for card in load_cards(project).values()
        if any("session" in template.placeholders and "clock" not in template.placeholders for template in card.templates.values())
    ]
    return f"no {{clock}} in {', '.join(fixed)}: decisions are made {experiment.decide}, and what the card says may differ" if fixed else ""


def _experience_warning(project: Project, experiment: Experiment) -> str:
    """Cards that would show no lesson: their role offers `{experience}`, which no template of theirs has."""
    offered = [card for card in load_cards(project).values() if any(EXPERIENCE in known for known in ROLES[card.agent].templates.values())]
    silent = [
        f"agents/{card.agent}.md"
        for card in offered
        if not any(EXPERIENCE in template.placeholders for template in card.templates.values())
        and SWITCHES.get(card.agent, card.agent) not in experiment.without
    ]
    if not silent or "reflections" in experiment.without:
        return ""
    return f"no {{{EXPERIENCE}}} in {', '.join(silent)}: what past outcomes teach is not shown there"


def _profile_text(project: Project, name: str) -> str:
    profile_of(project, name)
    return f"{name}, limits and styles valid"


def _window_text(project: Project, resolved: ResolvedExperiment) -> str:
    inputs = inputs_of_project(project, resolved)
    markets = markets_of(inputs)
    sessions = next(iter(markets.values())).sessions
    return "; ".join([f"{len(sessions)} sessions, {sessions[0]}..{sessions[-1]}", *window_warnings(inputs, markets)])


def _bundle_text(project: Project, resolved: ResolvedExperiment) -> str:
    bundle = open_bundle(project, resolved.experiment.bundle)
    check_against_bundle(resolved.experiment, bundle)
    unsafe = ", levels know of later splits and dividends: prompts show fractions only" if bundle.levels_unsafe else ""
    return f"{bundle.name}@{bundle.id} {bundle.first_session}..{bundle.last_session}, {bundle.basis}{unsafe}"


def _model_text(project: Project, resolved: ResolvedExperiment) -> str:
    registry, names = load_registry(project), set()
    for card in cards_of(project, resolved.experiment).values():
        names.add(card.model or resolved.experiment.model)
        check_model(card.model or resolved.experiment.model, registry, parameters=card.more_parameters)
    return ", ".join(f"{name} (no LLM)" if is_local(name) else name for name in sorted(names))


def _cutoffs(project: Project, resolved: ResolvedExperiment) -> list[dict[str, Any]]:
    """What is known of the training cutoff of each model, by name. Raises what is wrong with a model as the look at models does."""
    _model_text(project, resolved)
    inputs = inputs_of_project(project, resolved)
    found = cutoffs_of(inputs, next(iter(markets_of(inputs).values())).sessions)
    by_model = {cutoff["model"]: cutoff for cutoff in found.values()}
    return [by_model[name] for name in sorted(by_model)]


def _holdout_text(project: Project, resolved: ResolvedExperiment, unseal: str | None) -> str:
    """What is held out; empty where nothing is. Raises UsageError HOLDOUT_SEALED for a window that reaches it."""
    seal = seal_of(project, resolved.experiment)
    if seal is None and unseal is None:
        return ""
    sessions = next(iter(markets_of(inputs_of_project(project, resolved)).values())).sessions
    unsealing = unsealing_of(project, resolved.experiment, sessions, unseal)
    if unsealing is not None:
        return f"from {unsealing.seal.start} on, unsealed: {unsealing.reason}"
    return f"from {seal.start} on ({seal.origin}); the window ends on {sessions[-1]}" if seal is not None else ""


def _retrieval_text(settings: RetrievalSettings) -> str:
    check_retrieval(settings)
    return f"embedder {settings.embedder}, sparse encoder {settings.sparse_encoder}, reranker {settings.reranker}"
