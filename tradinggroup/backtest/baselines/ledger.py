"""The engine's rules once more, in numpy, for many accounts of one market at once.

The random baseline needs up to 999 runs of each symbol. This ledger does what `engine` and `PathTrader` do together, in
the same order and with the same arithmetic; a test holds both to the same equity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.baselines.paths import WeightPath
from tradinggroup.backtest.baselines.rules import Costs
from tradinggroup.backtest.baselines.targets import Counts, Floats, affordable_counts, are_paid, commissions_usd, shares_for_weights
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.data.records import ActionKind, CorporateAction
from tradinggroup.risk.rebasing import WHOLE_TOLERANCE_SHARES
from tradinggroup.settings import SESSIONS_PER_YEAR


@dataclass(slots=True)
class _Accounts:
    cash_usd: Floats
    shares: Counts
    ordered: Counts
    mark_usd: float


def equity_of_paths(
    market: SymbolMarket, paths: WeightPath, *, cash_usd: float, costs: Costs, cash_rate_per_year: float = 0.0
) -> npt.NDArray[np.float64]:
    """Equity at each session's close of accounts that follow `paths` (n_paths, n_sessions), in the same shape."""
    count, length = paths.weights.shape
    accounts = _Accounts(
        np.full(count, float(cash_usd)), np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64), market.close_before_usd or 0.0
    )
    equity_usd = np.empty((count, length))
    bars = {position: bar for bar, position in enumerate(market.bar_positions)}
    rate, through = cash_rate_per_year / SESSIONS_PER_YEAR, 0
    for position in range(length):
        if position and rate:
            accounts.cash_usd = accounts.cash_usd + accounts.cash_usd * rate
        _act(accounts, market.actions[position])
        bar = bars.get(position)
        if bar is not None:
            _fill(accounts, float(market.open_usd[bar]), costs)
            accounts.mark_usd = float(market.close_usd[bar])
            if position + 1 < length:
                _decide(accounts, paths, target=position + 1, after=through, costs=costs)
            through = position + 1
        equity_usd[:, position] = accounts.cash_usd + accounts.shares * accounts.mark_usd
    return equity_usd


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


def _fill(accounts: _Accounts, open_usd: float, costs: Costs) -> None:
    """Fill the waiting orders at the open, as `risk.sizing.fit_at_open` lets them."""
    fitted = np.maximum(accounts.ordered, -accounts.shares)
    unpaid = (fitted > 0) & ~are_paid(accounts.cash_usd, np.maximum(fitted, 0), open_usd, costs.commission)
    if unpaid.any():
        most = affordable_counts(accounts.cash_usd, open_usd, costs.commission)
        fitted = np.where(unpaid, np.minimum(fitted, most), fitted)
    fees_usd = commissions_usd(np.abs(fitted), open_usd, costs.commission)
    sale = fitted < 0
    proceeds_usd = -fitted * open_usd
    ruinous = sale & ~((accounts.cash_usd + proceeds_usd - fees_usd >= 0) & (accounts.cash_usd + (proceeds_usd - fees_usd) >= 0))
    fitted = np.where(ruinous, 0, fitted)
    accounts.cash_usd = accounts.cash_usd - fitted * open_usd - np.where(fitted != 0, fees_usd, 0.0)
    accounts.shares = accounts.shares + fitted
    accounts.ordered = np.zeros_like(accounts.ordered)


def _decide(accounts: _Accounts, paths: WeightPath, *, target: int, after: int, costs: Costs) -> None:
    """Order what brings each account to the weight of session `target`, where its path traded since session `after`."""
    changed = paths.traded[:, after + 1 : target + 1].any(axis=1)
    if not changed.any():
        return
    wanted = shares_for_weights(
        paths.weights[:, target],
        cash_usd=accounts.cash_usd,
        shares=accounts.shares,
        close_usd=accounts.mark_usd,
        commission=costs.commission,
        gap_buffer_fraction=costs.gap_buffer_fraction,
    )
    accounts.ordered = np.where(changed, wanted, 0)
