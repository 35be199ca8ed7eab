"""Labels of a whole run against its own rows, under every fill and stop mode and both clocks; TRWK is halted in the window."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.factories import make_bundle
from tests.support.desk_runs import LineSink, demo_bundle, run_desk
from tradinggroup.backtest.sink import RowKind
from tradinggroup.clock import parse_utc
from tradinggroup.settings import CostSettings

HALTED = "2023-09-13"
NO_LABEL = {
    "next_open": ["2023-09-12"],
    "next_close": ["2023-09-11", "2023-09-12"],
    "same_close": ["2023-09-12"],
}
"""Decisions whose label would need the halted session."""
MODES = [
    ("next_open", "close", "after_close"),
    ("next_open", "intraday", "pre_open"),
    ("next_close", "close", "pre_open"),
    ("next_close", "intraday", "after_close"),
    ("same_close", "intraday", "after_close"),
]


def run(fill: str, stops: str, decide: str) -> LineSink:
    settings: dict[str, Any] = {"fill": fill, "stops": stops, "decide": decide, "costs": CostSettings(slippage_bps=8.0)}
    return run_desk(demo_bundle(), start=date(2023, 8, 1), end=date(2023, 9, 29), symbols=("TRWK",), **settings)


@pytest.mark.parametrize(("fill", "stops", "decide"), MODES)
def test_the_labels_of_a_run_are_what_its_account_did(fill: str, stops: str, decide: str) -> None:
    sink = run(fill, stops, decide)
    outcomes = [row for row in sink.rows[RowKind.OUTCOME] if row["kind"] == "decision"]
    decided = [line["session"] for line in sink.rows[RowKind.DECISION]]
    open_at_the_end = 2 if fill == "next_close" else 1
    assert [row["decision_session"] for row in outcomes] == decided[:-open_at_the_end]
    assert [row["decision_session"] for row in outcomes if row["reason"]] == NO_LABEL[fill]
    calendar, at_close = demo_bundle().calendar, _equity_at_closes(sink, fill)
    for row in outcomes:
        known = calendar.close_at(date.fromisoformat(row["session"]))
        assert parse_utc(row["known_at"]) == known  # the close, also where the decision that may use it comes the next morning
        if row["reason"] is None:
            end = date.fromisoformat(row["session"])
            start = calendar.previous_session(end)
            before_usd = at_close[start] if fill != "next_open" else _equity(sink)[start]
            assert row["equity_before_usd"] == pytest.approx(before_usd, rel=1e-12)
            assert row["equity_return_fraction"] == pytest.approx(at_close[end] / before_usd - 1, abs=1e-11)


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
def test_a_symbol_that_left_and_came_back_is_labelled(fill: str, tmp_path: Path) -> None:
    """The label of the last decision before it left spans sessions without one."""
    bundle = make_bundle(tmp_path, sessions=90)
    bundle.membership = {"AAA": ((date(2024, 1, 2), date(2024, 3, 28)), (date(2024, 4, 8), None))}
    sink = run_desk(bundle, start=date(2024, 3, 1), end=date(2024, 4, 30), fill=fill)
    lines = [row for row in sink.rows[RowKind.OUTCOME] if row["kind"] == "decision" and row["decision_session"] == "2024-03-27"]
    assert [row["reason"] for row in lines] == [None]
    at_close = _equity(sink) if fill == "next_open" else _equity_at_closes(sink, fill)
    end = date(2024, 4, 1) if fill == "next_close" else date(2024, 3, 28)
    before_usd = at_close[bundle.calendar.previous_session(end)]
    assert lines[0]["equity_return_fraction"] == pytest.approx(at_close[end] / before_usd - 1, abs=1e-11)


def test_the_modes_compared_stop_and_trade() -> None:
    sink = run("next_close", "intraday", "after_close")
    names = {str(row["order_id"]).rpartition("-")[2] for row in sink.rows[RowKind.FILL]}
    assert names & {"stop", "target"}
    assert len(sink.rows[RowKind.FILL]) > 10


def _equity(sink: LineSink) -> dict[date, float]:
    return {row["session"]: row["equity_usd"] for row in sink.rows[RowKind.EQUITY]}


def _equity_at_closes(sink: LineSink, fill: str) -> dict[date, float]:
    """Equity by session before what filled at its close: a fill at the close costs its commission and slippage, nothing else."""
    equity = _equity(sink)
    for row in sink.rows[RowKind.FILL]:
        if fill != "next_open" and str(row["order_id"]).count("-") == 3:
            equity[row["session"]] += row["commission_usd"] + row["slippage_usd"]
    return equity
