"""A whole run with every way to fill switched on: it is told in its files, and comes out the same again."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from tests.support.desk_runs import PROFILE
from tradinggroup.backtest.orders import ORDER_STATUSES
from tradinggroup.errors import ErrorCode, ProviderError
from tradinggroup.experiment import Override, load_experiment
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import Project
from tradinggroup.runs import execution
from tradinggroup.runs.compare import compare_runs
from tradinggroup.runs.cost_replay import replay_at_costs
from tradinggroup.runs.execute import RunOptions, resume_run, run_experiment
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.text.replay import text_replay
from tradinggroup.runs.text.show import text_show
from tradinggroup.runs.verify import verify_run

CHANGES = {
    "end": date(2023, 2, 17),
    "symbols": ["ACME", "QFRN"],
    "baselines": ["buy_and_hold", "random"],
    "stops": "intraday",
    "fill": "next_close",
    "costs.slippage_bps": 5.0,
    "execution.volume_cap_fraction": 0.0002,
}


class DyingAnalyst(RulesAnalyst):
    """Answers so many calls, then nobody is there."""

    left = 60

    async def answer(self, request: ModelRequest) -> ModelReply:
        self.left -= 1
        if self.left < 0:
            raise ProviderError(ErrorCode.PROVIDER_FAILED, "the server died")
        return await super().answer(request)


def run_demo(project: Project, **changes: object) -> RunFolder:
    overrides = [Override(key, value, "test") for key, value in {**CHANGES, **changes}.items()]
    return run_experiment(project, load_experiment(project, "demo", overrides), RunOptions())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, RunFolder]:
    project = demo_project(tmp_path_factory.mktemp("fills"))
    return project, run_demo(project)


def demo_project(folder: Path) -> Project:
    """A project that reads the repository's content, with runs of its own."""
    (folder / "tradinggroup.toml").touch()
    (folder / "data").mkdir()
    (folder / "data" / "demo").symlink_to(PROFILE.parent.parent / "data" / "demo")
    return Project.find(folder)


def test_its_orders_and_fills(finished: tuple[Project, RunFolder]) -> None:
    _, run = finished
    orders, fills = run.orders(), run.fills()
    by_id = {row["order_id"]: row for row in orders}
    stops = [row for row in orders if row["order_id"].endswith("-stop")]
    assert stops
    assert all((row["forced"], row["reason_code"]) == (True, "STOP_LOSS") for row in stops)
    unasked = [line for line in run.decisions() if line["decision"] is None]
    assert all("waiting_shares" in line["risk"]["numbers"] for line in unasked), "the close intercepts nothing but rests of exits"
    assert any(row["fill_reason_code"] == "VOLUME_CAP" for row in orders)
    closes = {(row["session"], row["symbol"]): row["close_usd"] for row in run.equity()}
    for fill in fills:
        signed = 1.0005 if fill["shares"] > 0 else 0.9995
        if not by_id[fill["order_id"]]["forced"]:
            assert fill["price_usd"] == pytest.approx(closes[fill["session"], fill["symbol"]] * signed)
        assert fill["slippage_usd"] == pytest.approx(abs(fill["shares"]) * fill["price_usd"] / signed * 0.0005)
    statuses = Counter(row["status"] for row in orders)
    assert run.header["orders"] == {"sent": len(orders), **{key: statuses[key] for key in ORDER_STATUSES}}


def test_show_says_what_it_assumes(finished: tuple[Project, RunFolder]) -> None:
    _, run = finished
    words = " ".join(text_show(run).split())
    for said in (
        "assumes decisions after close, fills at the next close; commission 0.0049 USD a share",
        "each fill 5 bps of slippage worse than its quoted price",
        "purchases of a bar take at most 0.02 % of its volume, and sales as much",
        "stop and target are orders inside the bar",
        f"{run.header['orders']['sent']} orders sent: ",
    ):
        assert said in words


def test_replay_says_where_in_the_bar_a_fill_was(finished: tuple[Project, RunFolder]) -> None:
    lines = text_replay(finished[1]).splitlines()
    assert any(line.startswith("  close  ") and " bought " in line for line in lines)
    assert any(line.startswith("  stop   ") and line.endswith("the stop was reached inside the bar") for line in lines)


def test_orders_at_its_own_costs_give_its_fills_again(finished: tuple[Project, RunFolder], tmp_path: Path) -> None:
    """Rests of stops go on, and under the strict profile those of purchases end, without anybody being asked again."""
    project = demo_project(tmp_path)
    strict = run_demo(project, risk="strict", symbols=["QFRN"], baselines=["buy_and_hold"], **{"execution.volume_cap_fraction": 0.00005})
    assert any("ended_purchase" in line["sizing"] for line in strict.decisions())
    for where, run in (finished, (project, strict)):
        (own,) = replay_at_costs(where, run, factors=[1])
        assert (own.orders_filled_less, own.orders_filled_more) == (0, 0)
    assert verify_run(project, strict).equal


def test_it_is_verified(finished: tuple[Project, RunFolder]) -> None:
    project, run = finished
    assert verify_run(project, run).equal


def test_it_died_and_was_resumed(finished: tuple[Project, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, unbroken = finished
    project = demo_project(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(execution, "make_model", lambda *_, **__: DyingAnalyst())
        with pytest.raises(ProviderError):
            run_demo(project)
    (folder,) = project.runs_folder.iterdir()
    again = resume_run(project, RunFolder.open(folder), RunOptions())
    assert again.status == "success"
    assert compare_runs(unbroken.path, again.path).equal
