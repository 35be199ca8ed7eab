"""The agents' executed weights as a path, and that path shifted in a circle (design 7).

A shifted path has the agents' exposure, holding times and nearly their turnover, at other moments: what is left of a difference
in return is timing. The circle is made of the sessions on which a position can exist: all but the first one of the window, or all of
them where orders fill at the close that they are decided on.

A path is made of weights at closes. So it fills as the run does (open or close, costs, cap by volume), but an exit inside a bar becomes
an order of that session's open or close, and the trades that a cap has spread are spread anew where they fall.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.baselines.rules import Costs
from tradinggroup.backtest.sink import Row
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.risk.account import Account


@dataclass(frozen=True, slots=True)
class WeightPath:
    """Weights at the closes of n sessions, and on which of them a trade was filled. Both of shape (n,).

    Many paths at once have shape (n_paths, n). The first `lag_sessions` sessions have weight 0 and no trade.
    """

    weights: npt.NDArray[np.float64]
    traded: npt.NDArray[np.bool_]
    lag_sessions: int = 1
    """Sessions from a decision to its fill: 1, or 0 where it fills at its own close."""


def executed_path(equity: Sequence[Row], fills: Sequence[Row], *, lag_sessions: int = 1) -> WeightPath:
    """The path of one account from its equity rows (by session) and fills."""
    filled = {fill["session"] for fill in fills}
    weights = [row["shares"] * (row["close_usd"] or 0.0) / row["equity_usd"] for row in equity]
    traded = np.array([row["session"] in filled for row in equity], dtype=np.bool_)
    return WeightPath(np.array(weights, dtype=np.float64), traded, lag_sessions)


def mean_weight(path: WeightPath) -> float:
    """Mean weight over the sessions on which a position can exist; 0 where there is none."""
    held = path.weights[path.lag_sessions :]
    return float(np.mean(held)) if len(held) else 0.0


def circular_offsets(sessions: int, *, draws: int, seed: int, lag_sessions: int = 1) -> npt.NDArray[np.int64]:
    """Up to `draws` distinct shifts of a window of n sessions, drawn from 1 .. n - 1 - lag; empty where there is none.

    They depend on (seed, "random") and the length of the circle only, so every symbol is shifted alike.
    """
    digest = hashlib.sha256(f"{seed}|random".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:16], "big"))
    return generator.permutation(np.arange(1, max(1, sessions - lag_sessions)))[:draws]


def shifted_paths(path: WeightPath, offsets: npt.NDArray[np.int64]) -> WeightPath:
    """`path` shifted later by each offset, shape (n_offsets, n); what leaves at the end comes back at the start.

    A trade is added where the circle's ends meet, if either holds a position, and at the start, if a shifted path begins with one.
    """
    first = path.lag_sessions
    length = len(path.weights) - first
    source = first + (np.arange(length)[None, :] - offsets[:, None]) % length
    seam = path.traded.copy()
    seam[first] = bool(path.weights[first] > 0 or path.weights[-1] > 0)
    weights = np.zeros((len(offsets), length + first))
    traded = np.zeros((len(offsets), length + first), dtype=np.bool_)
    weights[:, first:] = path.weights[source]
    traded[:, first:] = seam[source]
    traded[:, first] |= weights[:, first] > 0
    return WeightPath(weights, traded, first)


class PathTrader:
    """Follows one path: goes to the weight of the session it fills in when the path trades there, else lets it drift.

    Trades of the path on sessions without a bar are made up for at the next close.
    """

    def __init__(self, path: WeightPath, sessions: Sequence[date], costs: Costs) -> None:
        self._path = path
        self._place = {session: position for position, session in enumerate(sessions)}
        self._costs = costs
        self._through = path.lag_sessions - 1

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        """Go to the weight of the next session, or of this one where orders fill at once."""
        target = self._place[session] + self._path.lag_sessions
        changed = bool(np.any(self._path.traded[self._through + 1 : target + 1]))
        self._through = target
        if not changed or target == len(self._path.weights):
            return None
        weight = float(self._path.weights[target])
        return self._costs.order_for_weight(weight, account)
