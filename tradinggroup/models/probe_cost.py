"""What the probe of a run costs: set aside in its budget, and kept in its recordings beside the answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from tradinggroup.models.budget import Budget
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.unmetered import billed_texts, estimated_usage, is_unmetered


class ProbeCost:
    """Pays for the calls of a probe in the name of one run."""

    def __init__(self, store: RecordingStore, budget: Budget | None) -> None:
        """`store` is the run's own."""
        self._store = store
        self._budget = budget

    @asynccontextmanager
    async def paid(self, request: ModelRequest) -> AsyncIterator[list[ModelReply]]:
        """Around one call without a repair; put its reply into the list. Raises BudgetError BUDGET_REACHED."""
        async with AsyncExitStack() as stack:
            replies = [] if self._budget is None else await stack.enter_async_context(self._budget.reserved(request, turns=1))
            yield replies
            for reply in replies:
                self._keep(request, reply)

    def _keep(self, request: ModelRequest, reply: ModelReply) -> None:
        texts = billed_texts(reply.text, reply.failure, reply.tries)
        unmetered = is_unmetered(reply.usage, texts)
        usage = estimated_usage(request.messages, texts, reasoning=reply.reasoning) if unmetered else reply.usage
        if texts and not self._store.readonly:
            self._store.put_paid(request.model, usage, unmetered=unmetered)
