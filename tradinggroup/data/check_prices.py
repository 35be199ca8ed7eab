"""Checks of a bundle's prices and actions."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from datetime import date

import numpy as np
import pandas as pd

from tradinggroup.data.adjust import close_before
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.findings import Finding, Severity
from tradinggroup.data.records import ActionKind, CorporateAction, PriceBasis

SPLIT_LIKE = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0)
SPLIT_TOLERANCE = 0.05
"""Share by which a jump may miss a split's ratio: the market moves on that day too."""
ROUNDING = 1e-6
ADJUSTMENT_TOLERANCE = 1e-3
LARGE_MOVE_FRACTION = 0.3
"""From one close to the next, up or down by this much."""
STALE_SESSIONS = 3
"""So many bars alike in all four prices are no market."""
CENT_TOLERANCE = 0.02
"""Of a cent: sources keep single precision."""
BROKEN_CENTS_SHARE = 0.2
"""More closes between the cents than this are no closes that were traded."""
WHOLE_CENTS_FROM_USD = 1.0
"""Below, shares are quoted in parts of a cent."""


def price_findings(bundle: Bundle, frames: BundleFrames) -> Iterator[Finding]:
    """Findings about the bundle's price basis, then of each symbol."""
    if bundle.levels_unsafe:
        text = f"Prices are {bundle.basis.value}: their levels know of later splits or dividends, so no level is shown to an agent."
        yield Finding("warning", "levels_unsafe", "", None, text, len(frames.prices))
    for symbol, prices in frames.prices.groupby("symbol", sort=True):
        name = str(symbol)
        actions = frames.actions[frames.actions["symbol"] == name]
        yield from _gaps(name, prices, bundle.calendar)
        yield from _extra_sessions(name, prices, bundle.calendar)
        yield from _rows_where(name, prices, prices["volume_shares"] == 0, "warning", "zero_volume", "sessions without volume")
        yield from _rows_where(name, prices, _repeated(prices), "warning", "stale_prices", "sessions with the bar of the sessions before")
        yield from _rows_where(
            name, prices, prices["high_usd"] < prices["low_usd"] * (1 - ROUNDING), "error", "high_below_low", "bars whose high is below low"
        )
        yield from _rows_where(
            name, prices, _outside_range(prices), "warning", "bar_inconsistent", "bars whose open or close is outside low..high"
        )
        yield from _split_like(name, prices, actions)
        yield from _large_moves(name, prices, actions)
        yield from _large_dividends(name, prices, actions)
        if bundle.basis is PriceBasis.AS_TRADED:
            yield from _broken_cents(name, prices)
        if bundle.basis is not PriceBasis.TOTAL_RETURN:
            yield from _unexplained_adjustments(name, prices, actions)


def _rows_where(symbol: str, prices: pd.DataFrame, mask: pd.Series, severity: Severity, code: str, what: str) -> Iterator[Finding]:
    chosen = prices.loc[mask, "session"]
    if len(chosen):
        yield Finding(severity, code, symbol, chosen.iloc[0], f"{len(chosen)} {what}, the first on {chosen.iloc[0]}.", len(chosen))


def _outside_range(prices: pd.DataFrame) -> pd.Series:
    high, low = prices["high_usd"] * (1 + ROUNDING), prices["low_usd"] * (1 - ROUNDING)
    outside = (prices["close_usd"] > high) | (prices["close_usd"] < low) | (prices["open_usd"] > high) | (prices["open_usd"] < low)
    return pd.Series(outside)


def _gaps(symbol: str, prices: pd.DataFrame, calendar: ExchangeCalendar) -> Iterator[Finding]:
    """Sessions without a bar between the symbol's first and last."""
    there = set(prices["session"])
    missing = [day for day in calendar.sessions(min(there), max(there)) if day not in there]
    if missing:
        text = f"{len(missing)} sessions without a bar, the first on {missing[0]}: no decision is made on them."
        yield Finding("warning", "price_gap", symbol, missing[0], text, len(missing))


def _extra_sessions(symbol: str, prices: pd.DataFrame, calendar: ExchangeCalendar) -> Iterator[Finding]:
    """Bars of days on which the exchange was closed. `write_bundle` refuses them; a bundle may be of another maker."""
    strange = [day for day in prices["session"] if not calendar.is_session(day)]
    if strange:
        yield Finding(
            "error", "extra_session", symbol, strange[0], f"{len(strange)} bars of closed days, the first on {strange[0]}.", len(strange)
        )


def _repeated(prices: pd.DataFrame) -> pd.Series:
    """Bars alike in all four prices to the STALE_SESSIONS - 1 bars before them, or to others of such a run."""
    levels = prices[["open_usd", "high_usd", "low_usd", "close_usd"]]
    same = (levels == levels.shift()).all(axis=1)
    run = same.groupby((~same).cumsum()).transform("sum")
    return pd.Series(same & (run >= STALE_SESSIONS - 1))


def _broken_cents(symbol: str, prices: pd.DataFrame) -> Iterator[Finding]:
    """Closes between the cents, under the label as_traded: prices of later splits (or of an adjusted column)."""
    cents = prices["close_usd"] * 100
    broken = (cents - cents.round()).abs() > CENT_TOLERANCE + cents * 2e-7
    broken &= prices["close_usd"] >= WHOLE_CENTS_FROM_USD
    if broken.mean() > BROKEN_CENTS_SHARE:
        first, last = prices.loc[broken, "session"].iloc[0], prices.loc[broken, "session"].iloc[-1]
        text = f"{int(broken.sum())} closes are no whole cents, the first on {first}, the last on {last}: not as traded."
        yield Finding("warning", "not_as_traded", symbol, first, text, int(broken.sum()))


def _large_moves(symbol: str, prices: pd.DataFrame, actions: pd.DataFrame) -> Iterator[Finding]:
    """Steps between closes of LARGE_MOVE_FRACTION and more on sessions without an action."""
    steps = prices["close_usd"].pct_change().abs()
    large = (steps >= LARGE_MOVE_FRACTION) & ~prices["session"].isin(set(actions["ex_session"]))
    days = list(prices.loc[large, "session"])
    if days:
        largest = f"{steps[large].max():.0%} on {days[int(np.argmax(steps[large].to_numpy()))]}"
        text = f"{len(days)} moves of {LARGE_MOVE_FRACTION:.0%} or more between closes, the first on {days[0]}, the largest {largest}."
        yield Finding("note", "large_move", symbol, days[0], text, len(days))


def _split_like(symbol: str, prices: pd.DataFrame, actions: pd.DataFrame) -> Iterator[Finding]:
    """Jumps from a close to the next open by about the ratio of a split, without a split on that session."""
    known = set(actions.loc[actions["kind"] == ActionKind.SPLIT.value, "ex_session"])
    closes, opens = prices["close_usd"].to_numpy(), prices["open_usd"].to_numpy()
    steps = closes[:-1] / opens[1:]
    folded = np.maximum(steps, 1 / steps)
    nearest = np.min(np.abs(folded[:, None] / np.array(SPLIT_LIKE) - 1), axis=1) if len(folded) else folded
    for position in np.flatnonzero(nearest <= SPLIT_TOLERANCE):
        session: date = prices["session"].iloc[int(position) + 1]
        if session not in known:
            text = (
                f"The open of {session} is {1 / steps[position]:.4g} times the close before it: an unadjusted split, or a very large move."
            )
            yield Finding("warning", "unadjusted_split", symbol, session, text, 1)


def _large_dividends(symbol: str, prices: pd.DataFrame, actions: pd.DataFrame) -> Iterator[Finding]:
    """Dividends that are not below the close before them: no history can be adjusted for them.

    `write_bundle` refuses them; a bundle may have been written by an earlier version.
    """
    sessions, closes_usd = list(prices["session"]), prices["close_usd"].to_numpy()
    records = _records(symbol, actions)
    for action in records:
        previous_usd = close_before(action.ex_session, sessions, closes_usd, records)
        if action.cash_usd is not None and previous_usd is not None and action.cash_usd >= previous_usd:
            text = f"A dividend of {action.cash_usd:g} USD on {action.ex_session} is not below the close before it ({previous_usd:g} USD)."
            yield Finding("error", "dividend_too_large", symbol, action.ex_session, text, 1)


def _unexplained_adjustments(symbol: str, prices: pd.DataFrame, actions: pd.DataFrame) -> Iterator[Finding]:
    """Steps of the source's adjusted closes that the actions do not explain."""
    quotient = (prices["adjusted_close_usd"] / prices["close_usd"]).to_numpy()
    sessions, closes_usd = list(prices["session"]), prices["close_usd"].to_numpy()
    expected = np.ones(len(sessions))
    records = _records(symbol, actions)
    for action in records:
        position = bisect_left(sessions, action.ex_session)
        previous_usd = close_before(action.ex_session, sessions, closes_usd, records)
        if previous_usd is not None and position < len(sessions):
            expected[position] *= action.ratio or 1 / max(1 - (action.cash_usd or 0) / previous_usd, ROUNDING)
    wrong = np.abs(quotient[1:] / quotient[:-1] / expected[1:] - 1) > ADJUSTMENT_TOLERANCE
    positions = np.flatnonzero(wrong) + 1
    if len(positions):
        first: date = sessions[positions[0]]
        text = f"{len(positions)} steps of the source's adjusted closes that no split or dividend explains, the first on {first}."
        yield Finding("warning", "adjustment_unexplained", symbol, first, text, len(positions))


def _records(symbol: str, actions: pd.DataFrame) -> list[CorporateAction]:
    """The rows of `actions` as records."""
    columns = ("kind", "ex_session", "ratio", "cash_usd", "known_at")
    return [
        CorporateAction(
            symbol, ActionKind(kind), ex_session, None if math.isnan(ratio) else ratio, None if math.isnan(cash) else cash, known_at
        )
        for kind, ex_session, ratio, cash, known_at in zip(*(actions[name].tolist() for name in columns), strict=True)
    ]
