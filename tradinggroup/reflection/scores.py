"""How good a run's forecasts were: pure functions over lines of `outcomes.jsonl` and the labels from before the window."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from tradinggroup.reflection.base_rates import EarlierLabels, KnownLabel, base_rates
from tradinggroup.reflection.calibration import calibration
from tradinggroup.reflection.outcomes import SMALLEST_PROBABILITY
from tradinggroup.reflection.records import DIRECTIONS
from tradinggroup.reflection.skill import Pair, skill_figures

ALL = "ALL"
Line = Mapping[str, Any]
Move = Literal["close_to_close", "fill_to_close"]
LABEL_OF_MOVE: Mapping[Move, str] = {"close_to_close": "true_label", "fill_to_close": "fill_label"}
"""Field of an outcome line that holds the label of each move."""


@dataclass(frozen=True, slots=True)
class ScoredForecast:
    """One forecast beside what came, and beside the class frequencies known when it was made."""

    session: str
    probabilities: tuple[float, float, float]
    """Of up, down and sideways."""
    label: str
    argmax_label: str
    is_fallback: bool
    base_rate: Mapping[str, float] | None
    """Probability by class; None while too few labels are known."""

    @property
    def brier(self) -> float:
        """Sum over the classes of (probability - outcome)^2, 0 (perfect) to 2."""
        return _brier(dict(zip(DIRECTIONS, self.probabilities, strict=True)), self.label)

    @property
    def log_score(self) -> float:
        """-ln of the probability of what came; a probability below a millionth counts as one."""
        return _log_score(dict(zip(DIRECTIONS, self.probabilities, strict=True)), self.label)


def forecast_scores(
    outcomes: Iterable[Line], *, earlier: Mapping[str, EarlierLabels] | None = None, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """Scores by symbol, and for `ALL` over every labelled forecast of every symbol.

    The fields of each are those of `move_figures` for the move from close to close, `fill_to_close` with the same fields for
    the move from the next open, `fallbacks` (labelled forecasts where the agent gave no usable answer; they are in no score)
    and `brier_with_fallbacks` (with one third each scored for them). `ALL` has `calibration` besides.

    Args:
        outcomes: lines of `outcomes.jsonl`, of both kinds, in any order.
        earlier: labels from before the window by symbol; they count into the base rates.
        seed: of the run, for the intervals.
    """
    lines = sorted((line for line in outcomes if line["kind"] == "forecast"), key=lambda line: (line["symbol"], line["decision_session"]))
    by_move = {move: scored_by_symbol(lines, move, earlier or {}) for move in LABEL_OF_MOVE}
    symbols = list(by_move["close_to_close"])
    scores = {
        symbol: _symbol_figures({move: found.get(symbol, []) for move, found in by_move.items()}, seed=seed, name=symbol)
        for symbol in symbols
    }
    pooled = {move: [each for symbol in found for each in found[symbol]] for move, found in by_move.items()}
    return scores | {
        ALL: _symbol_figures(pooled, seed=seed, name=ALL) | {"calibration": calibration(_answered(pooled["close_to_close"]))},
    }


def scored_by_symbol(lines: Iterable[Line], move: Move, earlier: Mapping[str, EarlierLabels]) -> dict[str, list[ScoredForecast]]:
    """The labelled forecasts of each symbol for one move, each with the base rate known at its session.

    Args:
        lines: lines of forecasts, ordered by symbol and decision session.
        move: which label.
        earlier: labels from before the window by symbol.
    """
    field = LABEL_OF_MOVE[move]
    by_symbol: dict[str, list[Line]] = {}
    for line in lines:
        if line.get(field) is not None:
            by_symbol.setdefault(line["symbol"], []).append(line)
    found = {}
    for symbol, own in by_symbol.items():
        before: Sequence[KnownLabel] = getattr(earlier[symbol], move) if symbol in earlier else ()
        labels = [*before, *(KnownLabel(line["session"], line[field]) for line in own)]
        rates = base_rates(labels, [line["decision_session"] for line in own])
        found[symbol] = [_scored(line, line[field], rate) for line, rate in zip(own, rates, strict=True)]
    return found


def move_figures(forecasts: Sequence[ScoredForecast], *, seed: int, purpose: str) -> dict[str, Any]:
    """The scores of one move, over the forecasts that the agent gave.

    `count`; the means `brier` (0 perfect, 2 worst; one third each 0.667), `log_score` (lower is better) and `accuracy` (share
    whose most probable class came); `compared`, how many were made with a base rate known, and over these `brier_compared`,
    `brier_base_rate`, `log_score_base_rate` and the fields of `skill_figures`. A mean over nothing is None.
    """
    compared = [(each, each.base_rate) for each in forecasts if each.base_rate is not None]
    pairs = [Pair(each.session, each.brier, _brier(rate, each.label)) for each, rate in compared]
    return {
        "count": len(forecasts),
        "brier": _mean([each.brier for each in forecasts]),
        "brier_base_rate": _mean([pair.reference for pair in pairs]),
        "log_score": _mean([each.log_score for each in forecasts]),
        "accuracy": _mean([float(each.argmax_label == each.label) for each in forecasts]),
        "compared": len(compared),
        "brier_compared": _mean([pair.forecast for pair in pairs]),
        "log_score_base_rate": _mean([_log_score(rate, each.label) for each, rate in compared]),
        **skill_figures(pairs, seed=seed, purpose=purpose),
    }


def _symbol_figures(by_move: Mapping[Move, Sequence[ScoredForecast]], *, seed: int, name: str) -> dict[str, Any]:
    figures = {move: move_figures(_answered(forecasts), seed=seed, purpose=f"{name} {move}") for move, forecasts in by_move.items()}
    every = by_move["close_to_close"]
    return figures["close_to_close"] | {
        "fallbacks": sum(each.is_fallback for each in every),
        "brier_with_fallbacks": _mean([each.brier for each in every]),
        "fill_to_close": figures["fill_to_close"],
    }


def _answered(forecasts: Iterable[ScoredForecast]) -> list[ScoredForecast]:
    return [each for each in forecasts if not each.is_fallback]


def _scored(line: Line, label: str, rate: Mapping[str, float] | None) -> ScoredForecast:
    return ScoredForecast(
        session=line["decision_session"],
        probabilities=(line["p_up"], line["p_down"], line["p_sideways"]),
        label=label,
        argmax_label=line["argmax_label"],
        is_fallback=bool(line["is_fallback"]),
        base_rate=rate,
    )


def _brier(probability: Mapping[str, float], label: str) -> float:
    return math.fsum((probability[each] - (each == label)) ** 2 for each in DIRECTIONS)


def _log_score(probability: Mapping[str, float], label: str) -> float:
    return max(0.0, -math.log(max(probability[label], SMALLEST_PROBABILITY)))


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
