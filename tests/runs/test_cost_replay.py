"""A run's own orders at other costs, and how costs look on the pages."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from tests.runs.factory import make_project, make_run
from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import DataError
from tradinggroup.project import Project
from tradinggroup.runs.cost_replay import replay_at_costs, scaled
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.text.costs import text_costs, text_scenarios
from tradinggroup.settings import CostSettings


def project_of(run: RunFolder) -> Project:
    return Project.around_run(run.path)


def test_at_its_own_costs_the_run_comes_out(costly_run: RunFolder) -> None:
    free, own, twice = replay_at_costs(project_of(costly_run), costly_run)
    summary = costly_run.summary()
    assert [each.factor for each in (free, own, twice)] == [0, 1, 2]
    assert {symbol: each.to_plain() for symbol, each in own.metrics.items()} == summary["metrics"]
    assert {symbol: each.to_plain() for symbol, each in own.costs.items()} == summary["costs"]
    assert (own.orders_filled_less, own.orders_filled_more) == (0, 0)
    assert own.orders == free.orders == twice.orders == len(costly_run.orders())


def test_costs_scale_and_decisions_stay(costly_run: RunFolder) -> None:
    free, own, twice = replay_at_costs(project_of(costly_run), costly_run)
    assert (free.costs["ALL"].commission_usd, free.costs["ALL"].slippage_usd) == (0.0, 0.0)
    assert free.costs["ALL"].net_usd > own.costs["ALL"].net_usd > twice.costs["ALL"].net_usd
    assert own.costs["ALL"].slippage_usd > 0
    if not twice.orders_filled_less:
        assert twice.costs["ALL"].slippage_usd == pytest.approx(2 * own.costs["ALL"].slippage_usd, rel=1e-9)
    assert free.costs["ALL"].net_usd == pytest.approx(own.costs["ALL"].gross_usd, rel=0.05)


def test_a_purchase_that_no_longer_fits_is_cut_and_counted(costly_run: RunFolder) -> None:
    """At a thousand times the costs the cash cannot reach for what was bought with nearly all of it."""
    (dear,) = replay_at_costs(project_of(costly_run), costly_run, factors=[1_000])
    assert dear.orders_filled_less > 0
    said = text_scenarios(costly_run, [dear])
    assert f"1000 times: of {dear.orders} orders, {dear.orders_filled_less} filled fewer shares than in the run." in " ".join(said.split())


def test_every_amount_is_scaled_and_nothing_else() -> None:
    costs = CostSettings(commission="basis_points", order="minimum_then_cap", slippage_bps=3.0, half_spread_bps=1.5)
    twice = scaled(costs, 2)
    kept = {name for name in CostSettings.model_fields if getattr(twice, name) == getattr(costs, name)}
    assert kept == {"commission", "order"}
    assert all(getattr(twice, name) == 2 * getattr(costs, name) for name in CostSettings.model_fields if name not in kept)


def test_what_cannot_be_replayed_is_said(costly_run: RunFolder, tmp_path: Path) -> None:
    cut_short = make_run(make_project(tmp_path / "project"), status="running")
    with pytest.raises(DataError, match="did not end"):
        replay_at_costs(project_of(cut_short), cut_short)
    root = project_of(costly_run).root
    shutil.copytree(root, tmp_path / "copy")
    run = RunFolder.open(tmp_path / "copy" / costly_run.path.relative_to(root))
    rows = list(csv.reader((run.path / RowKind.FILL).read_text(encoding="utf-8").splitlines()))
    rows[1][rows[0].index("price_usd")] = "1.0"
    (run.path / RowKind.FILL).write_text("\n".join([*map(",".join, rows), ""]), encoding="utf-8")
    with pytest.raises(DataError, match="do not give its fills"):
        replay_at_costs(project_of(run), RunFolder.open(run.path))
    shutil.rmtree(tmp_path / "copy" / "data")
    with pytest.raises(DataError, match="no bundle tiny"):
        replay_at_costs(project_of(run), run)


def test_the_table_adds_up_line_by_line(costly_run: RunFolder) -> None:
    lines = text_costs(costly_run).splitlines()
    assert lines[0].split() == ["costs,", "USD", "gross", "commission", "slippage", "net", "break-even", "bps"]
    for line in lines[1:4]:
        gross, commission, slippage, net = (round(float(cell.replace(",", "")) * 100) for cell in line.split()[1:5])
        assert gross - commission - slippage == net
    assert [line.split()[0] for line in lines[1:4]] == ["AAA", "BBB", "ALL"]
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize(
    ("bill", "said"),
    [
        (None, "the model's bill is not known: net is before it"),
        (0.0, None),
        (12.5, "model's bill 12.50 USD: 1,387.50 left of 1,400.00"),
    ],
)
def test_the_models_bill(project: Project, bill: float | None, said: str | None) -> None:
    run = make_run(project)
    run.header["costs"]["ALL"] |= {"model_bill_usd": bill}
    last = text_costs(run).splitlines()[-1]
    assert last == said if said else last.startswith("ALL ")


def test_a_run_without_agents_has_no_costs(project: Project) -> None:
    run = make_run(project)
    run.header["costs"] = {}
    assert text_costs(run) == ""
    assert text_scenarios(run, []) == "no agents, so no orders to place at other costs"
