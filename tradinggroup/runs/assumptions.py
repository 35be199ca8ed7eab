"""What a run assumes about fills and money, in words, for exactly the settings that it had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.runs.figures import percent

Settings = Mapping[str, Any]

FINSABER_ASSUMPTIONS = (
    "the rules of the paper's baselines, to reproduce its table and not to be believed: a bar for every calendar day, fills at the "
    "next bar's open (on closed days the last session's), shorts, commission on top, Sharpe against 3 % a year: docs/table1.md"
)
BASES = {
    "as_traded": "prices as traded: splits and dividends are booked on their ex-session",
    "split_adjusted": "prices adjusted for splits: dividends are booked on their ex-session, share counts are on the adjusted scale",
    "total_return": "prices adjusted for splits and dividends: nothing is booked, share counts are on the adjusted scale",
}
FILLS = {
    "next_open": "the next open",
    "next_close": "the next close",
    "same_close": "the same close, as if a price could be known and traded at once (optimistic)",
}


def assumption_lines(header: Mapping[str, Any]) -> list[str]:
    """One line per assumption of the run with this header. A key that an older run does not have counts as its default."""
    settings = header.get("settings") or {}
    if settings.get("convention") == "finsaber":
        return [FINSABER_ASSUMPTIONS]
    lines = [
        f"decisions {_clock(settings)}, fills at {FILLS[settings.get('fill', 'next_open')]}; "
        f"{_commission(settings.get('costs') or {})}; {_slippage(settings.get('costs') or {})}",
        *_volume(settings.get("execution") or {}),
    ]
    if _has_stops(settings):
        lines.append(_stops(header.get("stop_mode", "close")))
    lines += [*_basis(header), *_universe(header)]
    return [*lines, _end(settings)]


def _has_stops(settings: Settings) -> bool:
    """Whether anybody in the run stands under the risk layer: the agents, or guarded baselines."""
    return bool(settings.get("guarded")) or (settings.get("agents_enabled", True) and "risk" not in settings.get("without", ()))


def _clock(settings: Settings) -> str:
    if settings.get("decide") == "pre_open":
        return f"{settings['pre_open_minutes']} min before the next open on prices up to the close before"
    return "after close"


def _commission(costs: Settings) -> str:
    kind = costs.get("commission", "per_share")
    if kind == "none":
        return "no commission"
    if kind == "basis_points":
        return f"commission {costs['commission_bps']:g} bps of each fill"
    floor, cap = f"at least {costs.get('minimum_usd')} USD", f"at most {percent(costs.get('maximum_fraction'), signed=False)} of the value"
    is_cap_last = costs.get("order") == "minimum_then_cap"
    bounds = f"{floor}, but {cap}" if is_cap_last else f"{cap}, but {floor}"
    return f"commission {costs.get('per_share_usd')} USD a share, {bounds} a fill"


def _slippage(costs: Settings) -> str:
    parts = [
        f"{costs[key]:g} bps of {name}"
        for key, name in (("slippage_bps", "slippage"), ("half_spread_bps", "half-spread"))
        if costs.get(key)
    ]
    return f"each fill {' and '.join(parts)} worse than its quoted price" if parts else "no slippage, no spread"


def _volume(execution: Settings) -> Iterator[str]:
    share = execution.get("volume_cap_fraction")
    if share:
        yield (
            f"purchases of a bar take at most {percent(share, signed=False)} of its volume, and sales as much; "
            "the rest waits for the next ones, that of a stop or target before any answer"
        )
    else:
        yield "any number of shares fills in one bar, whatever its volume, and moves no price"


def _stops(mode: str) -> str:
    if mode == "intraday":
        return "stop and target are orders inside the bar: a gap beyond one fills at the open, of both in one bar the stop fills"
    return "stops are checked at each close, and the sale fills like any order: a gap goes through the stop"


def _basis(header: Mapping[str, Any]) -> Iterator[str]:
    basis = (header.get("bundle") or {}).get("basis")
    if basis in BASES:
        yield BASES[basis]


def _universe(header: Mapping[str, Any]) -> Iterator[str]:
    universe = header.get("universe") or {}
    if universe.get("dated"):
        yield f"symbols: {universe['note']}; each is decided only while it belonged, and sold after its last session (membership.csv)"
    elif universe:
        yield f"symbols: {universe['note']}"


def _end(settings: Settings) -> str:
    execution = settings.get("execution") or {}
    ended = ""
    if execution:
        haircut = percent(execution["delisting_haircut_fraction"], decimals=0, signed=False)
        ended = f"; shares of a symbol without any later bar are closed after {execution['delisting_sessions']} sessions, {haircut} lower"
    cash = percent(settings.get("cash_rate_per_year"), signed=False)
    return f"cash earns {cash} a year; open positions are marked at the end, not sold{ended}"
