"""Calibration of forecasts: how often came what was given a certain probability.

Bins are ten equal parts of [0, 1]; a bin holds the probabilities from its lower edge up to, but not with, its upper edge (the
last one with it). Empty bins are left out.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from tradinggroup.reflection.records import DIRECTIONS

BINS = 10
EDGES = tuple(place / BINS for place in range(BINS + 1))
CONFIDENCE = "confidence"
"""The group of the most probable class, whichever it was: its probability, and whether it came."""


class Scored(Protocol):
    """A forecast beside what came."""

    @property
    def probabilities(self) -> tuple[float, float, float]: ...
    @property
    def label(self) -> str: ...
    @property
    def argmax_label(self) -> str: ...


def calibration(forecasts: Sequence[Scored]) -> dict[str, list[dict[str, Any]]]:
    """Bins of `confidence` and of each class.

    Each bin has `low` and `high` (its edges), `count`, `mean_probability` of the forecasts in it, and `observed_fraction`, the
    share of them where the class came.
    """
    groups = {CONFIDENCE: [(max(each.probabilities), each.argmax_label == each.label) for each in forecasts]}
    for place, label in enumerate(DIRECTIONS):
        groups[label] = [(each.probabilities[place], each.label == label) for each in forecasts]
    return {name: _bins(pairs) for name, pairs in groups.items()}


def _bins(pairs: Iterable[tuple[float, bool]]) -> list[dict[str, Any]]:
    found: dict[int, list[tuple[float, bool]]] = {}
    for probability, came in pairs:
        found.setdefault(min(BINS, bisect_right(EDGES, probability)) - 1, []).append((probability, came))
    return [_bin(place, found[place]) for place in sorted(found)]


def _bin(place: int, pairs: Sequence[tuple[float, bool]]) -> dict[str, Any]:
    return {
        "low": EDGES[place],
        "high": EDGES[place + 1],
        "count": len(pairs),
        "mean_probability": math.fsum(probability for probability, _ in pairs) / len(pairs),
        "observed_fraction": sum(came for _, came in pairs) / len(pairs),
    }
