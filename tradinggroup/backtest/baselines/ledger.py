"""The engine's rules once more, in numpy, for many accounts of one market at once.

The random baseline needs up to 999 runs of each symbol. This ledger does what `engine` and `PathTrader` do together, in
the same order and with the same arithmetic; a test holds both to the same equity.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.baselines.paths import WeightPath
from tradinggroup.backtest.baselines.rules import Costs
from tradinggroup.backtest.baselines.targets import Counts, Floats, affordable_counts, are_paid, commissions_usd, shares_for_weights
from tradinggroup.backtest.execution import DEFAULT_EXECUTION, Execution
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.data.records import ActionKind, CorporateAction
from tradinggroup.risk.rebasing import WHOLE_TOLERANCE_SHARES
from tradinggroup.settings import SESSIONS_PER_YEAR


@dataclass(frozen=True, slots=True)
class PathAccounts:
    """What n_paths accounts of one symbol came to."""

    equity_usd: Floats
    """At each session's close, shape (n_paths, n_sessions)."""
    position_usd: Floats
    """Value of the shares, in the same shape."""
    traded_usd: Floats
    """Value bought plus value sold, shape (n_paths,)."""


@dataclass(slots=True)
class _Accounts:
    cash_usd: Floats
    shares: Counts
    ordered: Counts
    traded_usd: Floats
    mark_usd: float

    @classmethod
    def opened(cls, count: int, *, cash_usd: float, mark_usd: float | None) -> _Accounts:
        none = np.zeros(count, dtype=np.int64)
        return cls(np.full(count, float(cash_usd)), none, none.copy(), np.zeros(count), mark_usd or 0.0)


def accounts_of_paths(
    market: SymbolMarket,
    paths: WeightPath,
    *,
    cash_usd: float,
    costs: Costs,
    cash_rate_per_year: float = 0.0,
    execution: Execution = DEFAULT_EXECUTION,
) -> PathAccounts:
    """Accounts that follow `paths` (n_paths, n_sessions)."""
    count, length = paths.weights.shape
    accounts = _Accounts.opened(count, cash_usd=cash_usd, mark_usd=market.close_before_usd)
    equity_usd, position_usd = np.empty((count, length)), np.empty((count, length))
    bars = {position: bar for bar, position in enumerate(market.bar_positions)}
    rate, lag, through = cash_rate_per_year / SESSIONS_PER_YEAR, paths.lag_sessions, paths.lag_sessions - 1
    delisting = market.delisting_position(execution.delisting_sessions)
    for position in range(length):
        if position and rate:
            accounts.cash_usd = accounts.cash_usd + accounts.cash_usd * rate
        _act(accounts, market.actions[position])
        bar = bars.get(position)
        if bar is not None:
            room = _room_shares(execution, float(market.volume_shares[bar]), count)
            accounts.mark_usd = float(market.close_usd[bar])
            price_usd = float(market.open_usd[bar]) if execution.fill == "next_open" else accounts.mark_usd
            _fill(accounts, price_usd, costs, room)
            if position + lag < length:
                rest = accounts.ordered
                is_new = _decide(accounts, paths, target=position + lag, after=through, costs=costs)
                if lag == 0:
                    _fill_new(accounts, price_usd, costs, room, is_new=is_new, rest=rest)
            through = position + lag
        elif position == delisting:
            _delist(accounts, execution)
        position_usd[:, position] = accounts.shares * accounts.mark_usd
        equity_usd[:, position] = accounts.cash_usd + position_usd[:, position]
    return PathAccounts(equity_usd, position_usd, accounts.traded_usd)


def _act(accounts: _Accounts, actions: tuple[CorporateAction, ...]) -> None:
    entitled = accounts.shares.astype(np.float64)
    for action in actions:
        if action.kind is ActionKind.SPLIT:
            ratio = action.ratio or 1.0
            entitled = entitled * ratio
            _split(accounts, ratio)
        else:
            accounts.cash_usd = accounts.cash_usd + entitled * (action.cash_usd or 0.0)


def _split(accounts: _Accounts, ratio: float) -> None:
    accounts.mark_usd /= ratio
    signs = np.sign(accounts.ordered)
    accounts.ordered = signs * _rebased(np.abs(accounts.ordered), ratio)
    whole = _rebased(accounts.shares, ratio)
    rest = np.maximum(0.0, accounts.shares * ratio - whole)
    accounts.cash_usd = accounts.cash_usd + rest * accounts.mark_usd
    accounts.shares = whole


def _rebased(counts: Counts, ratio: float) -> Counts:
    whole: Counts = np.floor(counts * ratio + WHOLE_TOLERANCE_SHARES).astype(np.int64)
    return whole


def _room_shares(execution: Execution, volume_shares: float, count: int) -> Counts | None:
    """(2, `count` accounts): what a bar's volume lets each buy, and sell; None without a cap."""
    if not execution.volume_cap_fraction:
        return None
    return np.full((2, count), math.floor(execution.volume_cap_fraction * volume_shares), dtype=np.int64)


def _fill(accounts: _Accounts, quoted_usd: float, costs: Costs, room_shares: Counts | None) -> None:
    """Fill the waiting orders at a price, as `risk.sizing.fit_at_open` and the room in the bar let them; the rest waits.

    What fills is taken off `room_shares`.
    """
    if not accounts.ordered.any():
        return
    fitted = _fitted(accounts, accounts.ordered, quoted_usd, costs)
    filled = fitted
    if room_shares is not None:
        part = np.sign(fitted) * np.minimum(np.abs(fitted), np.where(fitted > 0, *room_shares))
        filled = np.where(part == fitted, fitted, _fitted(accounts, part, quoted_usd, costs))
        room_shares -= np.maximum([filled, -filled], 0)
    prices_usd = _prices_usd(filled, quoted_usd, costs)
    fees_usd = commissions_usd(np.abs(filled), prices_usd, costs.commission)
    accounts.cash_usd = accounts.cash_usd - filled * prices_usd - np.where(filled != 0, fees_usd, 0.0)
    accounts.shares = accounts.shares + filled
    accounts.traded_usd = accounts.traded_usd + np.abs(filled) * prices_usd
    accounts.ordered = fitted - filled


def _fitted(accounts: _Accounts, ordered: Counts, quoted_usd: float, costs: Costs) -> Counts:
    fitted = np.maximum(ordered, -accounts.shares)
    buy_usd = costs.slippage.price_usd(1, quoted_usd)
    unpaid = (fitted > 0) & ~are_paid(accounts.cash_usd, np.maximum(fitted, 0), buy_usd, costs.commission)
    if unpaid.any():
        most = affordable_counts(accounts.cash_usd, buy_usd, costs.commission)
        fitted = np.where(unpaid, np.minimum(fitted, most), fitted)
    sell_usd = costs.slippage.price_usd(-1, quoted_usd)
    fees_usd = commissions_usd(np.abs(fitted), sell_usd, costs.commission)
    proceeds_usd = -fitted * sell_usd
    ruinous = (fitted < 0) & ~((accounts.cash_usd + proceeds_usd - fees_usd >= 0) & (accounts.cash_usd + (proceeds_usd - fees_usd) >= 0))
    return np.where(ruinous, 0, fitted)


def _prices_usd(counts: Counts, quoted_usd: float, costs: Costs) -> Floats:
    return np.where(counts > 0, costs.slippage.price_usd(1, quoted_usd), costs.slippage.price_usd(-1, quoted_usd))


def _delist(accounts: _Accounts, execution: Execution) -> None:
    price_usd = accounts.mark_usd * (1 - execution.delisting_haircut_fraction)
    accounts.cash_usd = accounts.cash_usd + accounts.shares * price_usd
    accounts.traded_usd = accounts.traded_usd + accounts.shares * price_usd
    accounts.shares = np.zeros_like(accounts.shares)
    accounts.ordered = np.zeros_like(accounts.ordered)


def _fill_new(
    accounts: _Accounts, close_usd: float, costs: Costs, room_shares: Counts | None, *, is_new: npt.NDArray[np.bool_], rest: Counts
) -> None:
    """Fill the orders that were decided at this close; the `rest` of earlier ones has had its part of the bar."""
    accounts.ordered = np.where(is_new, accounts.ordered, 0)
    _fill(accounts, close_usd, costs, room_shares)
    accounts.ordered = np.where(is_new, accounts.ordered, rest)


def _decide(accounts: _Accounts, paths: WeightPath, *, target: int, after: int, costs: Costs) -> npt.NDArray[np.bool_]:
    """Order what brings each account to the weight of session `target`, where its path traded since session `after`.

    Returns which accounts have a new order.

    An order takes the place of the rest of an earlier one; where there is none, the rest goes on waiting.
    """
    changed = np.asarray(paths.traded[:, after + 1 : target + 1].any(axis=1))
    if not changed.any():
        return changed
    wanted = shares_for_weights(
        paths.weights[:, target],
        cash_usd=accounts.cash_usd,
        shares=accounts.shares,
        close_usd=accounts.mark_usd,
        commission=costs.commission,
        gap_buffer_fraction=costs.gap_buffer_fraction,
        slippage=costs.slippage,
    )
    is_new: npt.NDArray[np.bool_] = changed & (wanted != 0)
    accounts.ordered = np.where(is_new, wanted, accounts.ordered)
    return is_new
