"""What worked: planted effects are found, an account's profit is split to the cent, too little gives no interval."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from tradinggroup.backtest.what_worked import GroupReturns, forward_returns, profit_split, returns_by_group

DAYS = [(date(2024, 1, 1) + timedelta(days=day)).isoformat() for day in range(200)]


def decision(session: str, symbol: str = "AAA", **changes: Any) -> dict[str, Any]:
    line: dict[str, Any] = {
        "session": session,
        "symbol": symbol,
        "news_sentiment": {"no_news": False, "failure": None, "score": 0.0},
        "forecasting": {"failure": None, "argmax_label": "up", "gated_label": "sideways"},
        "style_selection": {"style": "balanced"},
        "decision": {"action": "hold"},
    }
    return line | changes


def outcome(session: str, change: float | None, fill: float | None = None, symbol: str = "AAA") -> dict[str, Any]:
    return {
        "kind": "forecast",
        "symbol": symbol,
        "decision_session": session,
        "return_fraction": change,
        "fill_return_fraction": change if fill is None else fill,
    }


def group(found: list[GroupReturns], kind: str, name: str) -> GroupReturns:
    return next(each for each in found if (each.kind, each.name) == (kind, name))


def test_returns_start_at_the_fill_and_go_on_from_close_to_close() -> None:
    rows = [outcome("d1", 0.10, 0.05), outcome("d2", 0.20, 0.01), outcome("d3", None), outcome("d4", 0.5)]
    assert forward_returns(rows, horizon_sessions=1) == pytest.approx({("AAA", "d1"): 0.05, ("AAA", "d2"): 0.01, ("AAA", "d4"): 0.5})
    two = forward_returns(rows, horizon_sessions=2)
    assert two == {("AAA", "d1"): pytest.approx(1.05 * 1.2 - 1)}  # d2 has no second session, and the end of a run no future


def test_a_planted_effect_is_found_and_none_is_not() -> None:
    random = np.random.default_rng(3)
    noise = random.normal(0, 0.01, len(DAYS))
    scores = random.uniform(-1, 1, len(DAYS))
    lines = [
        decision(day, news_sentiment={"no_news": False, "failure": None, "score": float(score)})
        for day, score in zip(DAYS, scores, strict=True)
    ]
    rows = [outcome(day, float(0.01 * score + each)) for day, score, each in zip(DAYS, scores, noise, strict=True)]
    found = returns_by_group(lines, rows, seed=7)
    low, high = (group(found, "news score", name).by_horizon[1] for name in ("lowest third", "highest third"))
    assert low.high_fraction is not None
    assert high.low_fraction is not None
    assert low.high_fraction < 0 < high.low_fraction
    whole = group(found, "", "all decisions").by_horizon[1]
    assert whole.low_fraction is not None
    assert whole.high_fraction is not None
    assert whole.low_fraction < 0 < whole.high_fraction
    assert found == returns_by_group(lines, rows, seed=7)
    assert found[0].name == "all decisions"


def test_groups_by_what_was_said() -> None:
    lines = [
        decision(DAYS[0]),
        decision(DAYS[1], decision=None),
        decision(DAYS[2], decision={"action": None}),
        decision(DAYS[3], news_sentiment={"no_news": True, "failure": None, "score": 0.0}),
        decision(DAYS[4], news_sentiment={"no_news": False, "failure": None, "score": 1.0}),
        decision(DAYS[5], forecasting={"failure": {"kind": "x"}, "argmax_label": "up", "gated_label": "up"}),
    ]
    found = returns_by_group(lines, [outcome(day, 0.01) for day in DAYS[:6]], seed=1)
    sizes = {(each.kind, each.name): each.by_horizon[1].decisions for each in found}
    assert sizes[("action", "hold")] == 4
    assert sizes[("action", "forced exit")] == sizes[("action", "no usable answer")] == sizes[("news score", "no news")] == 1
    assert sizes[("forecast", "up")] == 5
    few = group(found, "action", "hold").by_horizon[1]
    assert (few.low_fraction, few.reason) == (None, "4 sessions, 10 are needed")
    assert group(found, "action", "hold").by_horizon[20].reason == "no return is known"


def test_without_anything_there_is_nothing() -> None:
    assert returns_by_group([], [], seed=1) == []
    assert profit_split(["AAA"], cash_usd=1.0, decisions=[], outcomes=[], equity=[], orders=[], fills=[]) == {}


def equity(session: str, value: float, shares: int, close: float) -> dict[str, Any]:
    return {"session": session, "symbol": "AAA", "equity_usd": value, "shares": shares, "close_usd": close}


def test_a_forced_sale_before_a_rise_forwent_it() -> None:
    """Bought 10 at 100, sold by force at 90, and the price went back to 100 until the agent bought again."""
    rows = [equity("d1", 1000, 0, 100), equity("d2", 1000, 10, 100), equity("d3", 900, 0, 90), equity("d4", 900, 0, 100)]
    changes = [outcome("d1", 0.0), outcome("d2", -0.10), outcome("d3", 100 / 90 - 1)]
    fills = [
        {"symbol": "AAA", "session": "d2", "order_id": "b", "shares": 10, "price_usd": 100.0},
        {"symbol": "AAA", "session": "d3", "order_id": "s", "shares": -10, "price_usd": 90.0},
    ]
    orders = [{"symbol": "AAA", "order_id": "b", "forced": False}, {"symbol": "AAA", "order_id": "s", "forced": True}]
    lines = [
        decision("d1", decision={"action": "buy"}),
        decision("d2", decision=None),
        decision("d3"),
        decision("d4", decision={"action": "buy"}),
    ]
    found = profit_split(["AAA"], cash_usd=1000, decisions=lines, outcomes=changes, equity=rows, orders=orders, fills=fills)["ALL"]
    assert found.profit_usd == -100
    assert found.forced_exits_usd == pytest.approx(-100)
    assert found.sizing_usd == 0
    assert found.decisions_usd == pytest.approx(0)
    falling = [*changes[:2], outcome("d3", -0.5)]
    rows[3] = equity("d4", 900, 0, 45)
    saved = profit_split(["AAA"], cash_usd=1000, decisions=lines, outcomes=falling, equity=rows, orders=orders, fills=fills)["AAA"]
    assert saved.forced_exits_usd == pytest.approx(450)


def test_sizing_is_what_larger_positions_added() -> None:
    """Half the account before a fall of 10 %, all of it before a rise of 10 %: at the mean weight both would have cancelled."""
    rows = [equity("d1", 1000, 5, 100), equity("d2", 950, 10, 95), equity("d3", 1045, 10, 104.5)]
    changes = [outcome("d1", -0.10), outcome("d2", 0.10)]
    found = profit_split(["AAA"], cash_usd=1000, decisions=[], outcomes=changes, equity=rows, orders=[], fills=[])["AAA"]
    assert found.sizing_usd == pytest.approx(1000 * -0.25 * -0.1 + 950 * 0.25 * 0.1)
    assert found.profit_usd == pytest.approx(found.decisions_usd + found.forced_exits_usd + found.sizing_usd)
