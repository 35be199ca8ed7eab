"""What a run may spend and what it has spent, from its settings, its recordings and the registry's prices."""

from __future__ import annotations

from pathlib import Path

from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.models.bill import Bill, Prices, bill_of, charged_usd, usage_of
from tradinggroup.models.budget import Budget, unbounded
from tradinggroup.models.context_length import answer_bound
from tradinggroup.models.gateway import CallsMode
from tradinggroup.models.port import ModelRequest
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import is_local
from tradinggroup.models.registry_entries import ModelEntry
from tradinggroup.retrieval.registry import is_served
from tradinggroup.runs.inputs import RunInputs

UNKNOWN = Bill(None, None)


def prices_of(inputs: RunInputs) -> Prices:
    """The price of each model behind a server that the run asks; None where nobody stated one."""
    entries, found = _entries(inputs), {}
    for name in sorted(inputs.all_models):
        if not is_local(name):
            entry = entries.get(name)
            found[name] = entry.price if entry is not None else None
    return found


def _entries(inputs: RunInputs) -> dict[str, ModelEntry]:
    return {name: entry for name, registry in inputs.all_models.items() if (entry := registry.entry_of(name)) is not None}


def check_prices(inputs: RunInputs, calls: CallsMode) -> None:
    """Raise UsageError where a budget is set that cannot be kept.

    PRICE_UNKNOWN where somebody would be asked whose price nobody stated, SETTING_INVALID where nothing bounds an answer.
    """
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
    _check_bounds(inputs)


def _check_bounds(inputs: RunInputs) -> None:
    """Raise UsageError SETTING_INVALID where an agent would be asked without a bound of its answer, so that no worst case is known."""
    for agent, model in inputs.models.items():
        entry = inputs.registry.entry_of(model)
        asked = ModelRequest(model=model, messages=(), schema=inputs.cards[agent].output, parameters=inputs.cards[agent].parameters)
        if entry is not None and answer_bound(asked, entry) is None:
            raise unbounded(model, inputs.experiment.max_cost_usd)


def budget_of(inputs: RunInputs, run_store: RecordingStore) -> Budget | None:
    """What the run may still spend; what its own recordings cost counts, so a resumed run goes on where it stopped."""
    limit_usd = inputs.experiment.max_cost_usd
    if not limit_usd or run_store.readonly:
        return None
    prices = prices_of(inputs)
    return Budget(limit_usd, prices, spent_usd=charged_usd(usage_of(run_store), prices), entries=_entries(inputs))


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
