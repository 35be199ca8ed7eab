"""A small grammar: templates with choices and slots, read from the text files beside this module.

`<a|b>` is a choice and may be nested; `{slot}` is filled from a company's words or from given values. A slot ending in 2
is another word of the same group.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np

from tradinggroup.data.demo_market.companies import BROKERS, Company
from tradinggroup.data.demo_market.streams import pick, shuffled

_CHOICE = re.compile(r"<([^<>]*)>")


@cache
def topics(name: str) -> Mapping[str, tuple[str, ...]]:
    """Topic -> its lines, of the text file `name`, in the order of the file. Lines before the first topic explain the file."""
    found: dict[str, list[str]] = {}
    lines: list[str] | None = None
    for line in files(__package__).joinpath("texts", f"{name}.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            lines = found.setdefault(line.removeprefix("## "), [])
        elif line and lines is not None:
            lines.append(line)
    return {topic: tuple(found[topic]) for topic in found}


class Slots(dict[str, str]):
    """Values of slots: the given ones first, then the company's words, drawn on first use and kept from then on."""

    def __init__(self, company: Company, rng: np.random.Generator, given: Mapping[str, str] | None = None) -> None:
        super().__init__(given or {})
        self._rng = rng
        self.setdefault("name", company.name)
        self.setdefault("short", company.short)
        self.setdefault("industry", company.industry)
        self._groups: dict[str, tuple[str, ...]] = {
            "product": company.products,
            "segment": company.segments,
            "customers": company.customers,
            "customer": company.named_customers,
            "region": company.regions,
            "material": company.materials,
            "rival": company.rivals,
            "executive": company.executives,
            "analyst": BROKERS,
        }

    def __missing__(self, slot: str) -> str:
        group = slot.removesuffix("2")
        used = {self.get(group), self.get(f"{group}2")}
        self[slot] = pick(self._rng, [word for word in self._groups[group] if word not in used])
        return self[slot]


def sentence(template: str, rng: np.random.Generator, slots: Slots) -> str:
    """The template with its choices made and its slots filled, beginning with a capital letter."""
    while match := _CHOICE.search(template):
        template = template[: match.start()] + pick(rng, match.group(1).split("|")) + template[match.end() :]
    text = template.format_map(slots)
    return text[0].upper() + text[1:]


def draw_lines(rng: np.random.Generator, lines: tuple[str, ...], count: int) -> list[str]:
    """`count` different lines (all, where there are fewer) in a random order."""
    return shuffled(rng, lines)[:count]
