"""tradinggroup: a multi-agent LLM trading backtester that people can trust.

    import tradinggroup as tg
    run = tg.backtest("backtests/demo.toml")     # or tg.open_run("latest")
    run.stats; run.trades; run.explain("2023-09-19", "ACME"); run.plot()

Importing this package costs nothing: each name below is loaded when it is first used.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tradinggroup.data.bundle import Bundle
    from tradinggroup.errors import (
        BudgetError,
        DataError,
        ErrorCode,
        LookaheadError,
        ProviderError,
        TradinggroupError,
        UsageError,
    )
    from tradinggroup.project import Project
    from tradinggroup.runs.comparison import Comparison, compare
    from tradinggroup.runs.run import Run, RunStats, backtest, open_run
    from tradinggroup.settings import Experiment

_HOMES = {
    "BudgetError": "tradinggroup.errors",
    "Bundle": "tradinggroup.data.bundle",
    "Comparison": "tradinggroup.runs.comparison",
    "DataError": "tradinggroup.errors",
    "ErrorCode": "tradinggroup.errors",
    "Experiment": "tradinggroup.settings",
    "LookaheadError": "tradinggroup.errors",
    "Project": "tradinggroup.project",
    "ProviderError": "tradinggroup.errors",
    "Run": "tradinggroup.runs.run",
    "RunStats": "tradinggroup.runs.run",
    "TradinggroupError": "tradinggroup.errors",
    "UsageError": "tradinggroup.errors",
    "backtest": "tradinggroup.backtest",
    "compare": "tradinggroup.runs.comparison",
    "open_run": "tradinggroup.runs.run",
}
"""Public name -> the module that has it."""

__all__ = [  # noqa: RUF022  (the order in which people meet them)
    "backtest",
    "open_run",
    "compare",
    "Run",
    "RunStats",
    "Comparison",
    "Project",
    "Experiment",
    "Bundle",
    "TradinggroupError",
    "UsageError",
    "DataError",
    "LookaheadError",
    "BudgetError",
    "ProviderError",
    "ErrorCode",
    "__version__",
]


class _BacktestRoom(ModuleType):
    """The room `tradinggroup.backtest`, which is also the function `tradinggroup.backtest(...)`.

    Python puts an imported subpackage under its name into the parent, over any function of that name. So the package itself
    is made callable: `tg.backtest("demo")` works whatever was imported before, and so does `import tradinggroup.backtest.sink`.
    """

    @property
    def __wrapped__(self) -> Any:
        """The function, for signatures and help."""
        from tradinggroup.runs.run import backtest

        return backtest

    def __call__(self, *arguments: Any, **options: Any) -> Run:
        return self.__wrapped__(*arguments, **options)  # type: ignore[no-any-return]


class _Package(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        if name == "backtest" and isinstance(value, ModuleType):
            value.__class__ = _BacktestRoom
        super().__setattr__(name, value)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = import_module(_HOMES[name])
    value = home if name == "backtest" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


sys.modules[__name__].__class__ = _Package
