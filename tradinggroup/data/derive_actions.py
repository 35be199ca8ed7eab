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
STEPS_PER_USD = 400
"""Derived cash is a whole number of quarter cents; finer by tens for closes under 1 USD."""
ROUND_UP_FROM = 0.46
"""Part of a step. Not one half: eighths of a cent are paid, and the source's rounding would throw them to either side."""


def derive_actions(prices: PriceFile) -> tuple[ActionRow, ...]:
    """The actions that explain how Adj Close ÷ Close moves between the rows of `prices`.

    The quotient of a session over that of the session before is 1 without an action, R for an R:1 split of as-traded
    prices, and 1 / (1 - cash / previous close) for a dividend. Splits snap to fractions of small numbers. Cash is on the
    scale of the ex-session's prices, in steps that the close before chooses: the level of Adj Close knows of every later
    split and dividend, so it must not decide how a past one is rounded. Steps within the source's rounding are no
    actions; a step down that is no reverse split is left for `check_bundle` to report.
    """
    rows = prices.rows
    return tuple(action for before, row in pairwise(rows) for action in _step(before, row, prices.adjusted_decimals))


def _step(before: PriceRow, row: PriceRow, decimals: int) -> Sequence[ActionRow]:
    step = (row.adjusted_close_usd / row.close_usd) / (before.adjusted_close_usd / before.close_usd)
    noise = rounding_noise(before, row, decimals)
    ratio = _split_ratio(step, NOISE_FACTOR * noise)
    rest = step / float(ratio)
    actions = []
    previous_usd = before.close_usd / float(ratio)
    cash_usd = _rounded(previous_usd * (1 - 1 / rest), previous_usd)
    if cash_usd > 0 and rest - 1 > NOISE_FACTOR * noise:
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


def _rounded(cash_usd: float, previous_close_usd: float) -> float:
    """`cash_usd` in whole steps; 0 or less where it is less than one."""
    steps_per_usd = STEPS_PER_USD * 10.0 ** max(0, -math.floor(math.log10(previous_close_usd)))
    return math.floor(cash_usd * steps_per_usd + 1 - ROUND_UP_FROM) / steps_per_usd
