"""Baselines: what each buys and when, and the random path's two implementations."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.helpers import COMMISSION, FREE, day, dividend, market, play, split
from tests.factories import make_bundle, make_frames
from tradinggroup.backtest.baselines.history import SessionHistory, history_of
from tradinggroup.backtest.baselines.ledger import accounts_of_paths
from tradinggroup.backtest.baselines.paths import PathTrader, WeightPath, circular_offsets, executed_path, mean_weight, shifted_paths
from tradinggroup.backtest.baselines.random_draws import RandomDraws, draw_random
from tradinggroup.backtest.baselines.rules import BuyAndHold, ConstantExposure, Costs, FollowSignals
from tradinggroup.backtest.baselines.runner import AgentRows, BaselinesStoppedError, run_baselines
from tradinggroup.backtest.baselines.shared import BaselineSettings
from tradinggroup.backtest.baselines.signals import RULES, momentum, sma_cross
from tradinggroup.backtest.baselines.targets import affordable_counts, commissions_usd, order_for_weight, shares_for_weights
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.metrics import metrics_by_symbol
from tradinggroup.backtest.sink import Row
from tradinggroup.data.bundle import write_bundle
from tradinggroup.data.records import PriceBasis
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.risk.sizing import affordable_shares

COSTS = Costs(COMMISSION, gap_buffer_fraction=0.01)
SETTINGS = BaselineSettings(cash_usd=10_000.0, costs=COSTS, cash_rate_per_year=0.0, seed=7, random_draws=999)


def walk(seed: int, sessions: int = 80, *, symbol: str = "X") -> SymbolMarket:
    stream = np.random.default_rng(seed)
    closes = 40 * np.exp(np.cumsum(stream.normal(0, 0.03, sessions)))
    opens = closes * np.exp(stream.normal(0, 0.02, sessions))
    bars = [None if position % 19 == 7 else (float(opens[position]), float(closes[position])) for position in range(sessions)]
    return market(bars, split(25, 1.5), dividend(45, 0.3), symbol=symbol)


def history_in(window: SymbolMarket) -> SessionHistory:
    """The window's own bars, nothing before them."""
    columns = (window.open_usd, window.high_usd, window.low_usd, window.close_usd)
    sessions = tuple(window.sessions[position] for position in window.bar_positions)
    return SessionHistory(window.symbol, sessions, *columns, place_in_month=(1,) * len(sessions))


def closes_only(closes: np.ndarray) -> SessionHistory:
    sessions = tuple(day(position) for position in range(len(closes)))
    return SessionHistory("X", sessions, closes, closes, closes, closes, (1,) * len(closes))


def agents_on(windows: dict[str, SymbolMarket]) -> AgentRows:
    """Accounts that buy, add, sell half and all at seeded moments."""
    equity: dict[str, list[Row]] = {}
    fills: dict[str, list[Row]] = {}
    for number, (symbol, window) in enumerate(windows.items()):
        stream = np.random.default_rng(number)
        orders = {int(at): int(stream.integers(-150, 200)) for at in stream.choice(len(window.sessions), 14, replace=False)}
        result = play(window, orders)
        equity[symbol], fills[symbol] = result.equity, result.fills
    return AgentRows(equity, fills)


def test_buy_and_hold_buys_at_the_second_open_and_never_again() -> None:
    result = play(market([(100.0, 100.0), (100.0, 90.0), (80.0, 80.0), (120.0, 120.0)]), BuyAndHold(COSTS))
    assert [(fill["session"], fill["shares"]) for fill in result.fills] == [(day(1), 98)]


def test_buy_and_hold_asks_again_while_it_is_flat() -> None:
    result = play(market([(100.0, 100.0), (20_000.0, 100.0), (100.0, 100.0)]), BuyAndHold(COSTS))
    assert [row["status"] for row in result.orders] == ["denied", "filled"]


def test_constant_exposure_trades_only_outside_its_band() -> None:
    bars = [(100.0, 100.0), (100.0, 100.0), (100.0, 110.0), (110.0, 150.0), (150.0, 150.0), (150.0, 150.0)]
    result = play(market(bars), ConstantExposure(0.5, Costs(FREE, 0.01)))
    assert [(fill["session"], fill["shares"]) for fill in result.fills] == [(day(1), 50), (day(4), -9)]
    assert result.equity[-1]["shares"] * 150 / result.equity_usd[-1] == pytest.approx(0.5, abs=0.01)


def test_constant_exposure_holds_even_a_weight_below_its_band() -> None:
    assert play(market([(10.0, 10.0)] * 3), ConstantExposure(0.03, COSTS)).fills[0]["shares"] == 30
    assert play(market([(10.0, 10.0)] * 3), ConstantExposure(0.0, COSTS)).fills == []


def test_sma_cross_is_long_while_the_fast_mean_is_above_the_slow_one() -> None:
    prices = [float(price) for price in [*range(100, 70, -1), *range(70, 100), *range(100, 70, -1)]]
    window = market([(price, price) for price in prices])
    result = play(window, FollowSignals(dict(zip(window.sessions, sma_cross(history_in(window)).tolist(), strict=True)), COSTS))
    expected = []
    for at in range(19, len(prices) - 1):
        long = np.mean(prices[at - 9 : at + 1]) > np.mean(prices[at - 19 : at + 1])
        if long != (len(expected) % 2 == 1):
            expected.append(day(at + 1))
    assert [fill["session"] for fill in result.fills] == expected
    assert len(expected) == 2


def test_momentum_leaves_the_last_month_out() -> None:
    closes = np.full(253, 100.0)
    closes[-22] = 101.0
    assert momentum(closes_only(closes)).tolist() == [-1] * 252 + [1]
    closes[-22], closes[-1] = 99.0, 500.0
    assert momentum(closes_only(closes))[-1] == -1


def test_a_signal_orders_everything_or_nothing() -> None:
    flat, held = Account(10_000.0, 0, None, 100.0, 10_000.0), Account(0.0, 50, 100.0, 100.0, 10_000.0)
    trader = FollowSignals({day(0): 1, day(1): -1, day(2): 0}, COSTS)
    assert [getattr(trader.on_close(day(at), flat), "shares", None) for at in range(4)] == [98, None, None, None]
    assert [getattr(trader.on_close(day(at), held), "shares", None) for at in range(4)] == [None, -50, None, None]


def test_a_baseline_that_cannot_run_says_why_and_the_others_run() -> None:
    windows = {"A": walk(1, symbol="A"), "B": walk(2, symbol="B")}
    histories = {symbol: history_in(window) for symbol, window in windows.items()}
    report = run_baselines(
        ["momentum", "buy_and_hold", "constant_exposure", "random"], windows, histories=histories, settings=SETTINGS, agents=None
    )
    assert report.results["momentum"].reason == f"needs 253 closes up to {day(0)}, but A has 1"
    assert "no agents" in report.results["random"].reason
    assert "no agents" in report.results["constant_exposure"].reason
    assert report.results["buy_and_hold"].reason is None
    assert {symbol: len(rows) for symbol, rows in report.results["buy_and_hold"].equity.items()} == {"A": 80, "B": 80}
    assert report.draws is None


def test_constant_exposure_holds_the_agents_mean_weight() -> None:
    windows = {"A": walk(1, symbol="A")}
    agents = agents_on(windows)
    report = run_baselines(["constant_exposure"], windows, histories={}, settings=SETTINGS, agents=agents)
    result = report.results["constant_exposure"]
    assert result.hindsight
    weights = [row["shares"] * row["close_usd"] / row["equity_usd"] for row in result.equity["A"][1:]]
    assert np.mean(weights) == pytest.approx(mean_weight(executed_path(agents.equity["A"], agents.fills["A"])), abs=0.05)


# the random path


def test_offsets_are_distinct_seeded_and_never_zero() -> None:
    offsets = circular_offsets(200, draws=999, seed=7)
    assert sorted(offsets) == list(range(1, 199))
    assert circular_offsets(5_000, draws=999, seed=7).size == 999
    assert np.array_equal(offsets, circular_offsets(200, draws=999, seed=7))
    assert not np.array_equal(offsets, circular_offsets(200, draws=999, seed=8))
    assert [circular_offsets(sessions, draws=9, seed=7).tolist() for sessions in (1, 2, 3)] == [[], [], [1]]


def test_a_shifted_path_by_hand() -> None:
    path = WeightPath(np.array([0.0, 0.0, 0.5, 0.6, 0.0, 0.0, 0.9]), np.array([False, False, True, False, True, False, True]))
    shifted = shifted_paths(path, np.array([2, 5]))
    assert shifted.weights.tolist() == [[0.0, 0.0, 0.9, 0.0, 0.5, 0.6, 0.0], [0.0, 0.5, 0.6, 0.0, 0.0, 0.9, 0.0]]
    assert shifted.traded.tolist() == [
        [False, False, True, True, True, False, True],
        [False, True, False, True, False, True, True],
    ]


@given(seed=st.integers(0, 200))
@settings(max_examples=30, deadline=None)
def test_shifts_keep_the_exposure_and_nearly_the_turnover(seed: int) -> None:
    window = walk(seed, 60)
    agents = agents_on({"X": window})
    path = executed_path(agents.equity["X"], agents.fills["X"])
    shifted = shifted_paths(path, np.arange(1, 58))
    assert np.allclose(shifted.weights.mean(axis=1), path.weights.mean())
    assert np.abs(shifted.traded.sum(axis=1) - path.traded.sum()).max() <= 2


@given(seed=st.integers(0, 10_000), rate=st.sampled_from([0.0, 0.03]))
@settings(max_examples=25, deadline=None)
def test_the_numpy_ledger_equals_backtrader(seed: int, rate: float) -> None:
    window = walk(seed, 70)
    agents = agents_on({"X": window})
    path = executed_path(agents.equity["X"], agents.fills["X"])
    offsets = circular_offsets(70, draws=6, seed=seed)
    shifted = shifted_paths(path, offsets)
    quick = accounts_of_paths(window, shifted, cash_usd=10_000.0, costs=COSTS, cash_rate_per_year=rate)
    for draw in range(len(offsets)):
        trader = PathTrader(WeightPath(shifted.weights[draw], shifted.traded[draw]), window.sessions, COSTS)
        assert play(window, trader, cash_rate_per_year=rate).equity_usd == pytest.approx(quick.equity_usd[draw].tolist(), rel=1e-9)


def test_the_ledger_cuts_and_denies_like_the_broker() -> None:
    bars = [(10.0, 10.0), (11.0, 10.0), (10.0, 10.0), (40_000.0, 10.0), (10.0, 10.0)]
    path = WeightPath(np.array([[0.0, 1.0, 0.0, 1.0, 1.0]]), np.array([[False, True, True, True, False]]))
    window = market(bars)
    result = play(window, PathTrader(WeightPath(path.weights[0], path.traded[0]), window.sessions, COSTS))
    assert [row["status"] for row in result.orders] == ["cut", "filled", "denied"]
    quick = accounts_of_paths(window, path, cash_usd=10_000.0, costs=COSTS)
    assert quick.equity_usd[0].tolist() == pytest.approx(result.equity_usd, rel=1e-12)


def test_the_random_baseline_is_the_draw_with_the_median_return() -> None:
    windows = {"A": walk(1, symbol="A"), "B": walk(2, symbol="B")}
    agents = agents_on(windows)
    report = run_baselines(["random"], windows, histories={}, settings=SETTINGS, agents=agents)
    equity = report.results["random"].equity
    found = sum(rows[-1]["equity_usd"] for rows in equity.values()) / 20_000 - 1
    paths = {symbol: executed_path(agents.equity[symbol], agents.fills[symbol]) for symbol in windows}
    agents_return = sum(rows[-1]["equity_usd"] for rows in agents.equity.values()) / 20_000 - 1
    draws = draw_random(windows, paths, agents_return=agents_return, settings=SETTINGS)
    assert len(report.draws.offsets) == len(draws.total_returns) == 78
    assert found == pytest.approx(sorted(draws.total_returns)[(78 - 1) // 2], abs=1e-9)
    assert report.draws.agents_percentile == pytest.approx(np.mean(draws.total_returns < agents_return))


def test_the_draws_are_a_distribution_at_each_close_and_in_symbols_won() -> None:
    draws = RandomDraws(
        offsets=np.array([1, 2, 3, 4]),
        total_returns=np.array([-0.1, 0.0, 0.1, 0.2]),
        agents_percentile=0.5,
        symbol_returns={"A": np.array([0.1, 0.2, 0.3, 0.0]), "B": np.array([0.1, 0.1, 0.1, 0.3])},
        sessions=(day(0), day(1)),
        band_usd=np.array([[1.0, 6.0], [2.0, 7.0], [3.0, 8.0], [4.0, 9.0], [5.0, 10.0]]),
        exposure_fraction=0.5,
        turnover_per_year=2.0,
    )
    assert draws.won_against({"A": 0.1, "B": 0.1}) == {0: 0.25, 1: 0.75, 2: 0.0}
    assert draws.won_against({"A": 0.05, "B": 0.05}) == {0: 0.0, 1: 0.25, 2: 0.75}
    assert draws.return_quantiles == pytest.approx({"q05": -0.085, "q25": -0.025, "q50": 0.05, "q75": 0.125, "q95": 0.185})
    assert draws.band_rows[1] == {"session": day(1), "q05_usd": 6.0, "q25_usd": 7.0, "q50_usd": 8.0, "q75_usd": 9.0, "q95_usd": 10.0}


def test_the_band_is_that_of_every_draw_on_the_engine() -> None:
    windows = {"A": walk(1, 30, symbol="A"), "B": walk(2, 30, symbol="B")}
    agents = agents_on(windows)
    paths = {symbol: executed_path(agents.equity[symbol], agents.fills[symbol]) for symbol in windows}
    draws = draw_random(windows, paths, agents_return=0.0, settings=SETTINGS)
    equity, results = np.zeros((28, 30)), []
    for symbol, window in windows.items():
        shifted = shifted_paths(paths[symbol], draws.offsets)
        results.append(
            [
                play(window, PathTrader(WeightPath(*each), window.sessions, COSTS))
                for each in zip(shifted.weights, shifted.traded, strict=True)
            ]
        )
        equity += [result.equity_usd for result in results[-1]]
    assert draws.band_usd == pytest.approx(np.quantile(equity, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0), rel=1e-9)
    figures = [
        metrics_by_symbol({"A": a.equity, "B": b.equity}, {"A": a.fills, "B": b.fills}, cash_rate_per_year=0.0)["ALL"]
        for a, b in zip(*results, strict=True)
    ]
    assert draws.exposure_fraction == pytest.approx(np.mean([each.exposure_fraction for each in figures]), rel=1e-9)
    assert draws.turnover_per_year == pytest.approx(np.mean([each.turnover_per_year for each in figures]), rel=1e-9)


def test_baselines_stop_when_they_are_asked_to() -> None:
    stop = Event()
    stop.set()
    with pytest.raises(BaselinesStoppedError):
        run_baselines(["buy_and_hold"], {"X": walk(1)}, histories={}, settings=SETTINGS, agents=None, stop=stop)


def test_agents_that_never_trade_stand_in_the_middle() -> None:
    window = walk(3)
    idle = play(window, {})
    report = run_baselines(["random"], {"X": window}, histories={}, settings=SETTINGS, agents=AgentRows({"X": idle.equity}, {"X": []}))
    assert report.draws.agents_percentile == 0.5
    assert report.results["random"].fills == {"X": []}


def test_a_window_too_short_to_shift_gives_a_reason() -> None:
    window = market([(10.0, 10.0)] * 2)
    rows = play(window, {})
    report = run_baselines(["random"], {"X": window}, histories={}, settings=SETTINGS, agents=AgentRows({"X": rows.equity}, {}))
    assert "too short" in report.results["random"].reason
    assert report.draws is None


@given(
    cash=st.lists(st.floats(0.0, 1e6), min_size=1, max_size=20),
    price=st.floats(0.01, 5_000.0),
    commission=st.builds(Commission, st.floats(0, 0.1), st.floats(0, 5), st.floats(0, 0.05)),
    target=st.floats(0.0, 1.0),
)
def test_many_accounts_are_sized_like_one(cash: list[float], price: float, commission: Commission, target: float) -> None:
    counts = affordable_counts(np.array(cash), price, commission)
    assert counts.tolist() == [affordable_shares(usd, price, commission) for usd in cash]
    assert commissions_usd(counts, price, commission).tolist() == [commission.usd(int(count), price) for count in counts]
    shares = np.arange(len(cash), dtype=np.int64)
    many = shares_for_weights(
        np.full(len(cash), target),
        cash_usd=np.array(cash),
        shares=shares,
        close_usd=price,
        commission=commission,
        gap_buffer_fraction=0.01,
    )
    for usd, held, ordered in zip(cash, shares.tolist(), many.tolist(), strict=True):
        order = order_for_weight(target, Account(usd, held, None, price, 1.0), commission=commission, gap_buffer_fraction=0.01)
        assert ordered == (order.shares if order else 0)


def test_a_history_has_one_scale_and_each_step_of_it_comes_with_its_action(tmp_path: Path) -> None:
    bundle = make_bundle(
        tmp_path, sessions=60, actions=[("AAA", "split", date(2024, 2, 5), 2.0), ("AAA", "dividend", date(2024, 2, 12), 0.5)]
    )
    history = history_of(bundle, "AAA", date(2024, 2, 29))
    view = bundle.view(as_of=bundle.calendar.close_at(date(2024, 2, 29)))
    adjusted = view.closes("AAA", 1000)
    assert history.sessions == adjusted.sessions
    assert history.close_usd / history.close_usd[-1] == pytest.approx(adjusted.closes_usd / adjusted.closes_usd[-1], rel=1e-12)
    before = history.count_before(date(2024, 2, 5))
    assert history.close_usd[:before].tolist() == [bar.close_usd for bar in view.bars("AAA", history.sessions[0], date(2024, 2, 2))]
    assert history.place_in_month[:3] == (1, 2, 3)
    assert history.place_in_month[history.count_before(date(2024, 2, 1))] == 1


def test_a_dividend_of_a_history_carries_the_split_of_the_same_halt(tmp_path: Path) -> None:
    """No bar on both ex-sessions: 1 USD of a close on the scale after 4:1, as in the features of the agents."""
    split_day, dividend_day = date(2024, 2, 13), date(2024, 2, 14)
    frames = make_frames(sessions=60, actions=[("AAA", "split", split_day, 4.0), ("AAA", "dividend", dividend_day, 1.0)])
    halted = frames.prices["session"].isin([split_day, dividend_day])
    bundle = write_bundle(tmp_path / "x", replace(frames, prices=frames.prices[~halted]), name="x", basis=PriceBasis.AS_TRADED, sources=[])
    history = history_of(bundle, "AAA", date(2024, 2, 29))
    features = bundle.view(bundle.calendar.close_at(date(2024, 2, 29))).closes("AAA", 100)
    assert history.sessions == features.sessions
    steps = history.close_usd[1:] / history.close_usd[:-1]
    assert steps == pytest.approx(features.closes_usd[1:] / features.closes_usd[:-1], rel=1e-12)
    place = features.sessions.index(date(2024, 2, 15))
    bars = bundle.view(bundle.calendar.close_at(date(2024, 2, 29))).bars("AAA", date(2024, 2, 12), date(2024, 2, 15))
    assert steps[place - 1] == pytest.approx(bars[1].close_usd / (bars[0].close_usd / 4 - 1.0))


def test_nothing_later_changes_a_bit_of_a_history_or_a_signal(tmp_path: Path) -> None:
    actions = [("AAA", "split", date(2024, 2, 5), 2.0), ("AAA", "dividend", date(2024, 4, 1), 0.5), ("AAA", "split", date(2024, 4, 8), 3.0)]
    bundle = make_bundle(tmp_path, sessions=80, actions=actions)
    long, short = history_of(bundle, "AAA", date(2024, 4, 19)), history_of(bundle, "AAA", date(2024, 3, 22))
    count = len(short.sessions)
    assert long.high_usd[:count].tobytes() == short.high_usd.tobytes()
    for name, rule in RULES.items():
        assert rule(long)[:count].tolist() == rule(short).tolist(), name


def test_weighted_means_turn_before_plain_ones() -> None:
    prices = np.array([*range(100, 70, -1), *range(70, 100)], dtype=float)
    history = closes_only(prices)
    assert list(RULES["wma_cross"](history)).index(1) < list(RULES["sma_cross"](history)).index(1)


def test_bands_are_passed_once() -> None:
    closes = np.array([100.0, 101.0] * 10 + [80.0, 79.0, 130.0, 131.0])
    assert [(place, int(signal)) for place, signal in enumerate(RULES["bollinger"](closes_only(closes))) if signal] == [(20, 1), (22, -1)]
    flat = np.full(20, 100.0)
    low, high = flat - 1, flat + 1
    low[16], low[17], high[19] = 90.0, 80.0, 120.0
    history = SessionHistory("X", tuple(day(at) for at in range(20)), flat, high, low, flat, (1,) * 20)
    assert [(place, int(signal)) for place, signal in enumerate(RULES["atr_band"](history)) if signal] == [(16, 1), (19, -1)]


def test_the_turn_of_the_month_is_left_at_its_third_session_also_after_a_holiday(tmp_path: Path) -> None:
    history = history_of(make_bundle(tmp_path, sessions=60), "AAA", date(2024, 3, 1))
    signals = dict(zip((session.isoformat() for session in history.sessions), RULES["turn_of_month"](history).tolist(), strict=True))
    assert [signals[f"2024-01-{number:02}"] for number in (2, 3, 4, 25, 26, 29)] == [0, 0, -1, -1, -1, 1]
    assert [signals[day] for day in ("2024-01-31", "2024-02-01", "2024-02-02", "2024-02-05")] == [1, 0, 0, -1]


@given(seed=st.integers(0, 1000), cut=st.integers(30, 79))
@settings(max_examples=25, deadline=None)
def test_every_rule_looks_back_only(seed: int, cut: int) -> None:
    stream = np.random.default_rng(seed)
    closes = 40 * np.exp(np.cumsum(stream.normal(0, 0.03, 80)))
    wild = closes.copy()
    wild[cut:] *= stream.uniform(0.01, 100, 80 - cut)
    for rule in RULES.values():
        assert rule(closes_only(closes))[:cut].tolist() == rule(closes_only(wild))[:cut].tolist()
