"""Windows read from bundles."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.backtest.helpers import Script, market, play, recomputed_equity
from tests.factories import make_bundle, make_frames
from tradinggroup.backtest.market import SymbolMarket, market_of
from tradinggroup.data.bundle import write_bundle
from tradinggroup.data.records import ActionKind, PriceBasis
from tradinggroup.errors import DataError

ACTIONS = (("AAA", "split", date(2024, 2, 5), 2.0), ("AAA", "dividend", date(2024, 2, 13), 0.5))


def test_the_window_is_inside_the_calendar_bounds(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, actions=ACTIONS)
    window = market_of(bundle, "AAA", date(2024, 2, 3), date(2024, 2, 18))  # a Saturday to a Sunday
    assert (window.sessions[0], window.sessions[-1]) == (date(2024, 2, 5), date(2024, 2, 16))
    assert window.bar_positions == tuple(range(10))
    view = bundle.view(bundle.calendar.close_at(date(2024, 2, 2)))
    assert window.close_before_usd == view.bar("AAA", date(2024, 2, 2)).close_usd
    assert [(action.kind, action.ex_session) for group in window.actions for action in group] == [
        (ActionKind.SPLIT, date(2024, 2, 5)),
        (ActionKind.DIVIDEND, date(2024, 2, 13)),
    ]


def test_a_split_between_the_last_bar_and_the_window_rebases_the_mark(tmp_path: Path) -> None:
    frames = make_frames(actions=ACTIONS)
    halted = frames.prices["session"].between(date(2024, 2, 5), date(2024, 2, 7))
    frames = replace(frames, prices=frames.prices[~halted])
    bundle = write_bundle(tmp_path / "halted", frames, name="halted", basis=PriceBasis.AS_TRADED, sources=[])
    window = market_of(bundle, "AAA", date(2024, 2, 6), date(2024, 2, 9))
    result = play(window, {})
    assert result.equity[0]["close_usd"] == window.close_before_usd / 2
    assert window.bar_positions == (2, 3)


def test_a_symbol_ends_where_the_bundle_has_no_later_bar(tmp_path: Path) -> None:
    frames = make_frames(symbols=("AAA", "BBB"))
    prices = frames.prices
    gone = (prices["symbol"] == "AAA") & (prices["session"] > date(2024, 2, 14))
    halted = (prices["symbol"] == "BBB") & prices["session"].between(date(2024, 2, 15), date(2024, 3, 1))
    bundle = write_bundle(
        tmp_path / "gone", replace(frames, prices=prices[~gone & ~halted]), name="gone", basis=PriceBasis.AS_TRADED, sources=[]
    )
    span = date(2024, 2, 5), date(2024, 2, 29)
    ended, pausing = market_of(bundle, "AAA", *span), market_of(bundle, "BBB", *span)
    assert ended.bar_positions == pausing.bar_positions
    assert (ended.is_ended, pausing.is_ended) == (True, False)
    assert (ended.delisting_position(5), pausing.delisting_position(5)) == (ended.bar_positions[-1] + 5, None)
    assert ended.delisting_position(99) is None
    assert not market_of(bundle, "AAA", date(2024, 2, 5), date(2024, 2, 14)).is_ended


def test_no_session_between_the_dates_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="DATES_OUTSIDE"):
        market_of(make_bundle(tmp_path), "AAA", date(2024, 2, 3), date(2024, 2, 4))


def test_a_bar_outside_the_sessions_is_refused() -> None:
    window = market([(1.0, 1.0)] * 3)
    with pytest.raises(ValueError, match="outside the sessions"):
        SymbolMarket.build("X", sessions=window.sessions[:1], bars=_bars(window))


def test_real_prices_balance(shared_data: Path, tmp_path: Path) -> None:
    from tradinggroup.data.importing import import_folder

    bundle = import_folder(
        shared_data, name="real", bundles_folder=tmp_path, prices="prices_recent", symbols=("TSLA", "COIN"), start=date(2024, 6, 1)
    )
    for symbol in bundle.symbols:
        window = market_of(bundle, symbol, date(2025, 2, 3), date(2025, 6, 30))
        trader = Script({})
        trader.orders = {session: 100 if place % 3 else -70 for place, session in enumerate(window.sessions)}
        result = play(window, trader, cash_usd=100_000.0)
        assert len(result.fills) > 60
        assert result.equity_usd == pytest.approx(recomputed_equity(window, result.fills, cash_usd=100_000.0), rel=1e-12)


def _bars(window: SymbolMarket):
    from tradinggroup.data.records import Bar

    return [Bar("X", session, 1.0, 1.0, 1.0, 1.0, 1.0, None) for session in window.sessions]
