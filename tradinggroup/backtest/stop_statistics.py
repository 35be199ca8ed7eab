"""How stops really ended: what exits lost against what their threshold promised, and how often a stop moved away.

Computed from the rows of a run. A stop that is found at a close fills later, at a price of its own, and a gap goes through every
stop: so the loss of an exit is not its threshold, and this says by how much. A threshold that is recomputed each session may also
move down under a position that is losing, which a reader of "stop at 2 sigma" would not expect.
"""

from __future__ import annotations

import itertools
import statistics
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tradinggroup.risk.rebasing import rebase_shares
from tradinggroup.risk.verdicts import ReasonCode

Rows = Sequence[Mapping[str, Any]]
Splits = Sequence[tuple[str, float]]
"""(ex-session, new shares for one old) of one symbol, in their order; sessions as ISO texts, as in the rows."""

ALL = "ALL"
NO_STOP = "no stop-loss exit"
LOWER = 1 - 1e-9
"""A stop price below this share of the one before has moved down; anything nearer is rounding."""


@dataclass(frozen=True, slots=True)
class StopStatistics:
    """Exits by the risk layer, of one symbol or of all together."""

    stop_exits: int
    """STOP_LOSS orders that sold at least one share."""
    target_exits: int
    """TAKE_PROFIT orders, likewise."""
    loss_over_threshold_median: float | None
    """Return of a stop-loss exit (fill price over average cost, less one, without commission) over the threshold that it was sold at.

    1 is what was promised, 2 a loss twice as deep, a negative ratio an exit at a profit. Exits whose stop stood at the average cost
    or above (`stop_anchor = "tighten_only"` after adding lower) have no such ratio.
    """
    loss_over_threshold_p95: float | None
    """95 % of the exits were no worse, interpolated between neighbours."""
    loss_over_threshold_worst: float | None
    losing_sessions: int
    """Closes at which a position stood at a loss that was also held at the decision before."""
    widened_sessions: int
    """Those of them on which the stop price was lower than at the decision before, on the same share scale."""
    reason: str | None
    """Why there is no ratio; None where there is one."""

    def to_plain(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Found:
    ratios: list[float]
    stops: int
    targets: int
    losing: int
    widened: int


def stop_statistics(decisions: Rows, *, orders: Rows, fills: Rows, splits: Mapping[str, Splits]) -> dict[str, StopStatistics]:
    """Statistics by symbol and, where there is any symbol, of ALL.

    Args:
        decisions: lines of `decisions.jsonl`, which hold the thresholds in force and the account they are compared with.
        orders, fills: rows of the files of that name.
        splits: of each symbol with any; share counts and prices before one are rescaled.
    """
    symbols = sorted({line["symbol"] for line in decisions})
    found = {
        symbol: _of_symbol(
            [line for line in decisions if line["symbol"] == symbol],
            orders=[row for row in orders if row["symbol"] == symbol],
            fills=[row for row in fills if row["symbol"] == symbol],
            splits=splits.get(symbol, ()),
        )
        for symbol in symbols
    }
    result = {symbol: _summed([each]) for symbol, each in found.items()}
    return result | ({ALL: _summed(list(found.values()))} if found else {})


def _summed(found: Sequence[_Found]) -> StopStatistics:
    ratios = sorted(ratio for each in found for ratio in each.ratios)
    return StopStatistics(
        stop_exits=sum(each.stops for each in found),
        target_exits=sum(each.targets for each in found),
        loss_over_threshold_median=statistics.median(ratios) if ratios else None,
        loss_over_threshold_p95=_quantile(ratios, 0.95) if ratios else None,
        loss_over_threshold_worst=ratios[-1] if ratios else None,
        losing_sessions=sum(each.losing for each in found),
        widened_sessions=sum(each.widened for each in found),
        reason=None if ratios else NO_STOP,
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _of_symbol(lines: Rows, *, orders: Rows, fills: Rows, splits: Splits) -> _Found:
    exits = _exits(orders, fills, splits)
    sessions = [line["session"] for line in lines]
    ratios = []
    for order, change in exits:
        if order["reason_code"] == ReasonCode.STOP_LOSS:
            place = _place_of_decision(order, sessions, lines)
            threshold = _stop_fraction(lines[place]) if place is not None else None
            if threshold is not None and threshold < 0:
                ratios.append(change / threshold)
    losing = list(_losing_pairs(lines, _emptied(fills, splits)))
    return _Found(
        ratios=ratios,
        stops=sum(order["reason_code"] == ReasonCode.STOP_LOSS for order, _ in exits),
        targets=sum(order["reason_code"] == ReasonCode.TAKE_PROFIT for order, _ in exits),
        losing=len(losing),
        widened=sum(_is_widened(before, after, splits) for before, after in losing),
    )


def _exits(orders: Rows, fills: Rows, splits: Splits) -> list[tuple[Mapping[str, Any], float]]:
    """Forced orders that sold something, each with its return on the average cost of the shares that went."""
    by_id = {order["order_id"]: order for order in orders if order["reason_code"] in (ReasonCode.STOP_LOSS, ReasonCode.TAKE_PROFIT)}
    cost_usd: dict[str, float] = {}
    proceeds_usd: dict[str, float] = {}
    for fill, average_usd in _costs(fills, splits):
        name = fill["order_id"]
        if name in by_id and average_usd:
            cost_usd[name] = cost_usd.get(name, 0.0) - fill["shares"] * average_usd
            proceeds_usd[name] = proceeds_usd.get(name, 0.0) - fill["shares"] * fill["price_usd"]
    return [(by_id[name], proceeds_usd[name] / cost_usd[name] - 1) for name in cost_usd]


def _costs(fills: Rows, splits: Splits) -> Iterator[tuple[Mapping[str, Any], float]]:
    """Each fill with the average cost a share before it, on its own share scale; 0 when flat."""
    held, average_usd, done = 0, 0.0, ""
    for fill in fills:
        ratio = _ratio(splits, after=done, through=fill["session"])
        held, done = rebase_shares(held, ratio), fill["session"]
        average_usd = average_usd / ratio if held else 0.0
        yield fill, average_usd
        if fill["shares"] > 0:
            average_usd = (held * average_usd + fill["shares"] * fill["price_usd"]) / (held + fill["shares"])
        held += fill["shares"]


def _place_of_decision(order: Mapping[str, Any], sessions: Sequence[str], lines: Rows) -> int | None:
    """Where the decision stands whose thresholds the order was sold at: its own, or the last one before an exit inside a bar."""
    place = bisect_left(sessions, order["session"])
    if place < len(lines) and lines[place]["sizing"]["order_id"] == order["order_id"]:
        return place
    return place - 1 if place else None


def _emptied(fills: Rows, splits: Splits) -> list[tuple[str, str]]:
    """(session, order id) of every fill that left nothing of a position."""
    held, done, found = 0, "", []
    for fill in fills:
        held = rebase_shares(held, _ratio(splits, after=done, through=fill["session"])) + fill["shares"]
        done = fill["session"]
        if not held:
            found.append((done, fill["order_id"]))
    return found


def _losing_pairs(lines: Rows, emptied: Sequence[tuple[str, str]]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """(decision before, decision) of every close at which a position held from the one to the other stands at a loss.

    One that was sold and bought anew in between is another position. What the later decision itself ordered comes after it.
    """
    for before, after in itertools.pairwise(lines):
        own = after["sizing"]["order_id"]
        if any(before["session"] < session <= after["session"] and name != own for session, name in emptied):
            continue
        profit = after["sizing"]["account"]["unrealised_fraction"]
        is_held = before["sizing"]["account"]["shares"] and after["sizing"]["account"]["shares"]
        if is_held and profit is not None and profit < 0 and _stop_fraction(before) is not None and _stop_fraction(after) is not None:
            yield before, after


def _is_widened(before: Mapping[str, Any], after: Mapping[str, Any], splits: Splits) -> bool:
    ratio = _ratio(splits, after=before["session"], through=after["session"])
    return _stop_price_usd(after) < _stop_price_usd(before) / ratio * LOWER


def _stop_price_usd(line: Mapping[str, Any]) -> float:
    return float(line["sizing"]["account"]["average_cost_usd"] * (1 + line["risk"]["thresholds"]["stop_loss_fraction"]))


def _stop_fraction(line: Mapping[str, Any]) -> float | None:
    limits = line["risk"]["thresholds"]
    return None if limits is None else float(limits["stop_loss_fraction"])


def _ratio(splits: Splits, *, after: str, through: str) -> float:
    """New shares for one old by the splits of these sessions."""
    ratio = 1.0
    for session, each in splits:
        if after < session <= through:
            ratio *= each
    return ratio
