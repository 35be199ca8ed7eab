"""The agents' executed weights as a path, and that path shifted in a circle (design 7).

A shifted path has the agents' exposure, holding times and nearly their turnover, at other moments: what is left of a difference
in return is timing. The circle is made of the sessions on which a position can exist, all but the first one of the window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.baselines.rules import Costs
from tradinggroup.backtest.baselines.targets import order_for_weight
from tradinggroup.backtest.sink import Row
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.risk.account import Account


@dataclass(frozen=True, slots=True)
class WeightPath:
    """Weights at the closes of n sessions, and on which of them a trade was filled at the open. Both of shape (n,).

    Many paths at once have shape (n_paths, n). The first session has weight 0 and no trade.
    """

    weights: npt.NDArray[np.float64]
    traded: npt.NDArray[np.bool_]


def executed_path(equity: Sequence[Row], fills: Sequence[Row]) -> WeightPath:
    """The path of one account from its equity rows (by session) and fills."""
    filled = {fill["session"] for fill in fills}
    weights = [row["shares"] * (row["close_usd"] or 0.0) / row["equity_usd"] for row in equity]
    return WeightPath(np.array(weights, dtype=np.float64), np.array([row["session"] in filled for row in equity], dtype=np.bool_))


def mean_weight(path: WeightPath) -> float:
    """Mean weight over the sessions on which a position can exist; 0 where there is none."""
    return float(np.mean(path.weights[1:])) if len(path.weights) > 1 else 0.0


def circular_offsets(sessions: int, *, draws: int, seed: int) -> npt.NDArray[np.int64]:
    """Up to `draws` distinct shifts of a window of n sessions, drawn from 1 .. n - 2; empty under 3 sessions.

    They depend on (seed, "random") and n only, so every symbol is shifted alike.
    """
    digest = hashlib.sha256(f"{seed}|random".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:16], "big"))
    return generator.permutation(np.arange(1, max(1, sessions - 1)))[:draws]


def shifted_paths(path: WeightPath, offsets: npt.NDArray[np.int64]) -> WeightPath:
    """`path` shifted later by each offset, shape (n_offsets, n); what leaves at the end comes back at the start.

    A trade is added where the circle's ends meet, if either holds a position, and at the start, if a shifted path begins with one.
    """
    length = len(path.weights) - 1
    source = 1 + (np.arange(length)[None, :] - offsets[:, None]) % length
    seam = path.traded.copy()
    seam[1] = bool(path.weights[1] > 0 or path.weights[-1] > 0)
    weights = np.zeros((len(offsets), length + 1))
    traded = np.zeros((len(offsets), length + 1), dtype=np.bool_)
    weights[:, 1:] = path.weights[source]
    traded[:, 1:] = seam[source]
    traded[:, 1] |= weights[:, 1] > 0
    return WeightPath(weights, traded)


class PathTrader:
    """Follows one path: goes to the next session's weight when the path trades there, and lets it drift when it does not.

    Trades of the path on sessions without a bar are made up for at the next close.
    """

    def __init__(self, path: WeightPath, sessions: Sequence[date], costs: Costs) -> None:
        self._path = path
        self._place = {session: position for position, session in enumerate(sessions)}
        self._costs = costs
        self._through = 0

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        """Go to the weight of the next session."""
        target = self._place[session] + 1
        changed = bool(np.any(self._path.traded[self._through + 1 : target + 1]))
        self._through = target
        if not changed or target == len(self._path.weights):
            return None
        weight = float(self._path.weights[target])
        return order_for_weight(weight, account, commission=self._costs.commission, gap_buffer_fraction=self._costs.gap_buffer_fraction)
