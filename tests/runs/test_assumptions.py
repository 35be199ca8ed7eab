"""What a run is said to assume: exactly its own settings, in words."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tradinggroup.runs.assumptions import FINSABER_ASSUMPTIONS, assumption_lines
from tradinggroup.settings import Experiment


def header(*, basis: str = "as_traded", stop_mode: str = "close", **settings: Any) -> dict[str, Any]:
    made = Experiment(name="x", bundle="x", symbols=("A",), start=date(2023, 1, 3), end=date(2023, 12, 29), **settings)
    return {"settings": made.to_plain(), "bundle": {"basis": basis}, "stop_mode": stop_mode}


def test_the_defaults() -> None:
    assert assumption_lines(header()) == [
        "decisions after close, fills at the next open; commission 0.0049 USD a share, at most 1.00 % of the value, but at least 0.99 USD "
        "a fill; no slippage, no spread",
        "any number of shares fills in one bar, whatever its volume, and moves no price",
        "stops are checked at each close, and the sale fills like any order: a gap goes through the stop",
        "prices as traded: splits and dividends are booked on their ex-session",
        "cash earns 0.00 % a year; open positions are marked at the end, not sold; shares of a symbol without any later bar are closed "
        "after 5 sessions, 30 % lower",
    ]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"decide": "pre_open"}, "decisions 30 min before the next open on prices up to the close before, fills at the next open"),
        ({"fill": "same_close"}, "as if a price could be known and traded at once (optimistic)"),
        ({"stop_mode": "intraday"}, "stop and target are orders inside the bar"),
        ({"basis": "total_return"}, "nothing is booked"),
        ({"costs": {"commission": "none"}}, "; no commission; "),
        ({"costs": {"commission": "basis_points", "commission_bps": 7}}, "commission 7 bps of each fill"),
        ({"costs": {"order": "minimum_then_cap"}}, "at least 0.99 USD, but at most 1.00 % of the value"),
        ({"costs": {"slippage_bps": 5, "half_spread_bps": 2.5}}, "5 bps of slippage and 2.5 bps of half-spread worse"),
        ({"execution": {"volume_cap_fraction": 0.05}}, "purchases of a bar take at most 5.00 % of its volume"),
        ({"execution": {"delisting_sessions": 9, "delisting_haircut_fraction": 1.0}}, "closed after 9 sessions, 100 % lower"),
        ({"cash_rate_per_year": 0.03}, "cash earns 3.00 % a year"),
    ],
)
def test_each_setting_is_said(changes: dict[str, Any], says: str) -> None:
    assert any(says in line for line in assumption_lines(header(**changes)))


def test_stops_are_not_spoken_of_where_there_are_none() -> None:
    for changes in ({"agents_enabled": False}, {"without": ("risk",)}):
        assert not any("stop" in line for line in assumption_lines(header(**changes)))


def test_the_papers_convention_and_a_run_of_an_older_version() -> None:
    assert assumption_lines({"settings": {"convention": "finsaber"}}) == [FINSABER_ASSUMPTIONS]
    old = header()
    del old["settings"]["execution"], old["stop_mode"]
    old["settings"]["costs"] = {"per_share_usd": 0.0049, "minimum_usd": 0.99, "maximum_fraction": 0.01}
    assert assumption_lines(old)[-1] == "cash earns 0.00 % a year; open positions are marked at the end, not sold"


def test_how_the_symbols_were_chosen_is_said() -> None:
    note = "chosen by hand; survivorship not excluded"
    assert f"symbols: {note}" in assumption_lines({**header(), "universe": {"note": note, "dated": False}})
    dated = assumption_lines({**header(), "universe": {"note": "index members", "dated": True}})
    assert any(line.startswith("symbols: index members; each is decided only while it belonged") for line in dated)
