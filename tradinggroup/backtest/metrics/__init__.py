"""Metrics of accounts, as functions of their equity rows and fills (design 9).

An account has one equity row for each of the n sessions of its window, valued at that session's close; n rows give n - 1
returns. ALL is the sum of the accounts by session. Nothing here reads a bar or a model: anyone can recompute a run's metrics
from `equity.csv` and `fills.csv`. Every formula stands in `docs/metrics.md` too, with the library that it agrees with.
"""

from tradinggroup.backtest.metrics.accounts import ALL, Metrics, metrics_by_symbol

__all__ = ["ALL", "Metrics", "metrics_by_symbol"]
