"""The window of a run: warm-up is never performance, and a reader is told what is not as asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.factories import make_bundle, make_frames
from tests.support.desk_runs import inputs_for
from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.records import PriceBasis
from tradinggroup.errors import UsageError
from tradinggroup.runs.inputs import RunInputs
from tradinggroup.runs.window import decision_sessions, markets_of, window_warnings
from tradinggroup.settings import ExecutionSettings


def whole(bundle: Bundle, **settings: object) -> RunInputs:
    return inputs_for(bundle, start=bundle.first_session, end=bundle.last_session, **settings)


def late_listing(tmp_path: Path, *, sessions: int) -> Bundle:
    """AAA has 60 bars, BBB only the last `sessions` of them."""
    frames = make_frames(symbols=("AAA", "BBB"), sessions=60)
    days = sorted(set(frames.prices["session"]))
    listed = (frames.prices["symbol"] == "AAA") | (frames.prices["session"] >= days[-sessions])
    return write_bundle(
        tmp_path / "late", replace(frames, prices=frames.prices[listed]), name="late", basis=PriceBasis.AS_TRADED, sources=[]
    )


def test_a_window_after_the_warm_up_stays_as_asked(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, sessions=60)
    inputs = inputs_for(bundle, start=date(2024, 2, 10), end=bundle.last_session)
    markets = markets_of(inputs)
    assert markets["AAA"].sessions[0] == date(2024, 2, 12)
    assert window_warnings(inputs, markets) == []


def test_the_account_starts_with_the_first_decision(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, sessions=60)
    markets = markets_of(whole(bundle))
    sessions = bundle.calendar.sessions(bundle.first_session, bundle.last_session)
    assert markets["AAA"].sessions == tuple(sessions[20:])
    assert window_warnings(whole(bundle), markets) == [f"the first 20 sessions are warm-up: the run starts on {sessions[20]}"]


def test_baselines_alone_have_no_warm_up(tmp_path: Path) -> None:
    assert len(markets_of(whole(make_bundle(tmp_path, sessions=60), agents_enabled=False))["AAA"].sessions) == 60


def test_a_symbol_that_is_listed_later_waits_in_cash(tmp_path: Path) -> None:
    bundle = late_listing(tmp_path, sessions=25)
    markets = markets_of(whole(bundle))
    assert len(markets["AAA"].sessions) == len(markets["BBB"].sessions) == 40
    first = decision_sessions(whole(bundle), markets["BBB"])[0]
    assert f"BBB waits in cash until {first}: it has too little history before" in window_warnings(whole(bundle), markets)


def test_a_symbol_that_is_never_decided_is_named(tmp_path: Path) -> None:
    bundle = late_listing(tmp_path, sessions=10)
    assert any("BBB is never decided" in text for text in window_warnings(whole(bundle), markets_of(whole(bundle))))


def test_a_symbol_that_counts_as_delisted_is_named(tmp_path: Path) -> None:
    frames = make_frames(symbols=("AAA", "BBB"), sessions=60)
    days = sorted(set(frames.prices["session"]))
    kept = (frames.prices["symbol"] == "AAA") | (frames.prices["session"] <= days[-6])
    bundle = write_bundle(
        tmp_path / "gone", replace(frames, prices=frames.prices[kept]), name="gone", basis=PriceBasis.AS_TRADED, sources=[]
    )
    said = f"BBB has no bar after {days[-6]} and counts as delisted: its shares are closed 30 % below the last price"
    for agents_enabled in (True, False):
        inputs = whole(bundle, agents_enabled=agents_enabled)
        assert said in window_warnings(inputs, markets_of(inputs))
    later = whole(bundle, execution=ExecutionSettings(delisting_sessions=6))
    assert said not in window_warnings(later, markets_of(later))


def test_a_window_without_any_decision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"DATES_OUTSIDE.*needs 21 closes"):
        markets_of(whole(make_bundle(tmp_path, sessions=20)))


def test_a_symbol_without_a_bar_in_the_window_is_refused(tmp_path: Path) -> None:
    bundle = late_listing(tmp_path, sessions=10)
    days = bundle.calendar.sessions(bundle.first_session, bundle.last_session)
    with pytest.raises(UsageError, match=r"DATES_OUTSIDE.*BBB has no bar"):
        markets_of(inputs_for(bundle, start=days[0], end=days[40]))


def test_a_symbol_that_leaves_the_universe_is_not_decided_outside(tmp_path: Path) -> None:
    frames = make_frames(symbols=("AAA", "BBB"), sessions=60)
    days = sorted(set(frames.prices["session"]))
    bundle = write_bundle(
        tmp_path / "m", frames, name="m", basis=PriceBasis.AS_TRADED, sources=[], membership={"BBB": ((days[30], days[40]),)}
    )
    inputs = whole(bundle)
    markets = markets_of(inputs)
    assert decision_sessions(inputs, markets["BBB"]) == days[30:40]
    assert len(decision_sessions(inputs, markets["AAA"])) == 40
    said = f"BBB belongs to the universe from {days[30]} to {days[40]}: no decision outside, and its shares are sold after its last session"
    assert window_warnings(inputs, markets) == [said, f"the first 20 sessions are warm-up: the run starts on {days[20]}"]
