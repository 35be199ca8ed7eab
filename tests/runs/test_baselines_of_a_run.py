"""The baselines of whole runs: beside the agents, under the risk layer, as a band, and by hand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest

from tests.factories import make_bundle, make_frames
from tests.runs.factory import make_project
from tradinggroup.backtest.baselines.runner import BaselineResult
from tradinggroup.data.bundle import write_bundle
from tradinggroup.data.records import PriceBasis
from tradinggroup.errors import ErrorCode, ProviderError, UsageError
from tradinggroup.experiment import Override, load_experiment
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import Project
from tradinggroup.runs import execution
from tradinggroup.runs.baseline_figures import BaselineJob
from tradinggroup.runs.baselines_beside import BaselinesBeside
from tradinggroup.runs.execute import RunOptions, resume_run, run_experiment
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.text.show import text_show
from tradinggroup.runs.verify import verify_run

STUDY = """name = "study"
bundle = "tiny"
symbols = ["AAA", "BBB"]
start = 2024-02-20
end = 2024-04-12
baselines = ["buy_and_hold", "sma_cross", "bollinger", "random"]
"""
LAST_SESSION = "2024-04-12"


@pytest.fixture
def study(tmp_path: Path) -> Project:
    return make_study(tmp_path / "study")


def make_study(folder: Path) -> Project:
    project = make_project(folder)
    project.experiments_folder.mkdir(parents=True)
    (project.experiments_folder / "study.toml").write_text(STUDY, encoding="utf-8")
    make_bundle(project.root, symbols=("AAA", "BBB"))
    return project


def run_study(project: Project, **changes: object) -> RunFolder:
    overrides = [Override(key.replace("__", "."), value, "test") for key, value in changes.items()]
    return run_experiment(project, load_experiment(project, "study", overrides), RunOptions())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run that tests only read."""
    return run_study(make_study(tmp_path_factory.mktemp("finished")))


def baseline_bytes(run: RunFolder) -> dict[str, bytes]:
    return {path.relative_to(run.path).as_posix(): path.read_bytes() for path in sorted((run.path / "baselines").rglob("*.csv"))}


def leave_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BaselineJob, "early_names", ())


# beside the agents


class WaitingAnalyst(RulesAnalyst):
    """Answers the last session only once the baselines are finished, or ten seconds have passed without them."""

    def __init__(self, finished: Event) -> None:
        super().__init__()
        self._finished = finished
        self.waited: list[bool] = []

    async def answer(self, request: ModelRequest) -> ModelReply:
        if request.session == LAST_SESSION and request.agent == "decision":
            self.waited.append(await asyncio.to_thread(self._finished.wait, 10))
        return await super().answer(request)


def test_baselines_are_finished_before_the_last_decision_of_a_slow_model(study: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    done, made = Event(), list[str]()
    run_early = BaselineJob.run_early

    def noted(job: BaselineJob, stop: Event) -> Mapping[str, BaselineResult]:
        results = run_early(job, stop)
        made.extend(results)
        done.set()
        return results

    analyst = WaitingAnalyst(done)
    monkeypatch.setattr(BaselineJob, "run_early", noted)
    monkeypatch.setattr(execution, "make_model", lambda *_, **__: analyst)
    run = run_study(study)
    assert analyst.waited
    assert all(analyst.waited)
    assert made == ["buy_and_hold", "sma_cross", "bollinger"]
    assert list(run.header["baselines"]) == ["buy_and_hold", "sma_cross", "bollinger", "random"]


def test_they_are_the_same_beside_and_after(finished: RunFolder, study: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    leave_for_later(monkeypatch)
    after = run_study(study)
    assert baseline_bytes(after) == baseline_bytes(finished)
    assert [after.header[key] for key in ("baselines", "random")] == [finished.header[key] for key in ("baselines", "random")]


@pytest.mark.parametrize(
    ("error", "status"), [(KeyboardInterrupt(), "interrupted"), (ProviderError(ErrorCode.PROVIDER_FAILED, "gone"), "provider")]
)
def test_a_run_that_ends_early_ends_them_too(study: Project, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str) -> None:
    stopped = []

    def endless(_: BaselineJob, stop: Event) -> Mapping[str, BaselineResult]:
        stopped.append(stop.wait(20))
        return {}

    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(BaselineJob, "run_early", endless)
    monkeypatch.setattr(execution, "run_agents", broken)
    with pytest.raises(type(error)):
        run_study(study)
    (folder,) = study.runs_folder.iterdir()
    assert stopped == [True]
    assert RunFolder.open(folder).status == status
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("baselines")]


def test_one_that_breaks_breaks_the_run_after_the_agents_and_it_can_be_resumed(
    finished: RunFolder, study: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: BaselineJob, __: Event) -> Mapping[str, BaselineResult]:
        raise ValueError("a rule is broken")

    with monkeypatch.context() as patch:
        patch.setattr(BaselineJob, "run_early", broken)
        with pytest.raises(ValueError, match="a rule is broken"):
            run_study(study)
    (folder,) = study.runs_folder.iterdir()
    ended = RunFolder.open(folder)
    assert (ended.status, len(ended.decisions())) == ("error", len(finished.decisions()))
    again = resume_run(study, ended, RunOptions())
    assert again.status == "success"
    assert baseline_bytes(again) == baseline_bytes(finished)


def test_without_agents_there_is_nothing_to_be_beside(study: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BaselinesBeside, "results", lambda _: {})
    run = run_study(study, agents_enabled=False, baselines=["sma_cross"])
    assert list(run.header["baselines"]) == ["sma_cross"]


# random as a band


def test_the_band_holds_the_draws_and_the_page_tells_them(finished: RunFolder) -> None:
    rows, random = finished.random_band(), finished.header["random"]
    assert [row["session"] for row in rows] == sorted({row["session"] for row in finished.equity()})
    levels = np.array([[row[name] for name in ("q05_usd", "q25_usd", "q50_usd", "q75_usd", "q95_usd")] for row in rows])
    assert (np.diff(levels, axis=1) >= 0).all()
    assert levels[0].tolist() == [200_000.0] * 5
    assert levels[-1] / 200_000.0 - 1 == pytest.approx(list(random["total_return_fraction"].values()), abs=1e-12)
    assert random["exposure_fraction"]["draws"] == pytest.approx(random["exposure_fraction"]["agents"], abs=0.03)
    assert random["turnover_per_year"]["draws"] == pytest.approx(random["turnover_per_year"]["agents"], rel=0.2)
    for figure in ("exposure_fraction", "turnover_per_year"):
        assert random[figure]["agents"] == finished.header["metrics"]["ALL"][figure]
    words = " ".join(text_show(finished).split())
    assert f"{random['draws']} random runs: 5 % made " in words
    assert "the agents beat buy and hold in " in words


def test_symbols_won_stand_in_their_distribution(finished: RunFolder) -> None:
    won, header = finished.header["random"]["symbols_won"], finished.header
    returns = {
        side: [each[symbol]["total_return_fraction"] for symbol in finished.symbols]
        for side, each in (("agents", header["metrics"]), ("held", header["baselines"]["buy_and_hold"]))
    }
    assert won["agents"] == sum(mine > other for mine, other in zip(returns["agents"], returns["held"], strict=True))
    assert won["of"] == 2
    assert list(won["distribution"]) == ["0", "1", "2"]
    assert sum(won["distribution"].values()) == pytest.approx(1.0)


def test_without_buy_and_hold_nothing_is_won(study: Project) -> None:
    assert run_study(study, baselines=["random"]).header["random"]["symbols_won"] is None


# guarded


def test_a_guarded_run_without_agents(study: Project) -> None:
    plain = run_study(study, agents_enabled=False, baselines=["buy_and_hold", "sma_cross", "turn_of_month"])
    guarded = run_study(study, agents_enabled=False, baselines=["buy_and_hold", "sma_cross", "turn_of_month"], guarded=True, risk="strict")
    assert plain.header["baselines_guarded"] == []
    assert guarded.header["baselines_guarded"] == ["sma_cross", "turn_of_month"]
    before, after = baseline_bytes(plain), baseline_bytes(guarded)
    assert [name for name in before if before[name] != after[name]] == [
        f"baselines/{name}/{file}.csv" for name in ("sma_cross", "turn_of_month") for file in ("equity", "fills")
    ]
    words = " ".join(text_show(guarded).split())
    assert "hold cross* month*" in words
    assert "* guarded by the risk layer: stops, sizes and limits of profile strict, style balanced" in words
    assert "stops are checked at each close" in words
    assert "*" not in " ".join(text_show(plain).split())


def test_a_guarded_run_with_agents_is_verified(study: Project) -> None:
    run = run_study(study, guarded=True, stops="intraday", guarded_style="conservative")
    assert run.header["baselines_guarded"] == ["sma_cross", "bollinger"]
    assert verify_run(study, run).equal


def test_the_style_of_the_guard_is_the_one_that_was_set(study: Project) -> None:
    runs = [
        run_study(study, agents_enabled=False, baselines=["turn_of_month"], guarded=True, guarded_style=style)
        for style in ("balanced", "conservative")
    ]
    bought = [sum(fill["shares"] * fill["price_usd"] for fill in run.baseline_fills("turn_of_month")[:1]) for run in runs]
    assert bought[1] / bought[0] == pytest.approx(0.5, abs=0.01), "half of the cash"


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"risk": "nowhere"}, ErrorCode.RISK_PROFILE_INVALID, "no risk profile nowhere"),
        ({"guarded_style": "bold"}, ErrorCode.SETTING_INVALID, "must be one of aggressive, balanced, conservative"),
        ({"baselines": ["buy_and_hold", "random"]}, ErrorCode.SETTING_INVALID, "no baseline of the experiment can be guarded"),
        (
            {"guarded": False, "guarded_style": "aggressive"},
            ErrorCode.SETTING_INVALID,
            "guarded_style=aggressive.* not read under guarded=false",
        ),
        ({"convention": "finsaber", "baselines": ["sma_cross"]}, ErrorCode.SETTING_INVALID, "guarded is fixed by the convention finsaber"),
        ({"convention": "finsaber", "baselines": ["momentum"]}, ErrorCode.SETTING_INVALID, "does not know the baseline momentum"),
    ],
)
def test_a_guard_that_cannot_be_is_refused_before_anything_runs(
    study: Project, changes: dict[str, Any], code: ErrorCode, said: str
) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        run_study(study, **{"agents_enabled": False, "guarded": True, **changes})
    assert refused.value.code is code
    assert not study.runs_folder.exists()


def test_a_model_with_too_few_rows_says_so_and_the_others_run_on(study: Project) -> None:
    pytest.importorskip("statsmodels")
    run = run_study(study, baselines=["arima", "sma_cross"], guarded=True)
    assert run.header["baselines_missing"]["arima"] == "AAA: 33 training rows, ARIMA needs 252; BBB: 33 training rows, ARIMA needs 252"
    assert run.header["baselines_guarded"] == list(run.header["baselines"]) == ["sma_cross"]
    assert "missing arima: AAA: 33 training rows, ARIMA needs 252" in " ".join(text_show(run).split())


# by hand

CLOSES = {
    **{date(2024, 1, each): 50.0 for each in (22, 23, 24, 25, 26)},
    **{date(2024, 1, each): 40.0 for each in (29, 30, 31)},
    **{date(2024, 2, each): 60.0 for each in (1, 2, 5, 6, 7, 8)},
    date(2024, 2, 9): 70.0,
}


def test_two_baselines_by_hand(tmp_path: Path) -> None:
    """Fills at the next close, 20 bps of commission, 10 bps of slippage and spread, 150 shares a bar: every number worked out on paper."""
    project = make_study(tmp_path)
    frames = make_frames(sessions=40)
    closes = frames.prices["session"].map(CLOSES).fillna(50.0)
    prices = frames.prices.assign(open_usd=45.0, high_usd=75.0, low_usd=35.0, close_usd=closes, volume_shares=1_000.0)
    write_bundle(project.root / "data" / "hand", replace(frames, prices=prices), name="hand", basis=PriceBasis.AS_TRADED, sources=[])
    run = run_study(
        project, bundle="hand", symbols=["AAA"], start=date(2024, 1, 22), end=date(2024, 2, 9), cash_usd=10_000.0, fill="next_close",
        baselines=["buy_and_hold", "turn_of_month"], agents_enabled=False, gap_buffer_fraction=0.0, costs__commission="basis_points",
        costs__commission_bps=20.0, costs__slippage_bps=5.0, costs__half_spread_bps=5.0, execution__volume_cap_fraction=0.15,
    )  # fmt: skip
    # 10,000 buys 199 at 50 × 1.001 with 0.2 % on top (199 × 50.1501 = 9,979.87); 249 at 40 × 1.001 (249 × 40.12008 = 9,989.90).
    assert fills_of(run, "buy_and_hold") == [
        ("2024-01-23", "2024-01-22", 150, 50.05, 15.015, 7.5),
        ("2024-01-24", "2024-01-22", 49, 50.05, 4.9049, 2.45),
    ]
    assert fills_of(run, "turn_of_month") == [
        ("2024-01-30", "2024-01-29", 150, 40.04, 12.012, 6.0),
        ("2024-01-31", "2024-01-29", 99, 40.04, 7.92792, 3.96),
        ("2024-02-06", "2024-02-05", -150, 59.94, 17.982, 9.0),
        ("2024-02-07", "2024-02-06", -99, 59.94, 11.86812, 5.94),
    ]
    equity = {name: {row["session"]: row["equity_usd"] for row in run.baseline_equity(name)} for name in run.baseline_names}
    assert equity["buy_and_hold"]["2024-01-22"] == 10_000.0
    assert equity["buy_and_hold"]["2024-02-09"] == pytest.approx(10_000 - 199 * 50.1501 + 199 * 70)
    assert equity["turn_of_month"]["2024-02-05"] == pytest.approx(10_000 - 249 * 40.12008 + 249 * 60)
    assert equity["turn_of_month"]["2024-02-09"] == pytest.approx(14_905.30996)


def fills_of(run: RunFolder, name: str) -> list[tuple[Any, ...]]:
    return [
        (
            row["session"], row["decision_session"], row["shares"], pytest.approx(row["price_usd"]),
            pytest.approx(row["commission_usd"]), pytest.approx(row["slippage_usd"]),
        )
        for row in run.baseline_fills(name)
    ]  # fmt: skip
