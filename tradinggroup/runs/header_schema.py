"""The JSON schema of `run.json`, published as `docs/run-json.schema.json`. A test holds real headers against it.

It allows keys that it does not name, since a later version adds some and never takes one away; the test does not.
"""

from __future__ import annotations

from typing import Any

from tradinggroup.backtest.statistics.figures import LEAST_RETURNS
from tradinggroup.runs.folder import FORMAT_VERSION
from tradinggroup.runs.summary import HOLD_KINDS

Schema = dict[str, Any]

STATUSES = ("running", "success", "invalid", "budget", "provider", "interrupted", "error")


def _of(kind: str, text: str, **more: Any) -> Schema:
    """A property of one type."""
    return {"type": kind, "description": text, **more}


def _or_null(kind: str, text: str, **more: Any) -> Schema:
    return {"type": [kind, "null"], "description": text, **more}


def _map(text: str, values: Schema) -> Schema:
    """An object with any keys whose values are alike."""
    return {"type": "object", "description": text, "additionalProperties": values}


_NUMBER_OR_TEXT = {"type": ["number", "string", "null", "object"]}
_FIGURES: Schema = {"type": "object", "additionalProperties": _NUMBER_OR_TEXT}
_STRINGS: Schema = {"type": "array", "items": {"type": "string"}}

AT_THE_START: dict[str, Schema] = {
    "format_version": _of("integer", "version of the run folder's form", const=FORMAT_VERSION),
    "run_id": _of("string", "six hexadecimal digits", pattern="^[0-9a-f]{6}$"),
    "status": _of("string", "how the run stands; running until its end", enum=list(STATUSES)),
    "title": _of("string", "no LLM, or the names of the models"),
    "note": _or_null("string", "the user's own sentence"),
    "experiment": _of("string", "name of the experiment"),
    "variant": _or_null("string", "which of the experiment's variants"),
    "symbols": _of("array", "stocks, in the order of the experiment", items={"type": "string"}, minItems=1),
    "start": _or_null("string", "first decision session, YYYY-MM-DD"),
    "end": _or_null("string", "last decision session"),
    "sessions": _of("integer", "decision sessions of the window", minimum=0),
    "warnings": _of("array", "what must be said with every figure", items={"type": "string"}),
    "bundle": _of("object", "name, id, hash, basis of the prices, and whether price levels know of later splits"),
    "universe": _of("object", "how the symbols were chosen, whether each is dated, and when it belonged"),
    "models": _map("model by agent", {"type": "string"}),
    "cards": _map("hash of each agent's card", {"type": "string"}),
    "cutoffs": _map("by agent: model, training cutoff with its source, and sessions before, after and unknown to it", {"type": "object"}),
    "base_url": _or_null("string", "where models are asked over the network, without secrets"),
    "calls_mode": _of("string", "record, replay or refresh"),
    "stop_mode": _of("string", "close or intraday"),
    "seed": _of("integer", "seed of every random stream"),
    "arguments": _of("object", "what was passed besides the experiment's file"),
    "settings": _of("object", "every setting with the value that was used; docs/settings.md"),
    "versions": _map("python and the packages that matter", {"type": "string"}),
    "git": {"type": ["object", "null"], "description": "commit, and whether the working tree differed"},
    "started_at": _of("string", "UTC, ISO 8601"),
    "finished_at": _or_null("string", "UTC; null while running"),
}
"""There from the first write on; all of them are required."""

LATER: dict[str, Schema] = {
    "ledger": _of("object", "places of the run in ledger.jsonl, trials of that moment, and the deflated Sharpe ratio with its terms"),
    "holdout": {"type": ["object", "null"], "description": "how the run stands to the sealed hold-out; null without one"},
    "fork": _of("object", "of a fork: its parent, the session that it leaves it at, and what was changed"),
    "calls": _of("object", "model calls: total, recorded, live, failed, and by_agent with tokens and cost"),
    "models_returned": _of("array", "names that the servers gave", items={"type": "string"}),
    "cost_usd": _or_null("number", "what the answers cost when they were asked for; null where no price is known"),
    "spent_usd": _or_null("number", "what this run itself paid"),
    "structured_output": _of("object", "which rung of structured output each model was asked on"),
    "holds": {
        "type": "object",
        "description": "decisions without an order, by kind",
        "properties": {kind: {"type": "integer", "minimum": 0} for kind in HOLD_KINDS},
    },
    "orders": _map("orders of the agents: sent, and how they ended", {"type": "integer", "minimum": 0}),
    "metrics": _map("by symbol and ALL; docs/metrics.md. Empty without agents", _FIGURES),
    "stops": _map("by symbol and ALL: exits at stops and targets, and how they kept their promise", _FIGURES),
    "costs": _map("by symbol and ALL: from gross to net, in USD", _FIGURES),
    "baselines": _map("by name, then by symbol and ALL: the same metrics", {"type": "object", "additionalProperties": _FIGURES}),
    "baselines_missing": _map("baselines that could not be run, and why", {"type": "string"}),
    "baselines_hindsight": {**_STRINGS, "description": "baselines that know the agents' weights of the whole window"},
    "baselines_guarded": {**_STRINGS, "description": "baselines that the risk layer guarded"},
    "random": _of("object", "draws, agents_percentile (0 to 1), and how the draws lie"),
    "forecasts": _map("by symbol and ALL: scores beside the base rate, calibration", {"type": "object"}),
    "statistics": _of("object", f"intervals, differences to baselines, p-values; docs/statistics.md. Short under {LEAST_RETURNS} returns"),
    "power": _of("object", "the smallest effects that this window can show, with what that rests on; empty without agents"),
    "workers": _of("integer", "processes that the symbols ran in", minimum=1),
    "files": _map("bytes and sha256 of every other file when the run ended", {"type": "object"}),
}
"""Added while the run goes or when it ends; which ones depends on how far it came."""


def run_json_schema() -> Schema:
    """The schema as plain values."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made by tools/generate_docs.py from tradinggroup/runs/header_schema.py; do not edit.",
        "title": "run.json of a tradinggroup run",
        "description": "Fractions are never percent; losses and drawdowns are negative, costs positive; undefined is null with a reason.",
        "type": "object",
        "required": list(AT_THE_START),
        "properties": {**AT_THE_START, **LATER},
    }
