"""Runs side by side: figures, the difference with its paired interval, and where and why they decided otherwise.

Every later run is held against the first, over the sessions and symbols that both have. Their returns are resampled together, the
same drawn sessions for both, so what moves the market moves neither.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tradinggroup.backtest.statistics.enough import Enough, is_enough
from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.runs.decision_differences import DecisionComparison, compare_decisions
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.returns import equity_by_session
from tradinggroup.runs.summary import ALL

if TYPE_CHECKING:
    from pathlib import Path

    from tradinggroup.project import Project
    from tradinggroup.runs.run import Run

RETURN, SHARPE = "total_return_fraction", "sharpe_ratio"
DEFAULT_DRAWS = 2000
LEAST_RETURNS = 10
"""Returns in common below which nothing is resampled."""
NOT_COMPARED = ("name", "workers", "schedule", "max_cost_usd", "statistics")
"""Settings that change no result."""

Step = tuple[str, float]
"""The session before, and the return since."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A metric of ALL over the common sessions, of two runs; `difference` is the second less the first."""

    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    """Ends of the paired 95 % interval; None where there is none."""
    high: float | None
    p_value: float | None
    """Of the hypothesis of no difference."""
    p_value_adjusted: float | None
    """The same by Holm over all pairs that are compared at once."""
    by_block_length: Mapping[str, Mapping[str, float | None]]
    reason: str | None
    """Why there is no interval."""

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    def to_plain(self) -> dict[str, Any]:
        return {**asdict(self), "excludes_zero": self.excludes_zero}


@dataclass(frozen=True, slots=True)
class Pair:
    """One run held against the first."""

    first: RunFolder
    second: RunFolder
    sessions: tuple[str, ...]
    """Sessions that both have a row of equity for, in order."""
    only_first: int
    """Sessions that the second run does not have."""
    only_second: int
    symbols: tuple[str, ...]
    """Symbols that both have; ALL is the sum of these accounts."""
    settings: Mapping[str, tuple[Any, Any]]
    """What differs between the runs: dotted setting, `cards.AGENT` or `bundle` -> both values."""
    enough: Enough
    """Whether there is enough behind the intervals to say them aloud."""
    differences: Mapping[str, Difference]
    """By metric: `total_return_fraction` and `sharpe_ratio`."""
    decisions: DecisionComparison

    @property
    def is_same_window(self) -> bool:
        return self.only_first == self.only_second == 0

    @property
    def placebo(self) -> tuple[RunFolder, RunFolder] | None:
        """(the real run, its placebo) where exactly one of the two is a placebo; else None."""
        is_placebo = [bool(run.settings.get("placebo")) for run in (self.first, self.second)]
        if is_placebo[0] == is_placebo[1]:
            return None
        return (self.second, self.first) if is_placebo[0] else (self.first, self.second)

    @property
    def real_beats_placebo(self) -> bool | None:
        """Whether the real run has the higher return by an interval that leaves zero out; None where neither or both are placebos."""
        if self.placebo is None:
            return None
        found = self.differences[RETURN]
        lead = (found.difference or 0.0) * (1 if self.placebo[0] is self.second else -1)
        return bool(self.enough) and found.excludes_zero and lead > 0

    def to_plain(self) -> dict[str, Any]:
        return {
            "first": self.first.run_id,
            "second": self.second.run_id,
            "start": self.sessions[0],
            "end": self.sessions[-1],
            "sessions": len(self.sessions),
            "only_first": self.only_first,
            "only_second": self.only_second,
            "symbols": list(self.symbols),
            "settings": {key: list(values) for key, values in self.settings.items()},
            "enough": bool(self.enough),
            "enough_reason": self.enough.reason or None,
            "differences": {name: each.to_plain() for name, each in self.differences.items()},
            "decisions": self.decisions.to_plain(),
            "real_beats_placebo": self.real_beats_placebo,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """Several runs, each later one held against the first. Shows itself in text and in a notebook."""

    runs: tuple[RunFolder, ...]
    pairs: tuple[Pair, ...]

    def to_plain(self) -> dict[str, Any]:
        """All of it, as `compare --json` prints it."""
        return {"runs": [run.summary() for run in self.runs], "pairs": [pair.to_plain() for pair in self.pairs]}

    def __str__(self) -> str:
        from tradinggroup.runs.text.comparison import text_comparison

        return text_comparison(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from tradinggroup.runs.pages import preformatted

        title = " and ".join(run.run_id for run in self.runs)
        return f"<b>{html.escape(title)}</b>{preformatted(str(self))}"


def compare(
    first: Run | str | Path, second: Run | str | Path, *more: Run | str | Path, project: Project | str | Path | None = None
) -> Comparison:
    """Compare two or more runs: figures, the paired interval of the difference, and where they decided otherwise and why.

    Args:
        first: the run that the others are held against: a run, or what `open_run` takes.
        second: another run.
        *more: and others.
        project: the project folder that names are looked up in.

    Raises:
        DataError: for a run that is not there.
        UsageError: for runs without a session or symbol in common, or without accounts.
    """
    from tradinggroup.runs.run import Run, open_run

    found = [each if isinstance(each, Run) else open_run(each, project=project) for each in (first, second, *more)]
    return compare_results([run.folder for run in found])


def compare_results(runs: Sequence[RunFolder]) -> Comparison:
    """Hold every run against the first. Raises UsageError or DataError for runs that can't be compared."""
    if len(runs) < 2:
        raise UsageError(ErrorCode.USAGE, "compare needs two runs", remedy="Name them: tradinggroup compare RUN RUN.")
    for place, run in enumerate(runs):
        if any(run.path == other.path for other in runs[:place]):
            raise UsageError(ErrorCode.USAGE, f"run {run.run_id} is named twice", remedy="Name another run.")
        if not run.equity():
            text = f"run {run.run_id} has no accounts of agents (status {run.status})"
            raise DataError(ErrorCode.RUN_INVALID, text, remedy="Compare runs with agents that got beyond their first session.")
    return Comparison(tuple(runs), _adjusted([_pair(runs[0], run) for run in runs[1:]]))


def _pair(first: RunFolder, second: RunFolder) -> Pair:
    symbols = tuple(symbol for symbol in first.symbols if symbol in second.symbols)
    if not symbols:
        names = f"{', '.join(first.symbols)} and {', '.join(second.symbols)}"
        raise UsageError(ErrorCode.USAGE, f"the runs have no symbol in common: {names}", remedy="Compare runs of the same symbols.")
    left, right = (equity_by_session(run.equity(), symbols=symbols) for run in (first, second))
    sessions = tuple(session for session in left if session in right)
    if not sessions:
        windows = " and ".join(f"{run.run_id} {min(each)}..{max(each)}" for run, each in ((first, left), (second, right)))
        raise UsageError(ErrorCode.USAGE, f"the runs have no session in common: {windows}", remedy="Compare runs of the same window.")
    returns = _common_steps(left, right)
    return Pair(
        first=first,
        second=second,
        sessions=sessions,
        only_first=len(left) - len(sessions),
        only_second=len(right) - len(sessions),
        symbols=symbols,
        settings=_settings_that_differ(first, second),
        enough=_enough(first, second, len(sessions)),
        differences=_differences(first, second, returns),
        decisions=compare_decisions(first, second),
    )


def _enough(first: RunFolder, second: RunFolder, sessions: int) -> Enough:
    trips = [run.summary()["metrics"].get(ALL, {}).get("trades") for run in (first, second)]
    return is_enough(sessions, min((each for each in trips if each is not None), default=None))


def _common_steps(left: Mapping[str, float], right: Mapping[str, float]) -> tuple[list[float], list[float]]:
    """Returns of both runs over the steps that both have: from the same session to the same one."""
    one, other = _steps(left), _steps(right)
    shared = [session for session in one if session in other and one[session][0] == other[session][0]]
    return [one[session][1] for session in shared], [other[session][1] for session in shared]


def _steps(equity: Mapping[str, float]) -> dict[str, Step]:
    return {later: (earlier, equity[later] / equity[earlier] - 1) for earlier, later in pairwise(equity) if equity[earlier] > 0}


def _differences(first: RunFolder, second: RunFolder, returns: tuple[list[float], list[float]]) -> dict[str, Difference]:
    import numpy as np

    rate = float(first.settings.get("cash_rate_per_year", 0.0))
    arrays = [np.array(each, dtype=np.float64) for each in returns]
    intervals, reason = _intervals(first, second, arrays, rate)
    figures = [_figures(array, rate) for array in arrays]
    found: dict[str, Difference] = {}
    for metric in (RETURN, SHARPE):
        one, other = (each[metric] for each in figures)
        ends = intervals.of_difference("second", "first", metric) if intervals is not None else {}
        found[metric] = Difference(
            first=one,
            second=other,
            difference=other - one if one is not None and other is not None else None,
            low=ends.get("low"),
            high=ends.get("high"),
            p_value=ends.get("p_value"),
            p_value_adjusted=ends.get("p_value"),
            by_block_length=ends.get("by_block_length") or {},
            reason=reason or ends.get("reason"),
        )
    return found


def _figures(returns: Any, rate: float) -> dict[str, float | None]:
    """Both metrics of session returns (n,); None where undefined."""
    import numpy as np

    from tradinggroup.backtest.metrics.returns import sharpe_ratio
    from tradinggroup.backtest.metrics.series import UndefinedError

    path = np.cumprod(np.concatenate([[1.0], 1 + returns]))
    try:
        sharpe = sharpe_ratio(path, cash_rate_per_year=rate)
    except UndefinedError:
        sharpe = None
    return {RETURN: float(path[-1] - 1) if len(returns) else None, SHARPE: sharpe}


def _intervals(first: RunFolder, second: RunFolder, arrays: Sequence[Any], rate: float) -> tuple[Any, str | None]:
    """The paired bootstrap of both runs, or None and why not."""
    from tradinggroup.backtest.statistics.block_length import BlockLength
    from tradinggroup.backtest.statistics.intervals import Bootstrap, Intervals

    count = len(arrays[0])
    if count < LEAST_RETURNS:
        return None, f"nothing is resampled under {LEAST_RETURNS} returns in common"
    if any((array <= -1).any() for array in arrays):
        return None, "an account lost everything"
    if (arrays[0] == arrays[1]).all():
        return None, "the returns are the same"
    holdings = [run.summary()["metrics"].get(ALL, {}).get("average_holding_sessions") or 0.0 for run in (first, second)]
    block = BlockLength.choose(*arrays, arrays[1] - arrays[0], holding_sessions=max(holdings))
    draws = int((first.settings.get("statistics") or {}).get("bootstrap_draws", DEFAULT_DRAWS))
    bootstrap = Bootstrap(count, draws, block.sessions, int(first.settings.get("seed", 0)), rate)
    return Intervals({"first": arrays[0], "second": arrays[1]}, bootstrap), None


def _adjusted(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The pairs with p-values that hold for all of them together."""
    from tradinggroup.backtest.statistics.p_values import holm_adjusted

    found = list(pairs)
    for metric in (RETURN, SHARPE):
        known = {str(place): pair.differences[metric].p_value for place, pair in enumerate(found)}
        adjusted = holm_adjusted({key: value for key, value in known.items() if value is not None})
        for key, value in adjusted.items():
            pair = found[int(key)]
            changed = replace(pair.differences[metric], p_value_adjusted=value)
            found[int(key)] = replace(pair, differences={**pair.differences, metric: changed})
    return tuple(found)


def _settings_that_differ(first: RunFolder, second: RunFolder) -> dict[str, tuple[Any, Any]]:
    left, right = ({**_flat(run.settings), **_other_inputs(run)} for run in (first, second))
    keys = [key for key in (*left, *(key for key in right if key not in left)) if key.partition(".")[0] not in NOT_COMPARED]
    return {key: (left.get(key), right.get(key)) for key in keys if left.get(key) != right.get(key)}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def _other_inputs(run: RunFolder) -> dict[str, Any]:
    """What a run is made from beside its settings, shortened to what tells one from another."""
    cards = {f"cards.{agent}": _short_hash(text) for agent, text in (run.header.get("cards") or {}).items()}
    return {"data": _short_hash(str((run.header.get("bundle") or {}).get("hash", ""))), **cards}


def _short_hash(text: str) -> str:
    return text.removeprefix("sha256:")[:6]
