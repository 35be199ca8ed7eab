"""How good a run's forecasts were: pure functions over lines of `outcomes.jsonl`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from tradinggroup.reflection.records import DIRECTIONS

ALL = "ALL"
MINIMUM_BASE_RATE_LABELS = 60
"""Below this many labels the score of the base rate is None: it would mostly measure its own warm-up."""

Line = Mapping[str, Any]


def forecast_scores(outcomes: Iterable[Line]) -> dict[str, dict[str, Any]]:
    """Scores by symbol, and for `ALL` over every labelled forecast of every symbol.

    Each has `count` (labelled forecasts), `fallbacks` (those among them where the agent gave no usable answer and the
    neutral probabilities were scored), and the means `brier` (0 perfect, 2 worst; even odds 0.667), `brier_base_rate` (of
    the class frequencies known so far instead of the forecasts; None with fewer than 60 labels), `log_score` (-ln of the
    probability of what came, lower is better) and `accuracy` (share whose most probable class came). A mean over nothing
    is None.
    """
    lines = sorted(
        (line for line in outcomes if line["kind"] == "forecast" and line["true_label"] is not None),
        key=lambda line: (line["symbol"], line["decision_session"]),
    )
    by_symbol: dict[str, list[Line]] = {}
    for line in lines:
        by_symbol.setdefault(line["symbol"], []).append(line)
    base_rates = {symbol: base_rate_briers(own) for symbol, own in by_symbol.items()}
    scores = {symbol: _scores(own, base_rates[symbol]) for symbol, own in by_symbol.items()}
    return scores | {ALL: _scores(lines, [brier for briers in base_rates.values() for brier in briers])}


def base_rate_briers(lines: Sequence[Line]) -> list[float]:
    """Brier score, 0 to 2, of each line had the class frequencies known at its forecast been the forecast.

    Frequencies start at one each (add-one smoothing) and count the labels of the same symbol that were known at the close
    of the forecast's session.

    Args:
        lines: labelled forecasts of one symbol, in the order of `decision_session`.
    """
    pending = sorted(lines, key=lambda line: line["session"])
    counts = dict.fromkeys(DIRECTIONS, 1)
    briers: list[float] = []
    known = 0
    for line in lines:
        while known < len(pending) and pending[known]["session"] <= line["decision_session"]:
            counts[pending[known]["true_label"]] += 1
            known += 1
        total = sum(counts.values())
        briers.append(math.fsum((counts[each] / total - (each == line["true_label"])) ** 2 for each in DIRECTIONS))
    return briers


def _scores(lines: Sequence[Line], base_rates: Sequence[float]) -> dict[str, Any]:
    return {
        "count": len(lines),
        "fallbacks": sum(bool(line["is_fallback"]) for line in lines),
        "brier": _mean([line["brier"] for line in lines]),
        "brier_base_rate": _mean(base_rates) if len(base_rates) >= MINIMUM_BASE_RATE_LABELS else None,
        "log_score": _mean([line["log_score"] for line in lines]),
        "accuracy": _mean([float(line["correct"]) for line in lines]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
