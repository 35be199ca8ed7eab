"""Since Python 3.12 the built-in sum of floats is compensated: what it gives differs by version, so no result may come from it."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tradinggroup.cli.main import run

PLAIN_SUM = builtins.sum


def sum_of_whole_numbers(values: Iterable[Any], /, start: Any = 0) -> Any:
    """The built-in sum, which the package's own code may not use on floats."""
    total = PLAIN_SUM(values, start)
    caller = sys._getframe(1).f_globals.get("__name__", "")
    if isinstance(total, float) and caller.startswith("tradinggroup."):
        raise AssertionError(f"{caller} adds floats with sum(); math.fsum is the same on every Python")
    return total


def test_no_result_of_a_run_is_a_built_in_sum_of_floats(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    monkeypatch.setattr(builtins, "sum", sum_of_whole_numbers)
    baselines = "buy_and_hold,sma_cross,wma_cross,atr_band,bollinger,turn_of_month,random"
    assert run(["backtest", "demo", "--symbols", "ACME", "--end", "2023-02-28", "--set", f"baselines={baselines}"]) == 0
    assert run(["show"]) == 0
    assert run(["trades"]) == 0
