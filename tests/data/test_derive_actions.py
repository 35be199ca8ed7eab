"""Splits and dividends out of Adj Close ÷ Close."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradinggroup.data.derive_actions import derive_actions
from tradinggroup.data.plain_prices import ActionRow, PriceFile, PriceRow, read_prices
from tradinggroup.data.records import ActionKind

FIRST = date(2020, 1, 1)


def _file(closes: list[float], actions: dict[int, tuple[str, float]], *, decimals: int) -> PriceFile:
    """A price file as a source would make it: Adj Close computed backwards from the last close, then rounded."""
    factors = [1.0]
    for place in range(len(closes) - 1, 0, -1):
        kind, value = actions.get(place, ("", 0.0))
        step = 1 / value if kind == "split" else 1 - value / closes[place - 1] if kind == "dividend" else 1.0
        factors.insert(0, factors[0] * step)
    rows = tuple(
        PriceRow(FIRST + timedelta(days=place), close, close, close, close, round(close * factor, decimals), 1.0)
        for place, (close, factor) in enumerate(zip(closes, factors, strict=True))
    )
    return PriceFile("ACME", rows, decimals)


def _found(rows: tuple[ActionRow, ...]) -> dict[int, tuple[str, float]]:
    return {(row.ex_session - FIRST).days: (row.kind.value, row.ratio or row.cash_usd or 0.0) for row in rows}


@pytest.mark.parametrize("ratio", [2, 3, 4, 5, 7, 10, 20, 50, 1.5, 1.25, 0.1, 0.5, 1 / 7, 4 / 3])
def test_splits_snap_to_fractions_of_small_numbers(ratio: float) -> None:
    closes = [300.0, 303.0, round(303 / ratio, 2), round(305 / ratio, 2)]
    file = _file(closes, {2: ("split", ratio)}, decimals=6)
    assert _found(derive_actions(file)) == {2: ("split", pytest.approx(ratio, abs=1e-15))}


@pytest.mark.parametrize("decimals", [4, 6])
@pytest.mark.parametrize("cash", [0.16, 0.46, 0.75, 2.5, 15.0])
def test_dividends_in_cash_of_their_own_day(cash: float, decimals: int) -> None:
    file = _file([100.0, 102.0, 101.0, 104.0], {2: ("dividend", cash)}, decimals=decimals)
    assert _found(derive_actions(file)) == {2: ("dividend", pytest.approx(cash, abs=0.0011))}


def test_a_dividend_before_a_split_is_on_the_scale_before_it() -> None:
    file = _file([200.0, 199.0, 201.0, 100.5, 101.0], {1: ("dividend", 1.0), 3: ("split", 2.0)}, decimals=6)
    assert _found(derive_actions(file)) == {1: ("dividend", pytest.approx(1.0, abs=1e-4)), 3: ("split", 2.0)}


def test_a_dividend_on_the_day_of_a_whole_split() -> None:
    rows = (PriceRow(FIRST, 200, 200, 200, 200, 98.0, 1), PriceRow(FIRST + timedelta(days=1), 99, 99, 99, 99, 99.0, 1))
    actions = derive_actions(PriceFile("ACME", rows, 6))
    assert [(row.kind, row.ratio, row.cash_usd) for row in actions] == [
        (ActionKind.DIVIDEND, None, pytest.approx(2.0, abs=1e-4)),
        (ActionKind.SPLIT, 2.0, None),
    ]


def _with_later_level(file: PriceFile, factor: float) -> PriceFile:
    """What the source's file becomes by later splits and dividends: Adj Close times `factor`, rounded again; nothing else."""
    rows = tuple(replace(row, adjusted_close_usd=round(row.adjusted_close_usd * factor, file.adjusted_decimals)) for row in file.rows)
    return PriceFile(file.symbol, rows, file.adjusted_decimals)


LATER_LEVELS = [0.95 / 7, 0.95, 1 / 4, 1 / 20]


@pytest.mark.parametrize("factor", LATER_LEVELS)
@pytest.mark.parametrize("cash", [0.01, 0.03125, 0.094643, 0.1925, 0.20125, 0.51, 1.9])
@pytest.mark.parametrize("close", [3.07, 22.14, 187.23])
def test_later_splits_and_dividends_do_not_change_an_earlier_dividend(close: float, cash: float, factor: float) -> None:
    """Cents, their halves, quarters and eighths, and an amount that an old 28:1 split left odd."""
    file = _file([close, close, round(close * 1.01, 2), round(close * 1.02, 2)], {2: ("dividend", cash)}, decimals=6)
    actions = derive_actions(file)
    assert _found(actions) == {2: ("dividend", pytest.approx(cash, abs=0.0014))}
    assert derive_actions(_with_later_level(file, factor)) == actions


@given(
    closes=st.lists(st.integers(2000, 40_000).map(lambda cents: cents / 100), min_size=4, max_size=20),
    quarters=st.integers(4, 800),
    factor=st.floats(0.03, 1),
)
def test_quarter_cents_are_found_to_the_bit_whatever_comes_later(closes: list[float], quarters: int, factor: float) -> None:
    file = _file(closes, {2: ("dividend", quarters / 400)}, decimals=6)
    expected = (ActionRow(FIRST + timedelta(days=2), ActionKind.DIVIDEND, None, quarters / 400),)
    assert derive_actions(file) == expected
    assert derive_actions(_with_later_level(file, factor)) == expected


@pytest.mark.parametrize("close", [0.31, 0.047])
def test_the_steps_are_finer_under_a_dollar(close: float) -> None:
    """Split-adjusted histories: a dividend of one percent is found to a twentieth."""
    file = _file([close, close, close, close], {2: ("dividend", close / 100)}, decimals=8)
    assert _found(derive_actions(file)) == {2: ("dividend", pytest.approx(close / 100, rel=0.05))}


@pytest.mark.parametrize("factor", LATER_LEVELS)
@pytest.mark.parametrize("name", ["table1/prices/MSFT", "table1/prices/TSLA", "prices/AAPL", "prices/NKE", "prices/NVDA"])
def test_real_actions_do_not_change_with_the_later_level(shared_data: Path, name: str, factor: float) -> None:
    if name.startswith("table1") and factor < 0.1:
        pytest.skip("four digits after the point cannot carry this level")
    file = read_prices(shared_data / f"{name}.csv", "XNYS")
    assert derive_actions(_with_later_level(file, factor)) == derive_actions(file)


@given(
    closes=st.lists(st.integers(100, 90_000).map(lambda cents: cents / 100), min_size=2, max_size=60),
    factor=st.floats(0.2, 1),
    decimals=st.integers(2, 6),
)
def test_rounding_never_invents_an_action(closes: list[float], factor: float, decimals: int) -> None:
    rows = tuple(
        PriceRow(FIRST + timedelta(days=place), close, close, close, close, max(round(close * factor, decimals), 10.0**-decimals), 1.0)
        for place, close in enumerate(closes)
    )
    assert derive_actions(PriceFile("ACME", rows, decimals)) == ()


def test_single_precision_never_invents_an_action() -> None:
    stream = np.random.default_rng(3)
    closes = (100 * np.exp(np.cumsum(stream.normal(0, 0.02, 3000)))).astype(np.float32)
    adjusted = (closes * np.float32(0.7317)).astype(np.float32)
    rows = tuple(
        PriceRow(FIRST + timedelta(days=place), 1, 1, 1, round(float(close), 6), round(float(value), 6), 1.0)
        for place, (close, value) in enumerate(zip(closes, adjusted, strict=True))
    )
    assert derive_actions(PriceFile("ACME", rows, 6)) == ()


@pytest.mark.parametrize(
    ("symbol", "splits"),
    [
        ("TSLA", [("2020-08-31", 5.0), ("2022-08-25", 3.0)]),
        ("AMZN", [("2022-06-06", 20.0)]),
        ("NFLX", []),
        ("COIN", []),
    ],
)
def test_real_splits(shared_data: Path, symbol: str, splits: list[tuple[str, float]]) -> None:
    actions = derive_actions(read_prices(shared_data / "table1" / "prices" / f"{symbol}.csv", "XNYS"))
    assert [(row.ex_session.isoformat(), row.ratio) for row in actions] == splits


def test_real_quarterly_dividends(shared_data: Path) -> None:
    actions = derive_actions(read_prices(shared_data / "table1" / "prices" / "MSFT.csv", "XNYS"))
    assert [row.cash_usd for row in actions] == pytest.approx(
        [0.46] * 3 + [0.51] * 4 + [0.56] * 4 + [0.62] * 4 + [0.68] * 4 + [0.75], abs=0.001
    )
    assert actions[0].ex_session == date(2019, 2, 20)
    assert all(60 < (after.ex_session - before.ex_session).days < 120 for before, after in pairwise(actions))
