"""What every part of the report reads, joined once: rows by their ids, the claim card, and what could not be read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from tradinggroup.errors import DataError
from tradinggroup.runs.case import Place, shown_lesson_ids
from tradinggroup.runs.claim_card import ClaimCard
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.claims import card_of
from tradinggroup.runs.text.warnings import run_warnings

MOST_EVIDENCE = 2_500
"""Decisions up to which each shows its evidence; of a larger run those with an order or a failure do."""


@dataclass(frozen=True)
class Material:
    """A run with its rows. A file that is missing or damaged counts as empty, and stands in `problems`."""

    run: RunFolder
    decisions: Sequence[Line]
    outcomes: Sequence[Line]
    reflections: Sequence[Line]
    orders: Sequence[Line]
    fills: Sequence[Line]
    trades: Sequence[Line]
    equity: Sequence[Line]
    baselines: Mapping[str, Sequence[Line]]
    """Equity rows by baseline."""
    band: Sequence[Line]
    card: ClaimCard
    checks: Sequence[Line]
    problems: Sequence[str]
    order_of: Mapping[str, Line] = field(default_factory=dict)
    """By id."""
    fills_of: Mapping[str, Sequence[Line]] = field(default_factory=dict)
    """By order id."""
    outcomes_of: Mapping[Place, Sequence[Line]] = field(default_factory=dict)
    """By decision."""
    shown_on: Mapping[str, Sequence[Line]] = field(default_factory=dict)
    """Decision lines by the lessons that stood in their prompts."""

    @classmethod
    def of(cls, run: RunFolder) -> Material:
        """Read everything that the report needs; raises nothing for damaged rows."""
        problems: list[str] = []

        def read(rows: Callable[[], list[Line]]) -> list[Line]:
            try:
                return rows()
            except DataError as problem:
                problems.append(problem.render())
                return []

        decisions, orders, fills, outcomes = (read(rows) for rows in (run.decisions, run.orders, run.fills, run.outcomes))
        checks = read(run.checks)
        baselines = {name: read(lambda name=name: run.baseline_equity(name)) for name in run.baseline_names}  # type: ignore[misc]
        return cls(
            run=run, decisions=decisions, outcomes=outcomes, reflections=read(run.reflections), orders=orders, fills=fills,
            trades=read(run.trades), equity=read(run.equity), baselines={name: rows for name, rows in baselines.items() if rows},
            band=read(run.random_band), card=card_of(run), checks=checks,
            problems=[*run_warnings(run), *(text for text in problems if text not in run.problems)],
            order_of={row["order_id"]: row for row in orders},
            fills_of=_grouped(fills, lambda row: row["order_id"]),
            outcomes_of=_grouped(outcomes, lambda row: (row["symbol"], row["decision_session"])),
            shown_on=_shown_on(decisions),
        )  # fmt: skip

    @property
    def header(self) -> Mapping[str, Any]:
        return self.run.header

    def figures(self, side: str | None = None, symbol: str = ALL) -> Mapping[str, Any]:
        """Metrics of the agents, or of the baseline `side`; empty where there are none."""
        by_symbol = self.header.get("metrics") if side is None else (self.header.get("baselines") or {}).get(side)
        return (by_symbol or {}).get(symbol) or {}

    @property
    def statistics(self) -> Mapping[str, Any]:
        """The header's `statistics`; empty for a run without."""
        return self.header.get("statistics") or {}

    @cached_property
    def places(self) -> frozenset[Place]:
        """Every decision that the page has a line of."""
        return frozenset((line["symbol"], line["session"]) for line in self.decisions)

    def has_evidence(self, line: Line) -> bool:
        """Whether the report holds more than the one line of this decision."""
        is_remarkable = line["sizing"]["order_id"] or line["hold_kind"] not in {"model", None} or line["decision"] is None
        return len(self.decisions) <= MOST_EVIDENCE or bool(is_remarkable)


def _grouped(rows: Sequence[Line], key: Callable[[Line], Any]) -> dict[Any, list[Line]]:
    groups: dict[Any, list[Line]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _shown_on(decisions: Sequence[Line]) -> dict[str, list[Line]]:
    shown: dict[str, list[Line]] = {}
    for line in decisions:
        for lesson_id in shown_lesson_ids(line):
            shown.setdefault(lesson_id, []).append(line)
    return shown
