"""The page of assumptions names settings that exist, with the defaults that they have."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from tradinggroup.settings import Experiment

WITH_VALUE = re.compile(r"`([a-z_.]+) = ([^`]+)`|`([a-z_.]+)` \[?([\d.,]*\d)( %)?")


def defaults() -> dict[str, Any]:
    """Dotted name of each setting -> its default."""
    experiment = Experiment(name="x", bundle="x", symbols=("ACME",), start=date(2023, 1, 3), end=date(2023, 12, 29))
    found: dict[str, Any] = {}
    stack: list[tuple[str, Any]] = [("", experiment.to_plain())]
    while stack:
        prefix, value = stack.pop()
        if isinstance(value, dict):
            stack += [(f"{prefix}.{key}".lstrip("."), part) for key, part in value.items()]
        else:
            found[prefix] = value
    return found


def test_stated_defaults_are_the_defaults(repository: Path) -> None:
    page = (repository / "docs" / "assumptions.md").read_text(encoding="utf-8")
    known = defaults()
    stated = 0
    for name, literal, spoken_name, number, percent in WITH_VALUE.findall(page):
        if name:
            assert known[name] == tomllib.loads(f"value = {literal}")["value"], name
        else:
            assert known[spoken_name] == float(number.replace(",", "")) * (0.01 if percent else 1), spoken_name
        stated += 1
    assert stated >= 15
