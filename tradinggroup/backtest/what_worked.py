"""What followed on what the agents saw and said: mean returns by group of decisions, and where the profit came from.

A return counts from the price that an order of the decision would have filled at, whether one was sent or not, to the close 1, 5 or
20 sessions on, splits and dividends included. It is taken from the outcomes of a run, so it needs no prices and knows nothing that
the run had not recorded. None of it says why: groups differ in many things at once.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tradinggroup.backtest.metrics.series import Values
from tradinggroup.backtest.sink import Row
from tradinggroup.backtest.statistics.resampling import drawn_places, session_counts, stream, widening

HORIZONS_SESSIONS = (1, 5, 20)
LEAST_DECISIONS = 10
"""Decisions of a group below which its mean has no interval (ours)."""
LEAST_SESSIONS_A_HORIZON = 5
"""Sessions of a group, in horizons, below which it has none: returns over 20 sessions overlap (ours)."""
DRAWS = 999
LEVEL = 0.95
SHORTEST_BLOCK_SESSIONS = 5
ALL_DECISIONS = "all decisions"
FORCED = "forced exit"
NO_ANSWER = "no usable answer"
NO_NEWS = "no news"
TERCILES = ("lowest third", "middle third", "highest third")

Place = tuple[str, str]
"""(symbol, session) of a decision."""


@dataclass(frozen=True, slots=True)
class MeanReturn:
    """Of one group over one horizon. The interval is at 95 %, over sessions drawn in blocks, all symbols together."""

    decisions: int
    """Those whose return is known: it is not for the last ones of a run."""
    mean_fraction: float | None
    low_fraction: float | None
    high_fraction: float | None
    reason: str | None
    """Why there is no interval; None where there is one."""


@dataclass(frozen=True, slots=True)
class GroupReturns:
    """Decisions that have something in common."""

    kind: str
    """`news score`, `forecast`, `forecast after the gate`, `action`, `style`; of all decisions it is empty."""
    name: str
    by_horizon: Mapping[int, MeanReturn]


def returns_by_group(decisions: Sequence[Row], outcomes: Sequence[Row], *, seed: int) -> list[GroupReturns]:
    """Mean returns of all decisions, then of each group, in the order of the chain.

    Args:
        decisions: lines of `decisions.jsonl`.
        outcomes: lines of `outcomes.jsonl`.
        seed: of the resampling.
    """
    known = {horizon: forward_returns(outcomes, horizon_sessions=horizon) for horizon in HORIZONS_SESSIONS}
    sessions = sorted({line["session"] for line in decisions})
    counts = {horizon: _drawn_counts(len(sessions), horizon, seed) for horizon in HORIZONS_SESSIONS} if sessions else {}
    groups: dict[tuple[str, str], list[Place]] = {}
    terciles = _terciles(decisions)
    for line in decisions:
        for group in _groups_of(line, terciles):
            groups.setdefault(group, []).append((line["symbol"], line["session"]))
    order = {name: place for place, name in enumerate(_ORDER)}
    return [
        GroupReturns(kind, name, {horizon: _mean(places, known[horizon], sessions, counts[horizon], horizon) for horizon in counts})
        for (kind, name), places in sorted(groups.items(), key=lambda item: (_KINDS.index(item[0][0]), order.get(item[0][1], len(order))))
    ]


_KINDS = ("", "news score", "forecast", "forecast after the gate", "action", "style")
_ORDER = (
    ALL_DECISIONS, *TERCILES, NO_NEWS, "up", "sideways", "down", "buy", "hold", "sell", FORCED, NO_ANSWER, "aggressive", "balanced",
    "conservative",
)  # fmt: skip


def forward_returns(outcomes: Sequence[Row], *, horizon_sessions: int) -> dict[Place, float]:
    """(symbol, session) of a decision -> return from its fill's price to the close that many sessions on; only where it is known.

    The first session counts from the fill, the others from close to close: (1 + r1) (1 + r2) … - 1.
    """
    by_symbol: dict[str, list[Row]] = {}
    for line in outcomes:
        if line["kind"] == "forecast":
            by_symbol.setdefault(line["symbol"], []).append(line)
    found: dict[Place, float] = {}
    for symbol, lines in by_symbol.items():
        lines.sort(key=lambda line: str(line["decision_session"]))
        for place, line in enumerate(lines):
            first = line.get("fill_return_fraction")
            later = [each.get("return_fraction") for each in lines[place + 1 : place + horizon_sessions]]
            if first is not None and len(later) == horizon_sessions - 1 and None not in later:
                found[symbol, line["decision_session"]] = math.prod(1 + change for change in (first, *later)) - 1
    return found


def _groups_of(line: Row, terciles: tuple[float, float] | None) -> Iterator[tuple[str, str]]:
    yield "", ALL_DECISIONS
    score = _news_score(line)
    if terciles is not None:
        yield "news score", NO_NEWS if score is None else TERCILES[(score > terciles[0]) + (score > terciles[1])]
    forecast = line["forecasting"]
    if forecast["failure"] is None:
        yield "forecast", forecast["argmax_label"]
        yield "forecast after the gate", forecast["gated_label"]
    yield "action", FORCED if line["decision"] is None else line["decision"]["action"] or NO_ANSWER
    yield "style", line["style_selection"]["style"]


def _news_score(line: Row) -> float | None:
    news = line["news_sentiment"]
    return None if news["no_news"] or news["failure"] is not None else float(news["score"])


def _terciles(decisions: Sequence[Row]) -> tuple[float, float] | None:
    """The scores that cut all of the run's into thirds, in hindsight; None without news or where all scores are alike."""
    scores = [score for line in decisions if (score := _news_score(line)) is not None]
    if not scores or min(scores) == max(scores):
        return None
    low, high = np.quantile(scores, (1 / 3, 2 / 3)).tolist()
    return low, high


def _drawn_counts(sessions: int, horizon: int, seed: int) -> Values:
    """How often each session is drawn (draws, sessions); blocks as long as the horizon, so that overlapping returns stay together."""
    places = drawn_places(
        sessions, draws=DRAWS, block_sessions=_block(horizon), random=stream(seed, f"what worked over {horizon} sessions")
    )
    return session_counts(places)


def _block(horizon: int) -> int:
    return max(SHORTEST_BLOCK_SESSIONS, horizon)


def _mean(places: Sequence[Place], known: Mapping[Place, float], sessions: Sequence[str], counts: Values, horizon: int) -> MeanReturn:
    values = [(session, known[symbol, session]) for symbol, session in places if (symbol, session) in known]
    if not values:
        return MeanReturn(0, None, None, None, "no return is known")
    mean = math.fsum(value for _, value in values) / len(values)
    held = len({session for session, _ in values})
    needed = max(LEAST_DECISIONS, LEAST_SESSIONS_A_HORIZON * horizon)
    if held < needed:
        return MeanReturn(len(values), mean, None, None, f"{held} sessions, {needed} are needed")
    row = {session: place for place, session in enumerate(sessions)}
    sums, numbers = np.zeros(len(sessions)), np.zeros(len(sessions))
    for session, value in values:
        sums[row[session]] += value
        numbers[row[session]] += 1
    drawn = counts @ numbers
    means = (counts @ sums)[drawn > 0] / drawn[drawn > 0]
    wider = mean + (means - mean) * widening(len(sessions), _block(horizon))
    low, high = np.quantile(wider, ((1 - LEVEL) / 2, (1 + LEVEL) / 2)).tolist()
    return MeanReturn(len(values), mean, round(low, 6), round(high, 6), None)


@dataclass(frozen=True, slots=True)
class ProfitSplit:
    """Where the profit of an account, or of all, came from, in USD. The three parts add up to `profit_usd`.

    It is one of several sensible splits, not the only one. What `forced_exits_usd` is measured against never happened.
    """

    profit_usd: float
    """Last equity less the opening cash, commission and slippage included; before the model's bill."""
    decisions_usd: float
    """The rest: entries and exits as the decision agent asked, each at the account's mean weight, with all costs."""
    forced_exits_usd: float
    """What forced sales saved (positive) or forwent (negative): their shares held on until the agent next asked to buy or sell."""
    sizing_usd: float
    """What a position that was larger or smaller than the account's mean weight added."""

    def to_plain(self) -> dict[str, float]:
        """The fields by name."""
        return asdict(self)


def profit_split(
    symbols: Sequence[str],
    *,
    cash_usd: float,
    decisions: Sequence[Row],
    outcomes: Sequence[Row],
    equity: Sequence[Row],
    orders: Sequence[Row],
    fills: Sequence[Row],
) -> dict[str, ProfitSplit]:
    """The split of each symbol with equity, and their sums as `ALL`; empty without any.

    Args:
        symbols: the run's.
        cash_usd: opening cash of each account.
        decisions, outcomes, equity, orders, fills: rows of the files of that name, of all symbols.
    """
    found: dict[str, ProfitSplit] = {}
    for symbol in symbols:
        rows = [row for row in equity if row["symbol"] == symbol]
        if not rows:
            continue
        changes = {
            line["decision_session"]: line["return_fraction"]
            for line in outcomes
            if line["kind"] == "forecast" and line["symbol"] == symbol and line["return_fraction"] is not None
        }
        profit = rows[-1]["equity_usd"] - cash_usd
        forced = _forced_exits(
            rows,
            changes,
            asked=[line["session"] for line in decisions if line["symbol"] == symbol and _asks_to_trade(line)],
            forced={order["order_id"] for order in orders if order["symbol"] == symbol and order["forced"]},
            fills=[fill for fill in fills if fill["symbol"] == symbol],
        )
        sizing = _sizing(rows, changes)
        found[symbol] = ProfitSplit(profit, profit - forced - sizing, forced, sizing)
    if not found:
        return {}
    columns = zip(*(each.to_plain().values() for each in found.values()), strict=True)
    return {**found, "ALL": ProfitSplit(*(math.fsum(column) for column in columns))}


def _asks_to_trade(line: Row) -> bool:
    return line["decision"] is not None and line["decision"]["action"] in ("buy", "sell")


def _forced_exits(
    rows: Sequence[Row], changes: Mapping[str, float], *, asked: Sequence[str], forced: set[str], fills: Sequence[Row]
) -> float:
    """Less what the shares sold by force would have earned from their fill to the close at which the agent next asked for a trade."""
    closes = {row["session"]: row["close_usd"] for row in rows}
    saved = []
    for fill in fills:
        close = closes.get(fill["session"])
        if fill["order_id"] not in forced or close is None:
            continue
        until = next((session for session in asked if session >= fill["session"]), rows[-1]["session"])
        growth = close / fill["price_usd"] * _growth(changes, fill["session"], until)
        saved.append(fill["shares"] * fill["price_usd"] * (growth - 1))  # shares of a sale are negative
    return math.fsum(saved)


def _growth(changes: Mapping[str, float], first: str, last: str) -> float:
    """Growth from the close of `first` to that of `last`; a session without a known return counts as still."""
    return math.prod(1 + change for session, change in changes.items() if first <= session < last)


def _sizing(rows: Sequence[Row], changes: Mapping[str, float]) -> float:
    """Equity times the return to the next close times the weight less the mean weight, over the closes with a position."""
    held = [
        (row["equity_usd"], row["shares"] * row["close_usd"] / row["equity_usd"], changes[row["session"]])
        for row, _ in itertools.pairwise(rows)
        if row["shares"] and row["close_usd"] is not None and row["session"] in changes and row["equity_usd"] > 0
    ]
    if not held:
        return 0.0
    mean_weight = math.fsum(weight for _, weight, _ in held) / len(held)
    return math.fsum(equity * (weight - mean_weight) * change for equity, weight, change in held)
