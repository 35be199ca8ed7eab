"""What a run may spend and what it has spent, from its settings, its recordings and the registry's prices."""

from __future__ import annotations

from pathlib import Path

from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.models.bill import Bill, Prices, bill_of, usage_of
from tradinggroup.models.budget import Budget
from tradinggroup.models.gateway import CallsMode
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import is_local
from tradinggroup.retrieval.registry import is_served
from tradinggroup.runs.inputs import RunInputs

UNKNOWN = Bill(None, None)


def prices_of(inputs: RunInputs) -> Prices:
    """The price of each model behind a server that the run asks; None where nobody stated one."""
    found = {}
    for name, registry in sorted(inputs.all_models.items()):
        entry = registry.entry_of(name)
        if not is_local(name):
            found[name] = entry.price if entry is not None else None
    return found


def check_prices(inputs: RunInputs, calls: CallsMode) -> None:
    """Raise UsageError PRICE_UNKNOWN where a budget is set and somebody would be asked whose price nobody stated."""
    experiment = inputs.experiment
    if not experiment.max_cost_usd or not experiment.agents_enabled or calls == "replay":
        return
    embedder = experiment.retrieval.embedder
    unknown = [name for name, price in prices_of(inputs).items() if price is None] + ([embedder] if is_served(embedder) else [])
    if unknown:
        raise UsageError(
            ErrorCode.PRICE_UNKNOWN,
            f"max_cost_usd={experiment.max_cost_usd:g} cannot be kept: nobody stated a price of {', '.join(unknown)}",
            remedy="Give the model a price in models.toml (0 for a server of your own), or leave the budget out; embeddings have none.",
        )


def budget_of(inputs: RunInputs, run_store: RecordingStore) -> Budget | None:
    """What the run may still spend; what its own recordings cost counts, so a resumed run goes on where it stopped."""
    limit_usd = inputs.experiment.max_cost_usd
    if not limit_usd or run_store.readonly:
        return None
    prices = prices_of(inputs)
    return Budget(limit_usd, prices, spent_usd=bill_of(usage_of(run_store), prices).spent_usd or 0.0)


def kept_bill(inputs: RunInputs, recordings: Path) -> Bill:
    """The bill of the answers in a run's recordings; unknown where they cannot be read, or texts were embedded for a price."""
    prices = prices_of(inputs)
    if not inputs.experiment.agents_enabled or not (prices or is_served(inputs.experiment.retrieval.embedder)):
        return Bill()
    if is_served(inputs.experiment.retrieval.embedder):
        return UNKNOWN
    try:
        with RecordingStore.open(recordings, readonly=True) as store:
            return bill_of(usage_of(store), prices)
    except DataError:
        return UNKNOWN
