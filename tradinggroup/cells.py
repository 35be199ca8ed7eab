"""One command, many runs: the cells of `--vary`, and the repetitions of `--runs`."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.experiment import Override, ResolvedExperiment, read_value, refuse_unknown
from tradinggroup.setting_tree import is_list, known_settings, plain
from tradinggroup.variants import Variant

VARY = "--vary"
EXAMPLE = "--vary model=rules,openai:gpt-4o-mini --vary risk=default,strict"
SHORT_NAMES = {"cash": "cash_usd", "max-cost-usd": "max_cost_usd"}
"""Options whose name is not that of their setting."""
DRAWS = ("seed", "models.sample_index")
"""What `--runs` counts up."""


def vary_cells(texts: Sequence[str], overrides: Sequence[Override] = (), *, runs: int = 1) -> list[Variant]:
    """Every combination of the values in `texts`, such as `model=a,b`, as variants; the first key changes slowest.

    `key=A,B` has two values; `key=[…]` is a TOML list of them, for values that are lists or hold a comma. Raises UsageError for an
    unknown key, for no value, for a key or value given twice, and for a key that another option gives too.
    """
    axes: dict[str, list[Any]] = {}
    for text in texts:
        key, values = _axis(text)
        if key in axes:
            raise _refused(f"{key} is given twice", "Give all of its values at once.")
        _refuse_other_origin(key, overrides, runs=runs)
        axes[key] = values
    return [_cell(dict(zip(axes, values, strict=True))) for values in product(*axes.values())] if axes else []


def repeated(resolved: ResolvedExperiment, count: int) -> list[ResolvedExperiment]:
    """`count` runs of one experiment: seed and sample index count up from its own, so the first is the experiment itself."""
    if count == 1:
        return [resolved]
    return [_repetition(resolved, place) for place in range(count)]


def _repetition(resolved: ResolvedExperiment, place: int) -> ResolvedExperiment:
    experiment = resolved.experiment
    models = experiment.models.model_copy(update={"sample_index": experiment.models.sample_index + place})
    drawn = experiment.model_copy(update={"seed": experiment.seed + place, "models": models})
    origins = resolved.origins | (dict.fromkeys(DRAWS, "--runs") if place else {})
    arguments = resolved.arguments | {"seed": drawn.seed, "models.sample_index": models.sample_index}
    return replace(resolved, experiment=drawn, origins=origins, arguments=arguments)


def _axis(text: str) -> tuple[str, list[Any]]:
    key, equals, listed = (part.strip() for part in text.partition("="))
    key = SHORT_NAMES.get(key, key)
    if not equals or not key:
        raise _refused(text or "without a key", f"Write it as {EXAMPLE}.")
    refuse_unknown(key, VARY)
    field = known_settings()[key]
    values = _toml_values(key, listed) if listed.startswith("[") else [part.strip() for part in listed.split(",")]
    if not values or any(value == "" for value in values):
        raise _refused(f"{key}= has an empty value" if values else f"{key}= has no value", f"Write it as {EXAMPLE}.")
    read = [read_value(value, field) for value in values]
    read = [value if isinstance(value, list) or not is_list(field) else [value] for value in read]
    twice = next((value for place, value in enumerate(read) if value in read[:place]), None)
    if twice is not None:
        raise _refused(f"{key} has the value {_shown(twice)} twice", "Name it once.")
    return key, read


def _toml_values(key: str, text: str) -> list[Any]:
    try:
        values = tomllib.loads(f"values = {text}")["values"]
    except tomllib.TOMLDecodeError as problem:
        raise _refused(f"{key}={text} is no list: {problem}", f'Write it as {VARY} \'{key}=["a", "b"]\'.') from None
    return list(values)


def _refuse_other_origin(key: str, overrides: Sequence[Override], *, runs: int) -> None:
    other = next((override.origin for override in overrides if override.key == key), None)
    if other is not None:
        raise _refused(f"{key} is given by {other} too", "Leave one of them out.")
    if runs > 1 and key in DRAWS:
        raise _refused(f"{key} is what --runs counts up", "Leave one of them out.")


def _cell(values: Mapping[str, Any]) -> Variant:
    settings: dict[str, Any] = {}
    for key, value in values.items():
        *sections, leaf = key.split(".")
        node = settings
        for section in sections:
            node = node.setdefault(section, {})
        node[leaf] = value
    return Variant(", ".join(f"{key}={_shown(value)}" for key, value in values.items()), settings)


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(str, value)) or "none"
    return value if isinstance(value, str) else str(plain(value)) if not isinstance(value, dict | bool) else json.dumps(value)


def _refused(what: str, remedy: str) -> UsageError:
    return UsageError(ErrorCode.SETTING_INVALID, f"{VARY}: {what}", remedy=remedy)
