"""The `statistics` of a header, from equity paths."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tradinggroup.backtest.metrics import ALL, Metrics, metrics_by_symbol
from tradinggroup.backtest.statistics.enough import is_enough
from tradinggroup.backtest.statistics.figures import Paths, Sampling, equity_paths, run_statistics

SESSIONS = 120
SAMPLING = Sampling(draws=400, seed=7)


def rows(returns: np.ndarray) -> list[dict[str, Any]]:
    equity = 1e5 * np.cumprod(np.concatenate([[1.0], 1 + returns]))
    return [
        {"session": place, "equity_usd": float(value), "cash_usd": float(value), "shares": 0, "close_usd": 1.0}
        for place, value in enumerate(equity)
    ]


def measured(equity: dict[str, list[dict[str, Any]]], *, trips: int = 30, holding: float | None = 4.0) -> dict[str, Metrics]:
    from dataclasses import replace

    found = metrics_by_symbol(equity, {}, cash_rate_per_year=0.0)
    return {name: replace(each, trades=trips, average_holding_sessions=holding) for name, each in found.items()}


def market(seed: int, *, symbols: int = 3, sessions: int = SESSIONS, drift: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {f"S{number}": rng.normal(drift, 0.015, sessions - 1) for number in range(symbols)}


def statistics(
    agents: dict[str, np.ndarray], *others: dict[str, np.ndarray], sampling: Sampling = SAMPLING, **changes: Any
) -> dict[str, Any]:
    own = {name: rows(returns) for name, returns in agents.items()}
    baselines: dict[str, Paths] = {
        f"other{place}": equity_paths({name: rows(each) for name, each in other.items()}) for place, other in enumerate(others)
    }
    return run_statistics(equity_paths(own), measured(own, **changes), baselines, sampling=sampling)


def test_everything_has_its_value_and_an_interval_round_it() -> None:
    agents, other = market(1), market(2)
    found = statistics(agents, other)
    assert (found["sessions"], found["round_trips"], found["enough"], found["reason"]) == (SESSIONS, 30, True, None)
    assert list(found["metrics"]) == [*agents, ALL]
    for name in found["metrics"]:
        for metric in ("total_return_fraction", "sharpe_ratio"):
            own, lead = found["metrics"][name][metric], found["differences"]["other0"][name][metric]
            assert own["low"] < own["value"] < own["high"]
            assert lead["low"] < lead["high"]
            assert set(own["by_block_length"]) == {"5", "10", "20"}
        quantiles = list(found["metrics"][name]["max_drawdown_fraction"]["quantiles"].values())
        assert quantiles == sorted(quantiles)
        assert quantiles[-1] < 0
    metrics = measured({name: rows(returns) for name, returns in agents.items()})
    assert found["metrics"][ALL]["sharpe_ratio"]["value"] == metrics[ALL].sharpe_ratio
    json.dumps(found, allow_nan=False)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    agents, other = market(1), market(2)
    first, again, seeded = (statistics(agents, other, sampling=Sampling(400, seed)) for seed in (7, 7, 8))
    assert json.dumps(first) == json.dumps(again)
    assert first["metrics"][ALL]["sharpe_ratio"]["low"] != seeded["metrics"][ALL]["sharpe_ratio"]["low"]


def test_sessions_are_drawn_jointly_so_that_what_moves_both_cancels() -> None:
    """Agents that are the market plus a little: the market's own swings are no part of the interval of their lead."""
    other = market(3)
    agents = {name: returns + 0.0005 for name, returns in other.items()}
    found = statistics(agents, other)
    lead, own = found["differences"]["other0"][ALL], found["metrics"][ALL]
    width, own_width = (each["sharpe_ratio"]["high"] - each["sharpe_ratio"]["low"] for each in (lead, own))
    assert width < own_width / 10
    assert lead["sharpe_ratio"]["low"] > 0
    assert lead["sharpe_ratio"]["p_value"] < 0.01
    shuffled = {name: np.random.default_rng(1).permutation(returns) for name, returns in other.items()}
    unpaired = statistics(agents, shuffled)["differences"]["other0"][ALL]["sharpe_ratio"]
    assert unpaired["high"] - unpaired["low"] > 5 * width


def test_shifting_both_legs_changes_no_difference() -> None:
    """The same log return more a session on both sides multiplies both by the same: zero stays zero, and p what it was."""
    agents, other = market(4), market(5)
    shifted = [{name: (1 + each) * 1.001 - 1 for name, each in side.items()} for side in (agents, other)]
    before, after = (statistics(one, two, holding=6.0)["differences"]["other0"] for one, two in ((agents, other), shifted))
    for name in agents:
        assert after[name]["total_return_fraction"]["p_value"] == before[name]["total_return_fraction"]["p_value"]


def test_agents_that_are_the_baseline_do_not_differ() -> None:
    agents = market(6)
    lead = statistics(agents, agents)["differences"]["other0"]
    for each in lead.values():
        interval = each["total_return_fraction"]
        assert (interval["value"], interval["low"], interval["high"], interval["p_value"]) == (0, 0, 0, 1)


def test_single_symbols_are_adjusted_for_one_another_and_all_is_not() -> None:
    other = market(7, symbols=5)
    agents = {name: returns + (0.004 if name == "S0" else 0.0) for name, returns in market(8, symbols=5).items()}
    lead = statistics(agents, other)["differences"]["other0"]
    raw = {name: each["sharpe_ratio"]["p_value"] for name, each in lead.items()}
    adjusted = {name: each["sharpe_ratio"]["p_value_holm"] for name, each in lead.items()}
    assert adjusted[ALL] is None
    least = min((name for name in raw if name != ALL), key=lambda name: raw[name])
    assert least == "S0"
    assert adjusted["S0"] == pytest.approx(min(1, 5 * raw["S0"]), abs=2e-6)


def test_flat_accounts_have_no_ratio_and_say_why() -> None:
    agents = market(9) | {"S1": np.zeros(SESSIONS - 1)}
    found = statistics(agents, market(10))
    ratio = found["metrics"]["S1"]["sharpe_ratio"]
    assert (ratio["value"], ratio["low"], ratio["reason"]) == (None, None, "too many draws have no volatility")
    assert found["differences"]["other0"]["S1"]["sharpe_ratio"]["p_value"] is None
    assert found["differences"]["other0"]["S1"]["sharpe_ratio"]["p_value_holm"] is None
    assert found["differences"]["other0"]["S0"]["sharpe_ratio"]["p_value_holm"] is not None
    json.dumps(found, allow_nan=False)


def test_a_baseline_without_a_symbol_has_no_difference_of_all() -> None:
    agents = {name: rows(returns) for name, returns in market(11).items()}
    part = equity_paths({"S0": rows(market(12)["S0"])}, is_whole=False)
    found = run_statistics(equity_paths(agents), measured(agents), {"part": part}, sampling=SAMPLING)
    assert list(found["differences"]["part"]) == ["S0"]


@pytest.mark.parametrize("sessions", [2, 8, 11, 15, 25, 45])
def test_short_windows_keep_numbers_in_the_file_but_are_not_enough(sessions: int) -> None:
    found = statistics(market(13, sessions=sessions), market(14, sessions=sessions))
    assert not found["enough"]
    assert found["reason"].startswith(f"only {sessions} of 60 sessions")
    assert ("metrics" in found) is (sessions > 10)
    json.dumps(found, allow_nan=False)


def test_an_account_that_lost_everything_is_not_resampled() -> None:
    agents = market(15)
    agents["S0"][50] = -1.0
    agents["S0"][51:] = 0.0
    own = equity_paths({name: rows(returns) for name, returns in agents.items()})
    whole = measured({name: rows(returns) for name, returns in market(15).items()})
    found = run_statistics(own, whole, {}, sampling=SAMPLING)
    assert "metrics" not in found
    assert "lost everything" in found["reason"]


@pytest.mark.parametrize(
    ("sessions", "trips", "reason"),
    [
        (60, 10, ""),
        (59, 10, "only 59 of 60 sessions"),
        (60, 9, "only 9 of 10 round trips"),
        (5, 0, "only 5 of 60 sessions and 0 of 10 round trips"),
        (60, None, ""),
        (None, None, "only 0 of 60 sessions"),
    ],
)
def test_enough(sessions: int | None, trips: int | None, reason: str) -> None:
    found = is_enough(sessions, trips)
    assert (bool(found), found.reason) == (not reason, reason)
