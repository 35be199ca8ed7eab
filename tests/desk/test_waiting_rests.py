"""A thin volume cap on the whole desk: the rest of a stop goes on before any answer, that of a purchase ends at a limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

import pytest

from tests.conftest import REPOSITORY
from tests.support.books import check_desk_run
from tests.support.desk_runs import LineSink, demo_bundle, inputs_for
from tradinggroup.backtest.sink import RowKind
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.risk.profile import load_profile
from tradinggroup.runs.agents_job import run_agents
from tradinggroup.runs.progress import NoProgress
from tradinggroup.runs.window import markets_of
from tradinggroup.settings import ExecutionSettings


@cache
def run(profile: str, stops: str, fill: str, cap: float) -> LineSink:
    """One symbol of the demo, its orders held back by volume; the second set of books agrees."""
    inputs = inputs_for(
        demo_bundle(),
        start=date(2023, 2, 1),
        end=date(2023, 4, 28),
        symbols=("QFRN",),
        stops=stops,
        fill=fill,
        execution=ExecutionSettings(volume_cap_fraction=cap),
    )
    path, sink = REPOSITORY / "risk" / f"{profile}.toml", LineSink()
    inputs = replace(inputs, profile=load_profile(path), profile_text=path.read_text(encoding="utf-8"))
    with LoopThread() as loop:
        run_agents(inputs, markets=markets_of(inputs), model=RulesAnalyst(), loop=loop, sink=sink, progress=NoProgress())
    check_desk_run(inputs, sink.rows)
    return sink


@pytest.mark.parametrize("fill", ["next_open", "next_close"])
@pytest.mark.parametrize("stops", ["close", "intraday"])
def test_while_a_stop_is_being_sold_nobody_is_asked(stops: str, fill: str) -> None:
    sink = run("default", stops, fill, 0.00005)
    going_on = [line for line in sink.rows[RowKind.DECISION] if line["decision"] is None and not line["sizing"]["order_id"]]
    assert going_on, "no stop waited"
    for line in going_on:
        assert line["risk"]["reason_code"] in ("STOP_LOSS", "TAKE_PROFIT")
        assert line["risk"]["numbers"]["waiting_shares"] < 0
        assert line["hold_kind"] == "risk"
        assert line["sizing"]["shares"] == 0
    sold = [row for row in sink.rows[RowKind.ORDER] if row["reason_code"] in ("STOP_LOSS", "TAKE_PROFIT")]
    # VOLUME_CAP: a larger sale, decided before, went on in the place of the exit.
    assert all(row["status"] == "filled" or row["fill_reason_code"] == "VOLUME_CAP" for row in sold[:-1])


def test_the_rest_of_a_purchase_ends_at_a_limit() -> None:
    sink = run("strict", "intraday", "next_open", 0.00005)
    ended = [line for line in sink.rows[RowKind.DECISION] if "ended_purchase" in line["sizing"]]
    assert ended
    codes = {row["fill_reason_code"] for row in sink.rows[RowKind.ORDER] if row["status"] == "partial"}
    assert {line["sizing"]["ended_purchase"] for line in ended} <= codes
    default = run("default", "intraday", "next_open", 0.00005)
    assert not [line for line in default.rows[RowKind.DECISION] if "ended_purchase" in line["sizing"]]
