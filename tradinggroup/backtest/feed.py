"""Bars for backtrader, and the one place that imports it.

backtrader is not maintained; what it warns of at its import is silenced here and only here.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.simplefilter("ignore", SyntaxWarning)
    import backtrader as bt

from tradinggroup.backtest.market import SymbolMarket

__all__ = ["BarFeed", "bt"]


class BarFeed(bt.feed.DataBase):
    """The bars of a `SymbolMarket` as traded, from plain lists: reading them from a frame takes twice as long.

    A bar's time is midnight of its session as backtrader counts days (1 = 0001-01-01).
    """

    params = (("market", None),)

    def start(self) -> None:
        """Called by backtrader before the first bar."""
        super().start()
        market: SymbolMarket = self.p.market
        days = (float(market.sessions[position].toordinal()) for position in market.bar_positions)
        columns = (market.open_usd, market.high_usd, market.low_usd, market.close_usd, market.volume_shares)
        self._bars = zip(days, *(column.tolist() for column in columns), strict=True)

    def _tick_nullify(self) -> None:
        """Keep no copy of the bar for orders inside it: without one the broker reads the bar, which costs a tenth less time."""

    def _tick_fill(self, force: bool = False) -> None:  # noqa: FBT001 (backtrader's signature)
        """Likewise."""

    def _load(self) -> bool:
        bar = next(self._bars, None)
        if bar is None:
            return False
        lines = self.lines
        lines.datetime[0], lines.open[0], lines.high[0], lines.low[0], lines.close[0], lines.volume[0] = bar
        lines.openinterest[0] = 0.0
        return True
