"""ARIMA and XGBoost: what they learn from, what they see, and what happens where there is too little."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.backtest.helpers import COMMISSION
from tests.factories import make_bundle
from tradinggroup.backtest.baselines.fitted import TrainingSpan, arima_signals, xgboost_signals
from tradinggroup.backtest.baselines.forecasts import FEATURES, arima_forecasts, price_features, relative_strength, xgboost_scores
from tradinggroup.backtest.baselines.history import SessionHistory, history_of
from tradinggroup.backtest.baselines.rules import Costs
from tradinggroup.backtest.baselines.runner import run_baselines
from tradinggroup.backtest.baselines.shared import BaselineSettings
from tradinggroup.backtest.market import market_of
from tradinggroup.errors import UsageError
from tradinggroup.experiment import load_experiment
from tradinggroup.project import MARKER, Project
from tradinggroup.runs.execute import RunOptions, run_experiment

pytest.importorskip("statsmodels")
pytest.importorskip("xgboost")

START = date(2024, 3, 1)
SETTINGS = BaselineSettings(10_000.0, Costs(COMMISSION, 0.01), 0.0, 7, 99, training_years={"AAA": 1, "NEW": 1})


def walk(count: int, seed: int = 1) -> np.ndarray:
    return 40 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, count)))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> SessionHistory:
    bundle = make_bundle(tmp_path_factory.mktemp("fitted"), sessions=330, first_day=date(2023, 1, 3))
    return history_of(bundle, "AAA", date(2024, 4, 19))


def altered(history: SessionHistory, place: int) -> SessionHistory:
    """The same history with absurd prices from `place` on."""
    columns = [np.concatenate([column[:place], column[place:] * 7 + 1000]) for column in _columns(history)]
    return SessionHistory(history.symbol, history.sessions, *columns, place_in_month=history.place_in_month)


def _columns(history: SessionHistory) -> tuple[np.ndarray, ...]:
    return history.open_usd, history.high_usd, history.low_usd, history.close_usd


def test_the_training_rows_end_with_the_last_session_before_the_window(history: SessionHistory) -> None:
    span = TrainingSpan.of(history, window_start=START, years=1)
    assert (history.sessions[span.start], history.sessions[span.stop - 1]) == (date(2023, 3, 1), date(2024, 2, 29))
    assert span.rows == 252


def test_forecasts_know_nothing_later_than_their_session() -> None:
    closes = walk(320)
    whole = arima_forecasts(closes[:260], closes[260:], years=1)
    assert len(whole) == 60
    assert arima_forecasts(closes[:260], closes[260:290], years=1) == pytest.approx(whole[:30], rel=1e-12)


def test_arima_expects_what_an_alternating_series_does() -> None:
    steps = np.where(np.arange(300) % 2 == 0, 1.0, -0.9) + np.random.default_rng(0).normal(0, 0.01, 300)
    closes = 100 + np.cumsum(steps)
    forecasts = arima_forecasts(closes[:260], closes[260:], years=1)
    assert np.sign(forecasts - closes[260:])[:-1].tolist() == np.sign(np.diff(closes[260:])).tolist()


def test_trees_learn_a_threshold() -> None:
    features = np.zeros((200, len(FEATURES)))
    features[:, 4] = np.arange(200) % 100
    labels = (features[:, 4] > 60).astype(float)
    assert (xgboost_scores(features, labels, features) >= 0.5).tolist() == labels.astype(bool).tolist()


def test_features_by_hand() -> None:
    closes = walk(60)
    features = dict(zip(FEATURES, price_features(closes, closes + 1, closes - 1, closes).T, strict=True))
    assert features["SMA_5"][-1] == pytest.approx(closes[-5:].mean())
    assert np.isnan(features["SMA_30"][:29]).all()
    assert not np.isnan(features["SMA_30"][29:]).any()
    assert features["EMA_9"][:2].tolist() == pytest.approx([closes[0], 0.8 * closes[0] + 0.2 * closes[1]])
    changes = np.diff(closes)[-14:]
    strength = changes[changes > 0].sum() / -changes[changes < 0].sum()
    assert features["RSI"][-1] == pytest.approx(100 - 100 / (1 + strength))
    assert features["MACD_hist"] == pytest.approx(features["MACD"] - features["MACD_signal"])
    assert relative_strength(np.arange(20.0))[-1] == 100


def test_signals_of_the_window_know_only_what_came_before_each(history: SessionHistory) -> None:
    span = TrainingSpan.of(history, window_start=START, years=1)
    cut = span.stop + 10
    for found, other in (
        (arima_signals(history, span, years=1), arima_signals(altered(history, cut), span, years=1)),
        (xgboost_signals(history, span), xgboost_signals(altered(history, cut), span)),
    ):
        assert found[:cut].tolist() == other[:cut].tolist()
        assert set(found[: span.stop].tolist()) == {0}
        assert {1, -1} >= set(found[span.stop :].tolist()) != {0}


def test_too_few_rows_say_so_and_the_others_run(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, symbols=("AAA", "NEW"), sessions=330, first_day=date(2023, 1, 3))
    markets = {symbol: market_of(bundle, symbol, START, date(2024, 3, 28)) for symbol in bundle.symbols}
    histories = {symbol: history_of(bundle, symbol, date(2024, 3, 28)) for symbol in bundle.symbols}
    late = histories["NEW"].count_before(date(2024, 1, 2))
    columns = [column[late:] for column in _columns(histories["NEW"])]
    histories["NEW"] = SessionHistory("NEW", histories["NEW"].sessions[late:], *columns, histories["NEW"].place_in_month[late:])
    report = run_baselines(
        ["arima", "xgboost", "buy_and_hold", "wma_cross"], markets, histories=histories, settings=SETTINGS, agents=None
    ).results
    assert report["arima"].skipped == {"NEW": "41 training rows, ARIMA needs 252"}
    assert report["xgboost"].skipped == {"NEW": "11 complete training rows, XGBoost needs 100"}
    assert list(report["arima"].equity) == list(report["xgboost"].equity) == ["AAA"]
    assert list(report["buy_and_hold"].equity) == list(report["wma_cross"].equity) == ["AAA", "NEW"]
    alone = run_baselines(["arima"], {"NEW": markets["NEW"]}, histories={"NEW": histories["NEW"]}, settings=SETTINGS, agents=None).results[
        "arima"
    ]
    assert alone.reason == "NEW: 41 training rows, ARIMA needs 252"


def test_a_missing_extra_is_said_before_there_is_a_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / MARKER).touch()
    (tmp_path / "backtests").mkdir()
    text = 'name = "x"\nbundle = "tiny"\nsymbols = ["AAA"]\nstart = 2024-02-20\nend = 2024-03-20\nbaselines = ["xgboost"]\n'
    (tmp_path / "backtests" / "x.toml").write_text(text, encoding="utf-8")
    make_bundle(tmp_path)
    monkeypatch.setitem(sys.modules, "xgboost", None)
    project = Project(tmp_path)
    with pytest.raises(UsageError, match=r"xgboost needs the package xgboost.*pip install 'tradinggroup\[baselines\]'"):
        run_experiment(project, load_experiment(project, "x"), RunOptions())
    assert not project.runs_folder.exists()
