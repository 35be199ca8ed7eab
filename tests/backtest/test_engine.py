"""What holds of every run: the books balance, threads don't matter, errors come through, traders see no future."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.helpers import COMMISSION, Result, Script, day, dividend, intent, market, play, recomputed_equity, split
from tradinggroup.backtest import broker
from tradinggroup.backtest.engine import run_account
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.risk.account import Account

PRICE = st.floats(0.5, 2_000.0)
BARS = st.lists(st.one_of(st.none(), st.tuples(PRICE, PRICE), st.tuples(PRICE, PRICE), st.tuples(PRICE, PRICE)), min_size=1, max_size=25)
ORDERS = st.dictionaries(st.integers(0, 24), st.integers(-500, 500), max_size=20)
SPLITS = st.lists(st.builds(split, st.integers(0, 24), st.sampled_from([7.0, 1.5, 2.0, 0.1, 1 / 3, 1.281])), max_size=2)
DIVIDENDS = st.lists(st.builds(dividend, st.integers(0, 24), st.floats(0.01, 3.0)), max_size=3)


@settings(max_examples=150, deadline=None)
@given(bars=BARS, orders=ORDERS, splits=SPLITS, dividends=DIVIDENDS, rate=st.sampled_from([0.0, 0.04]), cash=st.floats(10.0, 1e6))
def test_equity_is_what_an_accountant_finds(bars, orders, splits, dividends, rate, cash) -> None:
    window = market(bars, *splits, *dividends)
    result = play(window, orders, cash_usd=cash, cash_rate_per_year=rate)
    assert result.equity_usd == pytest.approx(
        recomputed_equity(window, result.fills, cash_usd=cash, cash_rate_per_year=rate), rel=1e-9, abs=1e-6
    )
    assert all(row["cash_usd"] >= 0 and row["shares"] >= 0 for row in result.equity)
    assert_orders_are_told_once(window, orders, result)
    if rate == 0:
        profits = sum(trade["profit_usd"] for trade in result.trades)
        assert result.equity_usd[-1] == pytest.approx(cash + profits, rel=1e-9, abs=1e-6)


def assert_orders_are_told_once(window: SymbolMarket, orders: dict[int, int], result: Result) -> None:
    asked = [position for position in window.bar_positions if orders.get(position)]
    assert [row["session"] for row in result.orders] == [window.sessions[position] for position in asked]
    filled = [row["order_id"] for row in result.orders if row["status"] in {"filled", "cut"}]
    assert filled == [fill["order_id"] for fill in result.fills]


@settings(max_examples=50, deadline=None)
@given(bars=BARS, orders=ORDERS, splits=SPLITS, dividends=DIVIDENDS)
def test_backtraders_own_value_agrees(bars, orders, splits, dividends) -> None:
    class Checking(Script):
        def on_close(self, session, account):
            values.append((held.getvalue(), account.equity_usd))
            return super().on_close(session, account)

    class Spied(broker.AccountBroker):
        def __init__(self):
            nonlocal held
            super().__init__()
            held = self

    held, values = None, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broker, "AccountBroker", Spied)
        play(market(bars, *splits, *dividends), Checking(orders))
    assert all(theirs == pytest.approx(ours, rel=1e-9) for theirs, ours in values)


def busy_market(seed: int, sessions: int = 120) -> SymbolMarket:
    closes = 50 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.03, sessions)))
    bars = [None if position % 17 == 9 else (float(close * 1.01), float(close)) for position, close in enumerate(closes)]
    return market(bars, split(40, 1.5), dividend(60, 0.4), symbol=f"S{seed}")


def busy_orders(seed: int, sessions: int = 120) -> dict[int, int]:
    stream = np.random.default_rng(seed + 1000)
    return {position: int(stream.integers(-60, 90)) for position in range(0, sessions, 2)}


def test_accounts_in_threads_equal_accounts_in_turn() -> None:
    def run(seed: int) -> Result:
        return play(busy_market(seed), busy_orders(seed))

    alone = [run(seed) for seed in range(6)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(run, range(6)))
    assert [result.sink.rows for result in together] == [result.sink.rows for result in alone]
    assert all(result.fills for result in alone)


def test_rows_do_not_depend_on_earlier_runs_in_the_process() -> None:
    first = play(busy_market(1), busy_orders(1))
    play(busy_market(2), busy_orders(2))
    assert play(busy_market(1), busy_orders(1)).sink.rows == first.sink.rows


def test_an_exception_of_the_trader_comes_out_unchanged_and_earlier_rows_stand() -> None:
    problem = KeyError("the trader's own")

    class Failing(Script):
        def on_close(self, session: date, account: Account):
            if session == day(2):
                raise problem
            return super().on_close(session, account)

    sink = MemorySink()
    with pytest.raises(KeyError) as caught:
        run_account(market([(10.0, 10.0)] * 5), Failing({0: 3}), cash_usd=100.0, commission=COMMISSION, sink=sink)
    assert caught.value is problem
    assert sink.finished == [day(0), day(1)]
    assert not sink.complete


def test_a_trader_is_given_a_date_and_plain_numbers_only() -> None:
    trader = Script({0: 3})
    play(market([(10.0, 10.0)] * 3), trader)
    for session, account in trader.seen:
        assert type(session) is date
        assert type(account) is Account
        values = [getattr(account, field.name) for field in dataclasses.fields(account)]
        assert {type(value) for value in values} <= {bool, int, float, type(None)}
        with pytest.raises(AttributeError):
            account.data  # noqa: B018 (no such thing)


def test_the_future_changes_nothing_before_it() -> None:
    bars = [(10.0, 10.0), (11.0, 12.0), (13.0, 12.5), (12.0, 11.0)]
    absurd = [*bars[:3], (1e6, 1e6)]
    trader, other = Script({0: 3, 1: 2}), Script({0: 3, 1: 2})
    result, changed = play(market(bars), trader), play(market(absurd, split(3, 7.0)), other)
    assert trader.seen[:3] == other.seen[:3]
    assert result.equity[:3] == changed.equity[:3]


def test_an_empty_trader_costs_at_most_a_tenth_of_a_millisecond_and_a_half_a_session() -> None:
    window = market([(10.0, 10.0)] * 1000)
    play(window, {})
    assert min(processor_seconds(window) for _ in range(3)) / 1000 < 0.000_15


def processor_seconds(window: SymbolMarket) -> float:
    """Time of this process alone, so that other work on the machine does not count."""
    started = time.process_time()
    play(window, {})
    return time.process_time() - started


def test_importing_the_engine_warns_of_nothing() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", "import tradinggroup.backtest.engine"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_session_gets_its_own_order_id() -> None:
    class Always:
        def on_close(self, session, account):
            return intent(1)

    ids = [row["order_id"] for row in play(market([(1.0, 1.0)] * 8), Always()).orders]
    assert ids == [f"X-{day(position)}" for position in range(8)]
