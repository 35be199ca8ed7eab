"""What the metrics are made of: a series of equity values, its returns, and the error of a metric that has no value."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ZERO_VOLATILITY = 1e-12
"""An annual volatility, a downside deviation or a drawdown below this is rounding: no risk was taken."""

Values = npt.NDArray[np.float64]


class UndefinedError(ValueError):
    """A metric has no value here; the text says why, in words that go into the header."""


def require_sessions(equity_usd: Values, count: int) -> None:
    """Raise UndefinedError where there are fewer than `count` rows."""
    if len(equity_usd) < count:
        found = {0: "no session", 1: "1 session"}.get(len(equity_usd), f"{len(equity_usd)} sessions")
        raise UndefinedError(found if count == 1 else f"{found}; at least {count} are needed")


def session_returns(equity_usd: Values) -> Values:
    """Simple returns from one close to the next, shape (n - 1,) for n values."""
    return equity_usd[1:] / equity_usd[:-1] - 1
