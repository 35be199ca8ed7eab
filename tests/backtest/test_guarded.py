"""Baselines under the risk layer: they leave at their stops, keep the limits, and are otherwise what they are without it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.helpers import COMMISSION, FREE, day, market, play, split
from tests.backtest.test_baselines import history_in, walk
from tests.factories import make_bundle
from tests.risk.strategies import profiles
from tests.risk.test_account_loop import STEPS, Guarded, Step, World, check_books, check_purchases, world_of
from tests.support.books import run_checked
from tests.support.desk_runs import PROFILE
from tradinggroup.backtest.baselines.guarded import Guard, GuardedTrader, KnownAtClose, known_at_closes
from tradinggroup.backtest.baselines.rules import Costs, FollowSignals
from tradinggroup.backtest.baselines.runner import BaselineReport, run_baselines
from tradinggroup.backtest.baselines.shared import BaselineSettings
from tradinggroup.backtest.baselines.signals import RULES
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.market import SymbolMarket, market_of
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.data.features import compute_features
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.risk.profile import Limits, RiskProfile, Stops, load_profile
from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.settings import ForecastSettings

DEFAULT = load_profile(PROFILE)
STRICT = load_profile(PROFILE.parent / "strict.toml")
UNGUARDED = BaselineSettings(cash_usd=10_000.0, costs=Costs(COMMISSION, 0.01), cash_rate_per_year=0.0, seed=7, random_draws=9)
CRASH = [
    *((float(usd), float(usd)) for usd in range(100, 120)),
    (120.0, 120.0),
    (120.5, 121.0),
    (121.0, 121.5, 99.0, 100.0),
    (101.0, 102.0),
]
"""A rise of a dollar a session, in at the open of session 20, and a fall by a sixth in session 22. The means cross later."""


def guard_of(
    window: SymbolMarket, profile: RiskProfile, *, stop_mode: Literal["close", "intraday"] = "close", sigma10: float = 0.02
) -> Guard:
    """The same deviation at every close, so a stop at 4 % under the style `balanced`."""
    known = {window.sessions[position]: KnownAtClose(sigma10) for position in window.bar_positions}
    return Guard(profile, "balanced", stop_mode, {window.symbol: known})


def run(name: str, window: SymbolMarket, guard: Guard | None, *, execution: Execution | None = None) -> BaselineReport:
    made = replace(UNGUARDED, guard=guard, execution=execution or UNGUARDED.execution)
    return run_baselines([name], {"X": window}, histories={"X": history_in(window)}, settings=made, agents=None)


def fills(report: BaselineReport, name: str = "sma_cross") -> list[tuple[date, int, float]]:
    return [(fill["session"], fill["shares"], fill["price_usd"]) for fill in report.results[name].fills["X"]]


def test_a_guarded_cross_leaves_at_the_open_after_the_close_that_reached_its_stop() -> None:
    window = market(CRASH)
    held = fills(run("sma_cross", window, None))
    assert held == [(day(20), 83, 120.0)]
    report = run("sma_cross", window, guard_of(window, DEFAULT))
    assert fills(report) == [(day(20), 83, 120.0), (day(23), -83, 101.0)]
    assert report.results["sma_cross"].guarded


def test_inside_the_bar_it_leaves_at_the_stop_itself() -> None:
    window = market(CRASH)
    found = fills(run("sma_cross", window, guard_of(window, DEFAULT, stop_mode="intraday")))
    assert found[:2] == [(day(20), 83, 120.0), (day(22), -83, pytest.approx(120 * 0.96))]


def test_after_a_stop_the_rule_buys_again_unless_the_profile_waits() -> None:
    window = market([*CRASH, (102.0, 102.0), (102.0, 102.0)])
    assert [session for session, shares, _ in fills(run("sma_cross", window, guard_of(window, DEFAULT))) if shares > 0] == [
        day(20),
        day(24),
    ]
    waiting = DEFAULT.model_copy(update={"limits": Limits(cooldown_sessions=3)})
    assert [session for session, shares, _ in fills(run("sma_cross", window, guard_of(window, waiting))) if shares > 0] == [day(20)]


def test_a_split_moves_the_anchor_of_a_stop_along() -> None:
    """Under `tighten_only` the stop is a price: 96 before a split of two for one, 48 after it."""
    window = market([(100.0, 100.0), (100.0, 100.0), (50.0, 50.0), (50.0, 50.0)], split(2, 2.0))
    anchored = DEFAULT.model_copy(update={"stops": Stops(stop_anchor="tighten_only")})
    guard = guard_of(window, anchored)
    known = {**guard.known["X"], day(2): KnownAtClose(0.02, split_ratio=2.0)}
    trader = GuardedTrader(FollowSignals({day(0): 1}, UNGUARDED.costs), guard, known=known, costs=UNGUARDED.costs)
    assert [fill["session"] for fill in play(window, trader).fills] == [day(1)]


def test_before_there_is_a_deviation_nothing_is_bought() -> None:
    window = market(CRASH)
    guard = guard_of(window, DEFAULT)
    known = {session: each for session, each in guard.known["X"].items() if session > day(20)}
    assert fills(run("sma_cross", window, replace(guard, known={"X": known})))[0][0] == day(22)


def test_references_stay_unguarded() -> None:
    window = market(CRASH)
    report = run("buy_and_hold", window, guard_of(window, DEFAULT))
    assert not report.results["buy_and_hold"].guarded
    assert fills(report, "buy_and_hold") == [(day(1), 98, 101.0)]


def far_stops() -> RiskProfile:
    rules = DEFAULT.styles.balanced.model_copy(update={"stop_loss_multiplier": 1e9, "take_profit_multiplier": 1e9})
    return DEFAULT.model_copy(update={"styles": DEFAULT.styles.model_copy(update={"balanced": rules}), "limits": Limits()})


@pytest.mark.parametrize("execution", [Execution(), Execution(fill="next_close", volume_cap_fraction=0.0001)], ids=["plain", "capped"])
@given(seed=st.integers(0, 10_000), stop_mode=st.sampled_from(["close", "intraday"]))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_with_limits_off_and_stops_far_away_it_is_the_same_to_the_byte(
    execution: Execution, seed: int, stop_mode: Literal["close", "intraday"]
) -> None:
    window = walk(seed)
    guard = guard_of(window, far_stops(), stop_mode=stop_mode)
    for name in RULES.keys() - {"momentum"}:
        plain, guarded = (run(name, window, each, execution=execution).results[name] for each in (None, guard))
        assert repr(guarded.fills) == repr(plain.fills)
        assert repr(guarded.equity) == repr(plain.equity)


@dataclass
class Wishes:
    """Wants what each step says, and knows nothing of limits."""

    world: World

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        action = self.world.steps[self.world.market.sessions.index(session)].action
        if not isinstance(action, str) or action not in ("buy", "sell"):
            return None
        return OrderIntent(shares=1, action=action, style=None, code=ReasonCode.ALLOWED, forced=False, wanted_shares=1)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    steps=STEPS,
    profile=profiles(),
    style=st.sampled_from(["aggressive", "balanced", "conservative"]),
    commission=st.sampled_from([COMMISSION, FREE]),
    stop_mode=st.sampled_from(["close", "intraday"]),
    cash_usd=st.floats(50, 1e6),
)
def test_limits_are_never_passed_and_all_is_as_with_agents_that_want_the_same(
    steps: list[Step],
    profile: RiskProfile,
    style: str,
    commission: Commission,
    stop_mode: Literal["close", "intraday"],
    cash_usd: float,
) -> None:
    if not any(step.has_bar for step in steps):
        return
    world = world_of([replace(step, style=style) for step in steps], 100.0)
    positions = world.market.bar_positions
    known = {
        world.market.sessions[now]: KnownAtClose(world.steps[now].sigma10, world.mean_volume(now), world.ratio(before, now))
        for before, now in zip((-1, *positions), positions, strict=False)
    }
    guarded = GuardedTrader(Wishes(world), Guard(profile, style, stop_mode, {"X": known}), known=known, costs=Costs(commission, 0.01))
    reference = Guarded(world, profile, commission, stop_mode == "intraday")
    sinks = []
    for trader in (guarded, reference):
        sinks.append(MemorySink())
        run_checked(
            world.market,
            trader,
            cash_usd=cash_usd,
            commission=commission,
            sink=sinks[-1],
            limits=None if trader is guarded else profile.limits,
            execution=Execution(delisting_sessions=99),
            guard=trader if stop_mode == "intraday" else None,
        )
    assert sinks[0].rows == sinks[1].rows
    books = check_books(world, sinks[0], profile.limits, cash_usd)
    check_purchases(world, sinks[0], reference.decisions, books, profile.limits, cash_usd)


def test_what_is_known_is_what_the_desk_knows(tmp_path: Path) -> None:
    bundle = make_bundle(
        tmp_path, sessions=80, actions=[("AAA", "split", date(2024, 3, 12), 2.0), ("AAA", "dividend", date(2024, 4, 1), 0.5)]
    )
    window = market_of(bundle, "AAA", date(2024, 1, 2), date(2024, 4, 19))
    for deviation in ("population", "sample"):
        asked = ForecastSettings(deviation=deviation)
        known = known_at_closes(bundle, window, STRICT, asked)
        assert list(known) == list(window.sessions[10:])
        assert {session: each.split_ratio for session, each in known.items() if each.split_ratio != 1} == {date(2024, 3, 12): 2.0}
        for session in window.sessions[20:]:
            view = bundle.view(bundle.calendar.close_at(session))
            features = compute_features(view.closes("AAA", 150).closes_usd, asked)
            assert features is not None
            assert known[session].sigma10_fraction == features.sigma10_fraction
            assert known[session].mean_volume_shares == view.mean_volume_shares("AAA", 20)
    assert known_at_closes(bundle, window, DEFAULT, ForecastSettings())[window.sessions[-1]].mean_volume_shares is None
