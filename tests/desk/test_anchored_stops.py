"""The strict profile on the whole desk: what the decision lines show, and that it comes out the same however it is run."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import cache

from tests.conftest import REPOSITORY
from tests.support.desk_runs import LineSink, demo_bundle, inputs_for
from tradinggroup.backtest.sink import RowKind
from tradinggroup.backtest.stop_statistics import ALL, stop_statistics
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.risk.profile import load_profile
from tradinggroup.runs.agents_job import run_agents
from tradinggroup.runs.progress import NoProgress
from tradinggroup.runs.window import markets_of


@cache
def run(name: str, schedule: str = "run_ahead") -> LineSink:
    inputs = inputs_for(demo_bundle(), start=date(2023, 2, 1), end=date(2023, 4, 28), symbols=("QFRN",), schedule=schedule)
    inputs, sink = replace(inputs, profile=load_profile(REPOSITORY / "risk" / f"{name}.toml")), LineSink()
    with LoopThread() as loop:
        run_agents(inputs, markets=markets_of(inputs), model=RulesAnalyst(), loop=loop, sink=sink, progress=NoProgress())
    return sink


def widened(sink: LineSink) -> int:
    rows = {kind: [{**row, "session": str(row["session"])} for row in sink.rows[kind]] for kind in (RowKind.ORDER, RowKind.FILL)}
    lines = sorted(sink.rows[RowKind.DECISION], key=lambda line: line["session"])
    return stop_statistics(lines, orders=rows[RowKind.ORDER], fills=rows[RowKind.FILL], splits={})[ALL].widened_sessions


def test_a_stop_widens_under_the_papers_profile_and_never_under_the_strict_one() -> None:
    assert widened(run("default")) > 3
    assert widened(run("strict")) == 0


def test_the_days_own_exits_are_shown_only_where_others_are_in_force() -> None:
    assert not [line for line in run("default").rows[RowKind.DECISION] if "daily_thresholds" in line["risk"]]
    differing = [line["risk"] for line in run("strict").rows[RowKind.DECISION] if "daily_thresholds" in line["risk"]]
    assert len(differing) > 5
    for risk in differing:
        assert risk["thresholds"]["stop_loss_fraction"] > risk["daily_thresholds"]["stop_loss_fraction"]
        assert risk["thresholds"]["take_profit_fraction"] == risk["daily_thresholds"]["take_profit_fraction"]


def test_what_the_layer_refused_is_a_hold_by_risk() -> None:
    lines = run("strict").rows[RowKind.DECISION]
    refused = [line for line in lines if line["risk"]["reason_code"] in ("COOL_DOWN", "MAX_ORDERS_PER_SESSION", "MAX_DRAWDOWN_HALT")]
    assert refused
    assert {line["hold_kind"] for line in refused} == {"risk"}


def test_the_strict_profile_comes_out_the_same_serial_and_concurrent() -> None:
    serial, concurrent = run("strict", "serial"), run("strict")
    for kind in RowKind:
        assert serial.file(kind) == concurrent.file(kind), kind
