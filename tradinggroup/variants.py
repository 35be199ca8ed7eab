"""The `[[variants]]` of an experiment file: tables of settings over the experiment, each with a name of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tradinggroup.errors import ErrorCode, UsageError

KEY = "variants"
_EXAMPLE = 'Write [[variants]], then name = "without risk" and the settings that differ, such as without = ["risk"].'


@dataclass(frozen=True, slots=True)
class Variant:
    """One table, as it stands in the file."""

    name: str
    settings: Mapping[str, Any]
    """Nested as in the file, without the name."""

    @property
    def suffix(self) -> str:
        """The name as part of a run folder's name: letters and digits, all else a hyphen."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def take_variants(tree: dict[str, Any], *, shown: str) -> tuple[Variant, ...]:
    """Take the variants out of the tree of an experiment file, which errors call `shown`.

    Raises UsageError EXPERIMENT_INVALID for what is no list of tables, and for a name that is missing, empty or given twice.
    """
    tables = tree.pop(KEY, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(ErrorCode.EXPERIMENT_INVALID, f"{shown}: variants is no list of tables", remedy=_EXAMPLE)
    variants = tuple(_variant(table, number, shown) for number, table in enumerate(tables, start=1))
    for place, variant in enumerate(variants):
        if variant.suffix in (earlier.suffix for earlier in variants[:place]):
            text = f"{shown}: two variants are called {variant.name}, as far as letters and digits go"
            raise UsageError(ErrorCode.EXPERIMENT_INVALID, text, remedy="Rename one: run folders are named after them.")
    return variants


def crossed(variants: Sequence[Variant], cells: Sequence[Variant]) -> Sequence[Variant]:
    """Every variant in every cell. Raises UsageError SETTING_INVALID for a setting that both give."""
    if not (variants and cells):
        return variants or cells
    return [
        Variant(f"{variant.name}; {cell.name}", _merged(variant.settings, cell.settings, variant.name))
        for variant in variants
        for cell in cells
    ]


def _merged(own: Mapping[str, Any], over: Mapping[str, Any], name: str, prefix: str = "") -> dict[str, Any]:
    """Both tables as one; no setting may stand in both."""
    merged = dict(own)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(own.get(key), dict):
            merged[key] = _merged(own[key], value, name, f"{prefix}{key}.")
        elif key in own:
            text = f"--vary: {prefix}{key} is given by the variant {name} of the experiment too"
            raise UsageError(ErrorCode.SETTING_INVALID, text, remedy="Vary another setting, or take it out of the variants.")
        else:
            merged[key] = value
    return merged


def _variant(table: Mapping[str, Any], number: int, shown: str) -> Variant:
    name = table.get("name")
    variant = Variant(name if isinstance(name, str) else "", {key: value for key, value in table.items() if key != "name"})
    if not variant.suffix:
        raise UsageError(ErrorCode.EXPERIMENT_INVALID, f"{shown}: variant {number} has no name", remedy=_EXAMPLE)
    return variant
