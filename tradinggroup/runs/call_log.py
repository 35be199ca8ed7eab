"""The model calls of a run from its recordings: found by place, text, failure or key, with every attempt and its price. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tradinggroup.errors import DataError, ErrorCode, UsageError, did_you_mean
from tradinggroup.models.port import Attempt
from tradinggroup.models.recording_rows import CallRecord
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.runs.case import AGENTS
from tradinggroup.runs.creation import MODELS
from tradinggroup.runs.folder import RunFolder

ASKED_AGENTS = (*AGENTS, "reflection")
KEY_PREFIX = "sha256:"
SHORTEST_KEY = 6
"""Characters of a key that name a recording."""
SHOWN_KEY = 8
"""Characters of a key that a page shows: collisions within a run are not to be expected."""


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One call, every attempt at it, and what its tokens cost."""

    call: CallRecord
    tries: tuple[Attempt, ...]
    """One or more; the last is the answer or the failure."""
    cost_usd: float | None
    """None where nobody stated a price when the run began."""

    @property
    def short_key(self) -> str:
        """The first characters of the key, enough to name it."""
        return self.call.key.removeprefix(KEY_PREFIX)[:SHOWN_KEY]

    @property
    def repairs(self) -> int:
        """Attempts that showed the model what was wrong with the one before."""
        return sum(attempt.failure is not None and attempt.failure.kind.is_repairable for attempt in self.tries[:-1])

    def to_plain(self) -> dict[str, Any]:
        """Everything by name, for JSON."""
        call = self.call
        return {
            **{key: getattr(call, key) for key in ("session", "symbol", "agent", "purpose", "position", "key", "recorded")},
            "model": call.request["model"],
            "model_returned": call.model_returned,
            "parameters": call.request["parameters"],
            "schema": call.request["schema"],
            "seed_index": call.request["seed_index"],
            "messages": [{"role": message.role, "content": message.content} for message in call.messages],
            "reasoning": call.reasoning,
            "text": call.text,
            "answer": call.answer,
            "failure": _plain_failure(self.tries[-1]),
            "attempts": [{"text": each.text, "rung": each.rung, "failure": _plain_failure(each)} for each in self.tries],
            "repairs": self.repairs,
            "rung": call.rung,
            "prompt_tokens": call.usage.prompt_tokens,
            "completion_tokens": call.usage.completion_tokens,
            "cost_usd": self.cost_usd,
        }


def logged_calls(
    run: RunFolder,
    *,
    session: str | None = None,
    symbol: str | None = None,
    agent: str | None = None,
    text: str | None = None,
    failed: bool = False,
    key: str | None = None,
) -> list[LoggedCall]:
    """The calls that match, ordered by session, symbol, agent, purpose and position.

    Args:
        run: the run.
        session: only of this session (ISO).
        symbol: only of this symbol.
        agent: only of this agent, `reflection` included.
        text: only where this stands in the prompt, the answer or the reasoning, whatever its case.
        failed: only those that gave no usable answer.
        key: only those whose key begins so.

    Raises:
        UsageError: for an agent that does not exist.
        DataError: RECORDING_INVALID for a missing, damaged or changed store; RECORDING_MISSING where no call has the key.
    """
    if agent is not None and agent not in ASKED_AGENTS:
        raise UsageError(ErrorCode.USAGE, f"no agent {agent}", remedy=did_you_mean(agent, ASKED_AGENTS))
    prices = _Prices(run)
    with RecordingStore.open(run.recordings, readonly=True) as store:
        found = [call for call in store.read_calls(session=session, symbol=symbol, agent=agent) if not failed or call.failure is not None]
        if text:
            found = [call for call in found if _has_text(call, text.casefold())]
        if key is not None:
            found = _with_key(run, found, key)
        return [LoggedCall(call, _tries(store, call), prices.cost_usd(call, _tries(store, call))) for call in found]


def _has_text(call: CallRecord, wanted: str) -> bool:
    return any(wanted in each.casefold() for each in (*(message.content for message in call.messages), call.text, call.reasoning))


def _with_key(run: RunFolder, calls: list[CallRecord], key: str) -> list[CallRecord]:
    prefix = key.removeprefix(KEY_PREFIX)
    found = [call for call in calls if call.key.removeprefix(KEY_PREFIX).startswith(prefix)] if len(prefix) >= SHORTEST_KEY else []
    if not found:
        remedy = f"Give at least {SHORTEST_KEY} characters of a key that `tradinggroup logs {run.run_id}` lists."
        raise DataError(ErrorCode.RECORDING_MISSING, f"run {run.run_id} has no such call, key={key}", remedy=remedy)
    return found


def _tries(store: RecordingStore, call: CallRecord) -> tuple[Attempt, ...]:
    """The attempts that were kept one by one; else the only one."""
    return store.read_attempts(call.key) or (Attempt(call.text, call.failure, call.rung),)


def _plain_failure(attempt: Attempt) -> dict[str, str] | None:
    return None if attempt.failure is None else {"kind": str(attempt.failure.kind), "detail": attempt.failure.detail}


class _Prices:
    """What the run kept of the registry's prices; read when the first model behind a server is met."""

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._known: dict[str, Any] = {}

    def cost_usd(self, call: CallRecord, tries: tuple[Attempt, ...]) -> float | None:
        from tradinggroup.models.bill import cost_usd
        from tradinggroup.models.unmetered import billed_texts, is_unmetered

        model = str(call.request["model"])
        if model not in self._known:
            self._known[model] = self._price_of(model)
        unmetered = is_unmetered(call.usage, billed_texts(call.text, call.failure, tries))
        return cost_usd(model, call.usage, self._known, unmetered=unmetered)

    def _price_of(self, model: str) -> Any:
        from tradinggroup.models.registry_file import registry_from_text

        if not (self._run.path / MODELS).is_file():
            return None
        entry = registry_from_text(self._run.read_text(MODELS), name=f"{self._run.name}/{MODELS}").entry_of(model)
        return entry.price if entry is not None else None
