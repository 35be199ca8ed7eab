"""Several runs of one configuration: how far their results spread, and how often their decisions flip.

A model that samples gives another answer to the same prompt. One run of it is one draw, so its result without the spread over
several says little.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.header import NO_LLM
from tradinggroup.runs.summary import ALL

SPREAD_METRICS = ("total_return_fraction", "sharpe_ratio", "max_drawdown_fraction", "annual_volatility_fraction", "trades")
"""Metrics of ALL whose spread is told."""
FORCED = "forced exit"
NO_ANSWER = "no answer"
WHOLE = ("success", "invalid")


@dataclass(frozen=True, slots=True)
class Spread:
    """How far a figure spreads over runs. `deviation` is the sample deviation, None of a single run."""

    runs: int
    """Runs that have the figure."""
    mean: float
    lowest: float
    highest: float
    deviation: float | None

    def to_plain(self) -> dict[str, Any]:
        return {"runs": self.runs, "mean": self.mean, "lowest": self.lowest, "highest": self.highest, "deviation": self.deviation}


@dataclass(frozen=True, slots=True)
class Samples:
    """The runs of one configuration, in order."""

    runs: tuple[RunFolder, ...]
    spread: Mapping[str, Spread]
    """Over the runs that reached their end, by metric."""
    pairs: int
    """Sessions of symbols that every run decided."""
    flips_by_session: Mapping[str, float]
    """Session -> share of its symbols on which not all runs chose the same action; sessions without a flip are left out."""
    flipped: int
    """Pairs on which not all runs chose the same action."""

    @property
    def flip_rate_fraction(self) -> float | None:
        """Share of the pairs on which not all runs chose the same action; None where there are none, or fewer than two runs."""
        return self.flipped / self.pairs if self.pairs and len(self.runs) > 1 else None

    @property
    def is_without_model(self) -> bool:
        """Whether the rule-based analyst answered in all runs: then nothing is sampled."""
        return all(run.header.get("title") == NO_LLM for run in self.runs)

    def to_plain(self) -> dict[str, Any]:
        """The figures as `backtest --runs --json` prints them."""
        return {
            "variant": self.runs[0].header.get("variant"),
            "run_ids": [run.run_id for run in self.runs],
            "spread": {name: spread.to_plain() for name, spread in self.spread.items()},
            "flip_rate_fraction": self.flip_rate_fraction,
            "flipped": self.flipped,
            "pairs": self.pairs,
            "flips_by_session": dict(self.flips_by_session),
        }


def samples_of(runs: Sequence[RunFolder]) -> Samples:
    """What the runs of one configuration have in common, and what not."""
    whole = [run.summary()["metrics"].get(ALL, {}) for run in runs if run.status in WHOLE]
    found = {name: [metrics[name] for metrics in whole if metrics.get(name) is not None] for name in SPREAD_METRICS}
    spread = {name: _spread(values) for name, values in found.items() if values}
    actions = [actions_of(run) for run in runs]
    shared = [pair for pair in actions[0] if all(pair in each for each in actions)]
    flipped = [pair for pair in shared if len({each[pair] for each in actions}) > 1]
    return Samples(tuple(runs), spread, len(shared), _by_session(shared, flipped), len(flipped))


def actions_of(run: RunFolder) -> dict[tuple[str, str], str]:
    """(session, symbol) -> the action that was chosen, `forced exit` where the decision agent was not asked."""
    return {(line["session"], line["symbol"]): action_of(line) for line in run.decisions()}


def action_of(line: Line) -> str:
    """The action of a decision line."""
    return str(line["decision"]["action"] or NO_ANSWER) if line.get("decision") else FORCED


def _by_session(shared: Sequence[tuple[str, str]], flipped: Sequence[tuple[str, str]]) -> dict[str, float]:
    counts: dict[str, int] = {}
    for session, _ in shared:
        counts[session] = counts.get(session, 0) + 1
    flips: dict[str, int] = {}
    for session, _ in flipped:
        flips[session] = flips.get(session, 0) + 1
    return {session: count / counts[session] for session, count in sorted(flips.items())}


def _spread(values: Sequence[float]) -> Spread:
    deviation = statistics.stdev(values) if len(values) > 1 else None
    return Spread(len(values), statistics.fmean(values), min(values), max(values), deviation)
