"""The random baseline's two implementations agree however orders fill, whatever they cost and however much of a bar they take."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.helpers import COMMISSION, dividend, market, play, split
from tradinggroup.backtest.baselines.ledger import accounts_of_paths
from tradinggroup.backtest.baselines.paths import PathTrader, WeightPath, circular_offsets, executed_path, mean_weight, shifted_paths
from tradinggroup.backtest.baselines.rules import BuyAndHold, Costs
from tradinggroup.backtest.baselines.runner import run_baselines
from tradinggroup.backtest.baselines.shared import BaselineSettings
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.risk.costs import Commission, Slippage

CHEAP = Costs(Commission(0, 0, 0, "basis_points", basis_points=20), 0.01, Slippage(5, 5))
DEAR = Costs(Commission(0.01, 2.0, 0.005, order="minimum_then_cap"), 0.01, Slippage(30, 40))
SESSIONS = 60
EXECUTIONS = [
    Execution(),
    Execution(fill="next_close"),
    Execution(fill="same_close"),
    Execution(volume_cap_fraction=0.05),
    Execution(fill="next_close", volume_cap_fraction=0.05),
    Execution(fill="same_close", volume_cap_fraction=0.05, delisting_sessions=2),
]


def thin_walk(seed: int) -> SymbolMarket:
    """Some volume of a thousand shares, two halts, a split, a dividend, and an end before the window's."""
    stream = np.random.default_rng(seed)
    closes = 40 * np.exp(np.cumsum(stream.normal(0, 0.03, SESSIONS)))
    opens = closes * np.exp(stream.normal(0, 0.02, SESSIONS))
    made = [(float(o), max(float(o), float(c)), min(float(o), float(c)), float(c)) for o, c in zip(opens, closes, strict=True)]
    volumes = stream.integers(0, 4000, SESSIONS)
    bars = [None if place % 19 == 7 or place > 52 else (*made[place], float(volumes[place])) for place in range(SESSIONS)]
    return market(bars, split(25, 1.5), dividend(45, 0.3), is_ended=True)


@pytest.mark.parametrize("execution", EXECUTIONS, ids=lambda each: f"{each.fill}-{each.volume_cap_fraction}")
@given(seed=st.integers(0, 10_000), costs=st.sampled_from([CHEAP, DEAR, Costs(COMMISSION, 0.0)]))
@settings(max_examples=8, deadline=None)
def test_the_numpy_ledger_equals_backtrader(execution: Execution, seed: int, costs: Costs) -> None:
    window, stream = thin_walk(seed), np.random.default_rng(seed)
    orders = {int(at): int(stream.integers(-150, 200)) for at in stream.choice(SESSIONS, 14, replace=False)}
    agents = play(window, orders, commission=costs.commission, slippage=costs.slippage, execution=execution)
    path = executed_path(agents.equity, agents.fills, lag_sessions=execution.lag_sessions)
    offsets = circular_offsets(SESSIONS, draws=4, seed=seed, lag_sessions=execution.lag_sessions)
    shifted = shifted_paths(path, offsets)
    quick = accounts_of_paths(window, shifted, cash_usd=10_000.0, costs=costs, cash_rate_per_year=0.02, execution=execution)
    for draw in range(len(offsets)):
        trader = PathTrader(WeightPath(shifted.weights[draw], shifted.traded[draw], shifted.lag_sessions), window.sessions, costs)
        slow = play(window, trader, commission=costs.commission, slippage=costs.slippage, execution=execution, cash_rate_per_year=0.02)
        assert slow.equity_usd == pytest.approx(quick.equity_usd[draw].tolist(), rel=1e-9)
        held = [row["shares"] * (row["close_usd"] or 0.0) for row in slow.equity]
        assert held == pytest.approx(quick.position_usd[draw].tolist(), rel=1e-9)
        traded = math.fsum(abs(fill["shares"]) * fill["price_usd"] for fill in slow.fills)
        assert traded == pytest.approx(float(quick.traded_usd[draw]), rel=1e-9)


def test_where_orders_fill_at_once_the_circle_is_the_whole_window() -> None:
    path = WeightPath(np.array([0.2, 0.5, 0.0]), np.array([True, True, True]), lag_sessions=0)
    shifted = shifted_paths(path, np.array([1]))
    assert shifted.weights.tolist() == [[0.0, 0.2, 0.5]]
    assert mean_weight(path) == pytest.approx(0.7 / 3)
    assert sorted(circular_offsets(5, draws=9, seed=7, lag_sessions=0).tolist()) == [1, 2, 3, 4]


def test_baselines_fill_as_the_run_does() -> None:
    window = market([(100.0, 101.0), (102.0, 104.0), (105.0, 103.0)])
    costs = Costs(COMMISSION, 0.0, Slippage(half_spread_bps=10))
    made = BaselineSettings(10_000.0, costs, 0.0, 7, 9, execution=Execution(fill="same_close"))
    report = run_baselines(["buy_and_hold"], {"X": window}, histories={}, settings=made, agents=None)
    fills = report.results["buy_and_hold"].fills["X"]
    assert [(fill["session"], fill["price_usd"]) for fill in fills] == [(window.sessions[0], pytest.approx(101 * 1.001))]
    assert fills[0]["slippage_usd"] == pytest.approx(fills[0]["shares"] * 0.101)
    direct = play(window, BuyAndHold(costs), slippage=costs.slippage, execution=Execution(fill="same_close"))
    assert direct.fills == fills


def test_a_path_of_exits_inside_the_bar_trades_at_the_runs_own_prices() -> None:
    """Both fills of a session are one trade of the path, to the weight at its close."""
    rows = [{"session": day, "shares": shares, "close_usd": 10.0, "equity_usd": 100.0} for day, shares in ((1, 0), (2, 0), (3, 5))]
    path = executed_path(rows, [{"session": 2}, {"session": 2}, {"session": 3}])
    assert (path.weights.tolist(), path.traded.tolist()) == ([0.0, 0.0, 0.5], [False, True, True])
