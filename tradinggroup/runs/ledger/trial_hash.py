"""What tells one tried configuration from another: a hash of resolved settings, cards, risk profile and models."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import Any

import orjson

from tradinggroup.runs.inputs import RunInputs

NO_TRIAL_KEYS = (
    "name", "seed", "workers", "schedule", "max_cost_usd", "holdout", "statistics", "models.sample_index", "models.maximum_concurrent",
    "models.requests_per_minute", "models.tokens_per_minute",
)  # fmt: skip
"""Settings that make no other trial: a name, the draw of random streams and samples, how a run is executed, and how it is judged."""
WINDOW_KEYS = ("start", "end")


def trial_hash(inputs: RunInputs) -> str:
    """The trial that a run belongs to. Other symbols, windows, cards, profiles and models are other trials; other seeds are none."""
    return _hash(_plain(inputs, NO_TRIAL_KEYS))


def configuration_hash(inputs: RunInputs) -> str:
    """The same without the window: what must not change once the hold-out was looked at."""
    return _hash(_plain(inputs, (*NO_TRIAL_KEYS, *WINDOW_KEYS)))


def _plain(inputs: RunInputs, left_out: Collection[str]) -> dict[str, Any]:
    settings = inputs.experiment.to_plain()
    for key in left_out:
        *sections, leaf = key.split(".")
        node = settings
        for section in sections:
            node = node[section]
        node.pop(leaf, None)
    settings["symbols"] = sorted(settings["symbols"])
    return {
        "settings": settings,
        "cards": {agent: card.hash for agent, card in inputs.cards.items()},
        "profile": inputs.profile.model_dump(mode="json"),
        "models": inputs.models,
        "past": [{"until": stage.until.isoformat(), **_plain(stage.inputs, left_out)} for stage in inputs.past],
    }


def _hash(value: dict[str, Any]) -> str:
    return f"sha256:{sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).hexdigest()}"
