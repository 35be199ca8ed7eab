"""Splits and dividends from the steps of Adj Close ÷ Close, for sources without a list of actions (design, Time 7)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from tradinggroup.data.plain_prices import ActionRow, PriceFile, PriceRow
from tradinggroup.data.records import ActionKind

SPLIT_FROM = 1.2
"""A step up by less is a dividend; a step below 1 / SPLIT_FROM is a reverse split."""
LARGEST_DENOMINATOR = 10
SMALLEST_NOISE = 1e-6
"""Relative noise of sources that keep prices in single precision."""
CLOSE_DECIMALS = 4
"""As-traded closes are exact to the cent; adjusted ones are rounded to four digits or more."""
NOISE_FACTOR = 3
"""A step counts from this many times the largest rounding error on."""


def derive_actions(prices: PriceFile) -> tuple[ActionRow, ...]:
    """The actions that explain how Adj Close ÷ Close moves between the rows of `prices`.

    The quotient of a session over that of the session before is 1 without an action, R for an R:1 split of as-traded
    prices, and 1 / (1 - cash / previous close) for a dividend. Splits snap to fractions of small numbers. Cash is on the
    scale of the ex-session's prices, rounded to the digits that the source's own rounding leaves. Steps within that
    rounding are no actions; a step down that is no reverse split is left for `check_bundle` to report.
    """
    rows = prices.rows
    return tuple(action for before, row in pairwise(rows) for action in _step(before, row, prices.adjusted_decimals))


def _step(before: PriceRow, row: PriceRow, decimals: int) -> Sequence[ActionRow]:
    step = (row.adjusted_close_usd / row.close_usd) / (before.adjusted_close_usd / before.close_usd)
    noise = rounding_noise(before, row, decimals)
    ratio = _split_ratio(step, NOISE_FACTOR * noise)
    rest = step / float(ratio)
    actions = []
    if rest - 1 > NOISE_FACTOR * noise:
        previous_usd = before.close_usd / float(ratio)
        cash_usd = _rounded(previous_usd * (1 - 1 / rest), previous_usd * noise)
        actions.append(ActionRow(row.session, ActionKind.DIVIDEND, None, cash_usd))
    if ratio != 1:
        actions.append(ActionRow(row.session, ActionKind.SPLIT, float(ratio), None))
    return actions


def rounding_noise(before: PriceRow, row: PriceRow, adjusted_decimals: int) -> float:
    """The largest relative error of a step that comes from rounding the four prices it is made of."""
    adjusted_half = 0.5 * 10.0**-adjusted_decimals
    close_half = 0.5 * 10.0**-CLOSE_DECIMALS
    bound = adjusted_half * (1 / row.adjusted_close_usd + 1 / before.adjusted_close_usd)
    bound += close_half * (1 / row.close_usd + 1 / before.close_usd)
    return max(bound, SMALLEST_NOISE)


def _split_ratio(step: float, tolerance: float) -> Fraction:
    """The split in a step: a fraction of small numbers, or a whole ratio with a dividend beside it; 1 where there is none."""
    if 1 / SPLIT_FROM < step < SPLIT_FROM:
        return Fraction(1)
    near = (
        Fraction(step).limit_denominator(LARGEST_DENOMINATOR) if step > 1 else 1 / Fraction(1 / step).limit_denominator(LARGEST_DENOMINATOR)
    )
    if abs(step / float(near) - 1) <= max(tolerance, 10 * SMALLEST_NOISE):
        return near
    whole = Fraction(math.floor(step)) if step > 1 else 1 / Fraction(math.ceil(1 / step))
    return whole if 1 < step / float(whole) < 1.05 else Fraction(1)


def _rounded(cash_usd: float, noise_usd: float) -> float:
    digits = min(6, max(2, math.floor(-math.log10(noise_usd))))
    return round(cash_usd, digits) or cash_usd
