"""What the answers of a run cost, from the tokens in its recordings and the prices that somebody stated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tradinggroup.models.port import Usage
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import is_local
from tradinggroup.models.registry_entries import Price

Prices = Mapping[str, Price | None]
"""By model; None where nobody stated one. A model of this process costs nothing and needs no entry."""

_USAGE = """
SELECT COALESCE(agent, ''), json_extract(request, '$.model'), live, SUM(prompt_tokens), SUM(completion_tokens)
FROM recordings LEFT JOIN (SELECT key, MIN(agent) AS agent FROM calls GROUP BY key) USING (key)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class AnswerUsage:
    """Tokens of the answers that one agent got of one model, each answer once however often it was used."""

    agent: str
    model: str
    is_paid: bool
    """Whether the run itself asked for them; else they came from the shared recordings."""
    usage: Usage


@dataclass(frozen=True, slots=True)
class Bill:
    """USD of a run's answers; None where a price is unknown."""

    cost_usd: float | None = 0.0
    """What all answers of the run cost when they were asked for, whoever paid."""
    spent_usd: float | None = 0.0
    """What the run itself paid, over all its executions: answers that were recorded before cost it nothing."""
    by_agent: Mapping[str, float | None] = field(default_factory=dict)
    """`cost_usd` by agent; an agent that is not there cost nothing, or nobody knows."""

    def of_agent(self, agent: str) -> float | None:
        """`cost_usd` of one agent."""
        return self.by_agent.get(agent, None if self.cost_usd is None else 0.0)


def usage_of(store: RecordingStore) -> list[AnswerUsage]:
    """The tokens of every answer in a run's store. Raises DataError RECORDING_INVALID."""
    return [
        AnswerUsage(agent, model, bool(live), Usage(prompt_tokens, completion_tokens))
        for agent, model, live, prompt_tokens, completion_tokens in store.rows(_USAGE)
    ]


def bill_of(usages: Iterable[AnswerUsage], prices: Prices) -> Bill:
    """The bill of these answers."""
    usages = list(usages)
    agents = sorted({each.agent for each in usages})
    return Bill(
        cost_usd=_total(usages, prices),
        spent_usd=_total([each for each in usages if each.is_paid], prices),
        by_agent={agent: _total([each for each in usages if each.agent == agent], prices) for agent in agents},
    )


def cost_usd(model: str, usage: Usage, prices: Prices) -> float | None:
    """The price of these tokens; None, never zero, where nobody stated it."""
    price = prices.get(model)
    if is_local(model) or usage == Usage():
        return 0.0
    return price.cost_usd(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens) if price is not None else None


def _total(usages: Iterable[AnswerUsage], prices: Prices) -> float | None:
    costs = [cost_usd(each.model, each.usage, prices) for each in usages]
    known = [cost for cost in costs if cost is not None]
    return math.fsum(known) if len(known) == len(costs) else None
