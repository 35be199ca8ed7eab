"""The six rule baselines of the convention. Each takes the bars of a window and says at every close what to order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np

from tradinggroup.backtest.finsaber.account import Holding, commission_usd
from tradinggroup.backtest.finsaber.bars import DayBars, Prices
from tradinggroup.backtest.indicators import average_true_range, population_deviation, simple_average

FAST_BARS = 10
SLOW_BARS = 20
ATR_BARS = 14
ATR_WIDTH = 1.5
BOLLINGER_BARS = 20
BOLLINGER_WIDTH = 2.0
INVESTED_FRACTION = 0.95
FLAT_WEEKDAY = 3
"""On this weekday of the month (counted from Monday to Friday, holidays too) Turn of the Month sells."""
DAYS_TO_NEXT_MONTH = 5


def fitted(shares: int, *, cash_usd: float, close_usd: float) -> int:
    """The largest step of a descent from `shares` whose cost with commission the cash pays at the close; 0 for none."""
    while shares > 0 and cash_usd < shares * close_usd + commission_usd(shares, close_usd):
        shares = int((cash_usd - commission_usd(shares, close_usd)) / close_usd)
    return max(shares, 0)


def all_cash(holding: Holding, close_usd: float) -> int:
    """What all free cash buys at the close."""
    return fitted(int(holding.cash_usd / close_usd), cash_usd=holding.cash_usd, close_usd=close_usd)


@dataclass(frozen=True, slots=True)
class BuyAndHold:
    """Buys while flat, and asks again at each close after a refusal."""

    bars: DayBars

    def orders(self, bar: int, holding: Holding) -> Sequence[int]:
        """All cash while flat."""
        return () if holding.shares else (all_cash(holding, float(self.bars.close_usd[bar])),)


@dataclass(frozen=True, slots=True)
class Cross:
    """Turns over where the fast average crosses the slow one; a touch counts with the side it came from. Sells short too."""

    bars: DayBars
    fast: Prices
    slow: Prices
    _sides: Prices = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_sides", _last_sides(self.fast - self.slow))

    def orders(self, bar: int, holding: Holding) -> Sequence[int]:
        """Close the other side first, then take this one; both are sized with the cash before the first has filled."""
        if bar < SLOW_BARS:
            return ()
        close_usd = float(self.bars.close_usd[bar])
        share_count = int(INVESTED_FRACTION * holding.cash_usd / close_usd)
        before, now = self._sides[bar - 1], self.fast[bar] - self.slow[bar]
        if before < 0 < now:
            return max(0, -holding.shares), fitted(share_count, cash_usd=holding.cash_usd, close_usd=close_usd)
        if before > 0 > now:
            return -max(0, holding.shares), -share_count
        return ()


@dataclass(frozen=True, slots=True)
class BandReversal:
    """Buys with all cash where `falling` goes under the lower band, sells everything where `rising` goes over the upper one."""

    bars: DayBars
    falling: Prices
    rising: Prices
    lower: Prices
    upper: Prices
    touch_counts: bool
    """Whether reaching a band is enough (ATR band), or it must be passed (Bollinger)."""

    def orders(self, bar: int, holding: Holding) -> Sequence[int]:
        """A purchase goes before a sale; it happens with a position too, from the cash that is left."""
        if bar == 0:
            return ()
        if self._under(bar) and not self._under(bar - 1, or_unknown=True):
            return (all_cash(holding, float(self.bars.close_usd[bar])),)
        if self._over(bar) and not self._over(bar - 1, or_unknown=True):
            return (-max(0, holding.shares),)
        return ()

    def _under(self, bar: int, *, or_unknown: bool = False) -> bool:
        price, band = self.falling[bar], self.lower[bar]
        return bool((price <= band if self.touch_counts else price < band) or (or_unknown and np.isnan(band)))

    def _over(self, bar: int, *, or_unknown: bool = False) -> bool:
        price, band = self.rising[bar], self.upper[bar]
        return bool((price >= band if self.touch_counts else price > band) or (or_unknown and np.isnan(band)))


@dataclass(frozen=True, slots=True)
class TurnOfMonth:
    """Invested from five days before the month's end to its third weekday; in between it goes back to its weight every day."""

    bars: DayBars

    def orders(self, bar: int, holding: Holding) -> Sequence[int]:
        """What is missing to the target, without an allowance for commission."""
        day, close_usd = self.bars.days[bar], float(self.bars.close_usd[bar])
        if weekday_of_month(day) == FLAT_WEEKDAY:
            return (-holding.shares,)
        if (day + timedelta(days=DAYS_TO_NEXT_MONTH)).month == day.month:
            return ()
        missing_usd = INVESTED_FRACTION * holding.value_usd - holding.shares * close_usd
        count = int(abs(missing_usd) // close_usd)
        return (count if missing_usd > 0 else -count,)


def weekday_of_month(day: date) -> int | None:
    """Which weekday of its month `day` is, from 1 on; None on a weekend."""
    if day.weekday() > 4:
        return None
    return sum(date(day.year, day.month, number).weekday() < 5 for number in range(1, day.day + 1))


def atr_band(bars: DayBars) -> BandReversal:
    """Bands of 1.5 average true ranges around the 14-bar mean of the close, touched by low and high."""
    middle = simple_average(bars.close_usd, ATR_BARS)
    width = ATR_WIDTH * average_true_range(bars.high_usd, bars.low_usd, bars.close_usd, ATR_BARS)
    return BandReversal(bars, bars.low_usd, bars.high_usd, middle - width, middle + width, touch_counts=True)


def bollinger(bars: DayBars) -> BandReversal:
    """Bands of two deviations around the 20-bar mean, passed by the close."""
    middle = simple_average(bars.close_usd, BOLLINGER_BARS)
    width = BOLLINGER_WIDTH * population_deviation(bars.close_usd, BOLLINGER_BARS)
    return BandReversal(bars, bars.close_usd, bars.close_usd, middle - width, middle + width, touch_counts=False)


def _last_sides(differences: Prices) -> Prices:
    """For each place the last difference up to it that was not zero; 0 where there was none."""
    found, last = np.zeros(len(differences)), 0.0
    for place, difference in enumerate(differences.tolist()):
        last = difference if difference == difference and difference != 0 else last
        found[place] = last
    return found
