"""The gateway: the one model that agents ask. It reads recordings, asks live where it may, and keeps what was said.

A request that the run has answered before, or is answering now, gets that same answer whatever the mode, so that a run
stays a function of the content of its requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as with_changes
from typing import Literal, Protocol, runtime_checkable

from tradinggroup.errors import ErrorCode, ProviderError, TradinggroupError, UsageError, did_you_mean
from tradinggroup.models.budget import Budget
from tradinggroup.models.lookahead import lookahead_model
from tradinggroup.models.misses import recording_missing
from tradinggroup.models.port import THEN, ChatModel, FailureKind, ModelReply, ModelRequest, Usage
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import is_local
from tradinggroup.models.slots import CALL_RANK, Slots
from tradinggroup.models.unmetered import billed_texts, is_unmetered
from tradinggroup.settings import ModelSettings

CallsMode = Literal["record", "replay", "refresh"]
"""`record`: recordings first, else live; `replay`: recordings only; `refresh`: live, whatever the shared store holds."""


@dataclass(slots=True)
class AgentCalls:
    """What one agent asked. Tokens are those of the answers that were used, recorded ones included."""

    calls: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class CallStatistics:
    """What a run asked so far. None of it depends on the order in which answers came."""

    total: int
    recorded: int
    """Calls that needed no asking: read from a store, or equal to another call of the run."""
    live: int
    failed: int
    """Calls that ended in a typed failure, recorded failures included."""
    by_agent: Mapping[str, AgentCalls]
    models_returned: Mapping[str, tuple[str, ...]]
    """By model asked, every name (and fingerprint) that its server gave for what answered."""
    live_usage: Usage
    """Tokens of the live calls alone: what this execution spent."""
    live_unmetered: int
    """Live calls that were answered without a usable count of tokens."""


@runtime_checkable
class Prepared(Protocol):
    """A model that has something to find out before it is asked."""

    async def prepare(self, request: ModelRequest) -> None:
        """Find it out; raises as `answer` does."""
        ...


class Gateway:
    """A `ChatModel` over recordings and live models. Everything but `statistics` runs on one event loop."""

    def __init__(
        self,
        model_by_name: Mapping[str, ChatModel],
        run_store: RecordingStore,
        shared_store: RecordingStore | None = None,
        *,
        mode: CallsMode = "record",
        settings: ModelSettings,
        recorded_before: str = "",
        budget: Budget | None = None,
    ) -> None:
        """A read-only `run_store` is read and never written: then every call must be recorded there (`verify`).

        With a writable one, `replay` still computes `rules`, which need no server and are never shared. No server is asked for
        a session before `recorded_before` (ISO): the past of a fork.
        """
        self._model_by_name = model_by_name
        self._run_store = run_store
        self._shared_store = shared_store
        self._mode = mode
        self._settings = settings
        self._recorded_before = recorded_before
        self._budget = budget
        self._slots = Slots(settings.maximum_concurrent)
        self._in_flight: dict[str, asyncio.Task[ModelReply]] = {}
        self._outage: list[str] = []
        self._ended_by: TradinggroupError | None = None
        self._by_agent: dict[str, AgentCalls] = {}
        self._models_returned: dict[str, set[str]] = {}
        self._live = 0
        self._live_usage = Usage()
        self._live_unmetered = 0

    @property
    def statistics(self) -> CallStatistics:
        """The counts so far."""
        by_agent = {name: with_changes(self._by_agent[name]) for name in sorted(self._by_agent)}
        total = sum(agent.calls for agent in by_agent.values())
        return CallStatistics(
            total=total,
            recorded=total - self._live,
            live=self._live,
            failed=sum(agent.failed for agent in by_agent.values()),
            by_agent=by_agent,
            models_returned={name: tuple(sorted(self._models_returned[name])) for name in sorted(self._models_returned)},
            live_usage=self._live_usage,
            live_unmetered=self._live_unmetered,
        )

    async def answer(self, request: ModelRequest) -> ModelReply:
        """The recorded reply, else a live one that is then recorded.

        Raises DataError RECORDING_MISSING where only recordings may answer, ProviderError PROVIDER_FAILED after too many
        server faults in a row, BudgetError BUDGET_REACHED, UsageError LOOKAHEAD_MODEL for an answer from the web, and what the
        model itself raises to end the run.
        """
        reply = self._recorded(request)
        if reply is None:
            reply = await (self._compute(request) if is_local(request.model) else self._ask_once(request))
        self._run_store.put_call(request)
        self._count(request, reply)
        self._end_if_it_searched(request, reply)
        return reply

    async def aclose(self) -> None:
        """Close the models that hold connections, and put everything into the files."""
        for model in self._model_by_name.values():
            close = getattr(model, "aclose", None)
            if close is not None:
                await close()
        for store in (self._run_store, self._shared_store):
            if store is not None and not store.readonly:
                store.flush()

    def _recorded(self, request: ModelRequest) -> ModelReply | None:
        reply = self._run_store.get(request, skip_outage=self._mode != "replay")
        if reply is not None or self._shared_store is None or self._mode == "refresh" or is_local(request.model):
            return reply
        reply = self._shared_store.get(request, answers_only=True)
        if reply is not None and not self._run_store.readonly:
            self._run_store.put(request, reply, live=False)
        return reply

    async def _compute(self, request: ModelRequest) -> ModelReply:
        """A model of this process: nothing to wait for, nothing to share."""
        if self._mode == "replay" and self._run_store.readonly:
            raise self._missing(request)
        reply = await self._model(request.model).answer(request)
        self._keep_in_run(request, reply)
        return reply

    async def _ask_once(self, request: ModelRequest) -> ModelReply:
        """Identical requests share one live call; a waiter that is cancelled does not cancel it for the others."""
        task = self._in_flight.get(request.key)
        if task is not None:
            return await asyncio.shield(task)
        if self._mode == "replay" or request.session < self._recorded_before:
            raise self._missing(request)
        task = asyncio.create_task(self._ask(request))
        self._in_flight[request.key] = task
        task.add_done_callback(lambda done: self._landed(request.key, done))
        return await asyncio.shield(task)

    def _landed(self, key: str, task: asyncio.Task[ModelReply]) -> None:
        del self._in_flight[key]
        if not task.cancelled():
            # Looked at here, so that an error whose waiters are all gone is not reported as lost.
            task.exception()

    async def _ask(self, request: ModelRequest) -> ModelReply:
        model = self._model(request.model)
        async with self._slots.held((request.priority, request.session)):
            self._raise_if_ended()
            try:
                if isinstance(model, Prepared):
                    # Before anything is set aside: what is found out for all of them would wait for the room that they hold.
                    await model.prepare(request)
                reply = await self._paid(model, request)
            except TradinggroupError as error:
                self._ended_by = error
                raise
        self._keep_in_run(request, reply)
        if self._shared_store is not None and not self._shared_store.readonly and reply.answer is not None:
            self._shared_store.put(request, reply)
            self._shared_store.put_call(request)
        self._end_if_outage(request, reply)
        return reply

    def _raise_if_ended(self) -> None:
        if self._ended_by is not None:
            raise self._ended_by

    async def _paid(self, model: ChatModel, request: ModelRequest) -> ModelReply:
        """Ask, with the worst that it may cost set aside."""
        CALL_RANK.set((request.priority, request.session))
        if self._budget is None:
            return await model.answer(request)
        async with self._budget.reserved(request, check=self._raise_if_ended) as replies:
            replies.append(await model.answer(request))
        return replies[0]

    def _keep_in_run(self, request: ModelRequest, reply: ModelReply) -> None:
        self._live += 1
        self._live_usage += reply.usage
        if not is_local(request.model):
            self._live_unmetered += is_unmetered(reply.usage, billed_texts(reply.text, reply.failure, reply.tries))
        if not self._run_store.readonly:
            self._run_store.put(request, reply)

    def _end_if_outage(self, request: ModelRequest, reply: ModelReply) -> None:
        """Count server faults in a row. Too many end the run; they are marked, so that a resumed run asks them again."""
        if reply.failure is None or not reply.failure.kind.is_provider:
            self._outage.clear()
            return
        self._outage.append(request.key)
        if len(self._outage) < self._settings.provider_failures_in_a_row:
            return
        if not self._run_store.readonly:
            self._run_store.mark_outage(self._outage)
        self._ended_by = ProviderError(
            ErrorCode.PROVIDER_FAILED,
            f"the model server failed {len(self._outage)} calls in a row, the last with {reply.failure.kind} ({reply.failure.detail})",
            remedy="When it is well again, go on with: tradinggroup backtest --resume RUN.",
            model=request.model,
        )
        raise self._ended_by

    def _end_if_it_searched(self, request: ModelRequest, reply: ModelReply) -> None:
        """An answer from the web of today ends the run, now and when it is resumed; the run's store keeps it."""
        if reply.failure is None or reply.failure.kind is not FailureKind.WEB_SEARCH:
            return
        where = f"{request.agent} on {request.session}"
        self._ended_by = lookahead_model(f"{request.model} searched the web for {where} ({reply.failure.detail})")
        raise self._ended_by

    def _model(self, name: str) -> ChatModel:
        model = self._model_by_name.get(name)
        if model is None:
            raise UsageError(ErrorCode.MODEL_UNKNOWN, f"no model {name!r} in this run", remedy=did_you_mean(name, self._model_by_name))
        return model

    def _missing(self, request: ModelRequest) -> TradinggroupError:
        return recording_missing(request, [store for store in (self._run_store, self._shared_store) if store is not None])

    def _count(self, request: ModelRequest, reply: ModelReply) -> None:
        agent = self._by_agent.setdefault(request.agent, AgentCalls())
        agent.calls += 1
        agent.failed += reply.failure is not None
        agent.prompt_tokens += reply.usage.prompt_tokens
        agent.completion_tokens += reply.usage.completion_tokens
        if reply.model_returned:
            self._models_returned.setdefault(request.model, set()).update(reply.model_returned.split(THEN))
