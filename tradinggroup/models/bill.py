"""What the answers of a run cost, from the tokens in its recordings and the prices that somebody stated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tradinggroup.models.port import Usage
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import RULES, is_local
from tradinggroup.models.registry_entries import Price

Prices = Mapping[str, Price | None]
"""By model; None where nobody stated one. A model of this process costs nothing and needs no entry."""

_USAGE = """
SELECT COALESCE(agent, ''), json_extract(request, '$.model'), live, SUM(prompt_tokens), SUM(completion_tokens)
FROM recordings LEFT JOIN (SELECT key, MIN(agent) AS agent FROM calls GROUP BY key) USING (key)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
_UNCOUNTED = """
SELECT key, (SELECT COALESCE(MIN(agent), '') FROM calls WHERE calls.key = recordings.key)
FROM recordings WHERE prompt_tokens = 0 AND json_extract(request, '$.model') != ? ORDER BY key
"""
_BESIDE = """
SELECT (SELECT COALESCE(MIN(agent), '') FROM calls WHERE calls.key = paid_beside.key), model, prompt_tokens, completion_tokens, unmetered
FROM paid_beside ORDER BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True, slots=True)
class AnswerUsage:
    """Tokens of the answers that one agent got of one model, each answer once however often it was used."""

    agent: str
    model: str
    is_paid: bool
    """Whether the run itself asked for them; else they came from the shared recordings."""
    usage: Usage
    unmetered: int = 0
    """How many of the answers came without a count; then `usage` is an estimate."""
    is_used: bool = True
    """False for what was paid for beside the run's answers: probes, and answers that an outage took."""


@dataclass(frozen=True, slots=True)
class Bill:
    """USD of a run's answers; None where a price is unknown, or a server counted no tokens."""

    cost_usd: float | None = 0.0
    """What all answers of the run cost when they were asked for, whoever paid."""
    spent_usd: float | None = 0.0
    """What the run itself paid, over all its executions: answers that were recorded before cost it nothing."""
    by_agent: Mapping[str, float | None] = field(default_factory=dict)
    """`cost_usd` by agent; an agent that is not there cost nothing, or nobody knows."""

    unmetered: int = 0
    """How many answers came without a usable count of tokens."""

    def of_agent(self, agent: str) -> float | None:
        """`cost_usd` of one agent."""
        return self.by_agent.get(agent, None if self.cost_usd is None else 0.0)


def usage_of(store: RecordingStore) -> list[AnswerUsage]:
    """The tokens of every answer in a run's store, and what was paid for beside them. Raises DataError RECORDING_INVALID."""
    counted = [
        AnswerUsage(agent, model, bool(live), Usage(prompt_tokens, completion_tokens))
        for agent, model, live, prompt_tokens, completion_tokens in store.rows(_USAGE)
    ]
    return [*counted, *_uncounted(store), *_beside(store)]


def _uncounted(store: RecordingStore) -> Iterator[AnswerUsage]:
    """The answers that came without a count, by their estimates."""
    for key, agent in store.rows(_UNCOUNTED, (RULES,)):
        model, usage, is_live, is_estimate = store.read_paid(key)
        if is_estimate:
            yield AnswerUsage(agent, model, is_live, usage, unmetered=1)


def _beside(store: RecordingStore) -> list[AnswerUsage]:
    if not store.has_table("paid_beside"):
        return []
    return [
        AnswerUsage(agent, model, is_paid=True, usage=Usage(prompt_tokens, completion_tokens), unmetered=unmetered, is_used=False)
        for agent, model, prompt_tokens, completion_tokens, unmetered in store.rows(_BESIDE)
    ]


def bill_of(usages: Iterable[AnswerUsage], prices: Prices) -> Bill:
    """The bill of these answers."""
    usages = list(usages)
    used = [each for each in usages if each.is_used]
    agents = sorted({each.agent for each in used})
    return Bill(
        cost_usd=_total(used, prices),
        spent_usd=_total([each for each in usages if each.is_paid], prices),
        by_agent={agent: _total([each for each in used if each.agent == agent], prices) for agent in agents},
        unmetered=sum(each.unmetered for each in usages),
    )


def charged_usd(usages: Iterable[AnswerUsage], prices: Prices) -> float:
    """What a budget takes the run to have paid: what the server did not count by its estimate. Every model needs a price."""
    return math.fsum(cost_usd(each.model, each.usage, prices) or 0.0 for each in usages if each.is_paid)


def cost_usd(model: str, usage: Usage, prices: Prices, *, unmetered: bool = False) -> float | None:
    """The price of these tokens; None, never zero, where nobody stated it or the server counted none (`unmetered`).

    Where tokens cost nothing, their number is no matter.
    """
    price = prices.get(model)
    if is_local(model) or (usage == Usage() and not unmetered):
        return 0.0
    if price is None or (unmetered and not price.is_free):
        return None
    return price.cost_usd(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)


def _total(usages: Iterable[AnswerUsage], prices: Prices) -> float | None:
    costs = [cost_usd(each.model, each.usage, prices, unmetered=each.unmetered > 0) for each in usages]
    known = [cost for cost in costs if cost is not None]
    return math.fsum(known) if len(known) == len(costs) else None
