"""Warm-up: how much do decisions move with less history in front, or a later start?

Features reach back over a fixed number of closes, averages reach back further, and the desk remembers its own outcomes. A result that
hangs on where the data begin, or on the day of the start, says little about any other day.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

from tradinggroup.audit.answers import AnswersWithoutModel
from tradinggroup.audit.finding import Verdict
from tradinggroup.audit.observed import Observed
from tradinggroup.audit.passes import Workshop, run_reference
from tradinggroup.audit.shadow import ShadowBundle
from tradinggroup.backtest.market import SymbolMarket, market_of
from tradinggroup.data.bundle_format import TABLES, BundleFrames
from tradinggroup.data.features import closes_needed
from tradinggroup.data.symbol_data import NewsTable, SymbolData, microseconds
from tradinggroup.desk.graph import build_graphs
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.registry import is_local
from tradinggroup.retrieval.kept_embedder import VectorSources
from tradinggroup.runs.inputs import RunInputs
from tradinggroup.runs.window import markets_of

NAME = "warmup"
MOST_MOVED_FRACTION = 0.05
"""Share of the decisions above which a result hangs on its history (ours)."""
LATER_STARTS_SESSIONS = (5, 20)

Decided = dict[tuple[str, date], Observed]


@dataclass(frozen=True, slots=True)
class WarmupCase:
    """The run under one condition, over the decisions that both have."""

    name: str
    decisions: int
    features_differ: int
    moved: int
    """Decisions whose action is another."""
    moved_in_second_half: int
    """Of the later half of them: whether it fades."""
    is_judged: bool
    """Whether it counts in the verdict: less history does. A later start begins with another account, so it is only shown."""

    @property
    def moved_fraction(self) -> float | None:
        """Share of the decisions that moved; None without any."""
        return self.moved / self.decisions if self.decisions else None


@dataclass(frozen=True, slots=True)
class WarmupAudit:
    """What came of it."""

    subject: str
    verdict: Verdict
    cases: tuple[WarmupCase, ...]

    @property
    def ok(self) -> bool:
        """Whether decisions hold."""
        return self.verdict == "passed"

    @property
    def untestable(self) -> tuple[str, ...]:
        """What this run does not allow."""
        return (NAME,) if self.verdict == "untestable" else ()

    def to_check(self) -> dict[str, Any]:
        """The line of `checks.jsonl`."""
        return {
            "ok": self.verdict in ("passed", "untestable"),
            "verdict": self.verdict,
            "untestable": list(self.untestable),
            "cases": self._plain(),
        }

    def to_plain(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {"audit": NAME, "subject": self.subject, **self.to_check()}

    def _plain(self) -> list[dict[str, Any]]:
        return [{**asdict(case), "moved_fraction": case.moved_fraction} for case in self.cases]


def audit_warmup(inputs: RunInputs, *, subject: str) -> WarmupAudit:
    """Decide again with half of the history, with as little as the features need, and from later starts on, which are not judged.

    Only where rules answer: a model behind a server would have to be asked, so the verdict is `untestable` there.
    """
    if not all(is_local(name) for name in inputs.all_models):
        return WarmupAudit(subject, "untestable", ())
    markets = markets_of(inputs)
    with LoopThread() as loop:
        shop = Workshop(inputs, build_graphs(), loop, VectorSources())
        whole = _decided(shop, markets)
        cases = tuple(
            _case(name, whole, _decided(other, seen), is_judged=seen is markets) for name, other, seen in _conditions(shop, markets)
        )
    tested = [case.moved_fraction for case in cases if case.moved_fraction is not None and case.is_judged]
    verdict: Verdict = "too little" if not tested else "found" if max(tested) > MOST_MOVED_FRACTION else "passed"
    return WarmupAudit(subject, verdict, cases)


def _conditions(shop: Workshop, markets: Mapping[str, SymbolMarket]) -> Iterator[tuple[str, Workshop, Mapping[str, SymbolMarket]]]:
    inputs, sessions = shop.inputs, next(iter(markets.values())).sessions
    bundle = inputs.bundle
    before = bundle.calendar.sessions(bundle.first_session, sessions[0])[:-1]
    least = closes_needed(inputs.first.experiment.agents.forecasting)
    for count in sorted({max(least, len(before) // 2), least} - {len(before)}, reverse=True):
        if count < len(before):
            first = bundle.calendar.open_at(before[-count])
            short = ShadowBundle(bundle, _From(first), bundle.calendar.close_at(sessions[-1]))
            yield f"{count} of {len(before)} sessions before", replace(shop, inputs=replace(inputs, bundle=short)), markets
    for later in LATER_STARTS_SESSIONS:
        if later < len(sessions) - 1:
            seen = {symbol: market_of(bundle, symbol, sessions[later], sessions[-1]) for symbol in markets}
            yield f"a start {later} sessions later", shop, seen


def _decided(shop: Workshop, markets: Mapping[str, SymbolMarket]) -> Decided:
    found: Decided = {}
    for symbol, market in markets.items():
        reference = run_reference(shop, market, AnswersWithoutModel([], needs_recordings=False))
        found |= {(symbol, session): seen for session, seen in reference.observed.items()}
    return found


def _case(name: str, whole: Decided, other: Decided, *, is_judged: bool) -> WarmupCase:
    both = sorted(whole.keys() & other.keys(), key=lambda place: place[1])
    moved = [place for place in both if _action(whole[place]) != _action(other[place])]
    half = both[len(both) // 2][1] if both else None
    return WarmupCase(
        name=name,
        decisions=len(both),
        features_differ=sum(whole[place].line["features"] != other[place].line["features"] for place in both),
        moved=len(moved),
        moved_in_second_half=sum(half is not None and session >= half for _, session in moved),
        is_judged=is_judged,
    )


def _action(seen: Observed) -> Any:
    """What was decided: the answer's action, or that the risk layer sold."""
    decision = seen.line["decision"]
    return seen.line["risk"]["reason_code"] if decision is None else decision["action"]


@dataclass(frozen=True, slots=True)
class _From:
    """Removes what became known before a moment."""

    first: datetime

    def symbol(self, symbol: str, data: SymbolData, clock: datetime) -> SymbolData:  # noqa: ARG002 (the port's signature)
        """The rows of one symbol from the moment on."""
        micros = microseconds(self.first)
        bars = bisect_left(data.bar_known, micros)
        columns = ("opens_usd", "highs_usd", "lows_usd", "closes_usd", "vendor_closes_usd", "volumes_shares", "sessions", "bar_known")
        actions = tuple(action for action in data.actions if action.known_at >= self.first)
        return replace(
            data,
            **{name: getattr(data, name)[bars:] for name in columns},
            actions=actions,
            ex_sessions=tuple(action.ex_session for action in actions),
            news=_LateNews(data.news, micros),
        )

    def frames(self, frames: BundleFrames, clock: datetime) -> BundleFrames:  # noqa: ARG002 (the port's signature)
        """The rows of every table from the moment on."""
        return BundleFrames(**{name: getattr(frames, name)[getattr(frames, name)["known_at"] >= self.first] for name in TABLES})


class _LateNews(NewsTable):
    """The news from a moment on."""

    def __init__(self, whole: NewsTable, micros: int) -> None:
        self.__dict__.update(whole.__dict__)
        every, readable = bisect_left(whole.every_known, micros), bisect_left(whole.readable_known, micros)
        self.every, self.every_known = whole.every[every:], whole.every_known[every:]
        self.readable, self.readable_known = whole.readable[readable:], whole.readable_known[readable:]
