from __future__ import annotations

import json
import math

import pytest

from tests.reflection.builders import SESSIONS as S
from tests.reflection.builders import SETTINGS, close_at, features, forecast_case, forecast_outcome
from tradinggroup.reflection.outcomes import direction_of, hit_weight, label_forecast, sideways_band
from tradinggroup.settings import ReflectionSettings


@pytest.mark.parametrize(
    ("change", "band", "p_true", "sign_ok", "expected"),
    [
        (0.02, 0.015, 0.6, True, 0.52204),
        (-0.02, 0.015, 0.6, True, 0.52204),
        (0.015, 0.015, 0.5, True, 0.38080),
        (0.003, 0.015, 0.8, True, 0.15790),
        (0.02, 0.015, 0.6, False, 0.0),
        (0.02, 0.0, 0.6, True, 0.0),
    ],
)
def test_hit_weight_table(change: float, band: float, p_true: float, sign_ok: bool, expected: float) -> None:
    assert hit_weight(change, band_fraction=band, p_true=p_true, sign_ok=sign_ok) == pytest.approx(expected, abs=5e-6)


def test_band_is_a_share_of_the_mean_absolute_return_with_a_minimum() -> None:
    assert sideways_band(0.0092, SETTINGS) == 0.005
    assert sideways_band(0.03, SETTINGS) == 0.015
    assert sideways_band(0.03, ReflectionSettings(label_alpha=1.0)) == 0.03


@pytest.mark.parametrize(
    ("change", "expected"), [(0.015, "sideways"), (-0.015, "sideways"), (0.0151, "up"), (-0.0151, "down"), (0.0, "sideways")]
)
def test_direction(change: float, expected: str) -> None:
    assert direction_of(change, 0.015) == expected


@pytest.mark.parametrize(
    ("p", "change", "true_label", "sign_ok", "correct", "p_true"),
    [
        ((0.6, 0.3, 0.1), 0.02, "up", True, True, 0.6),
        ((0.6, 0.3, 0.1), -0.02, "down", False, False, 0.3),
        ((0.6, 0.3, 0.1), 0.01, "sideways", True, False, 0.1),  # the sign was right, the class was not
        ((0.6, 0.3, 0.1), 0.0, "sideways", False, False, 0.1),
        ((0.2, 0.7, 0.1), -0.02, "down", True, True, 0.7),
        ((0.1, 0.1, 0.8), 0.003, "sideways", True, True, 0.8),
        ((0.1, 0.1, 0.8), 0.02, "up", False, False, 0.1),
    ],
)
def test_labels(p: tuple[float, float, float], change: float, true_label: str, sign_ok: bool, correct: bool, p_true: float) -> None:
    label = forecast_outcome(change=change, p=p).label
    assert label is not None
    assert (label.true_label, label.sign_ok, label.correct, label.p_true) == (true_label, sign_ok, correct, p_true)
    assert label.band_fraction == 0.015
    assert label.hit_weight == pytest.approx(math.tanh(abs(change) / 0.015) * p_true if sign_ok else 0.0)


def test_scores_of_one_forecast() -> None:
    label = forecast_outcome(change=0.02).label
    assert label is not None
    assert label.brier == pytest.approx(0.4**2 + 0.3**2 + 0.1**2)
    assert label.log_score == pytest.approx(-math.log(0.6))
    certain = forecast_outcome(change=0.02, p=(1.0, 0.0, 0.0)).label
    wrong = forecast_outcome(change=-0.02, p=(1.0, 0.0, 0.0)).label
    assert certain is not None
    assert wrong is not None
    assert (certain.brier, certain.log_score) == (0.0, 0.0)
    assert (wrong.brier, wrong.log_score) == (2.0, pytest.approx(-math.log(1e-6)))


def test_the_band_is_the_one_of_the_forecasts_session() -> None:
    calm = forecast_case(features=features(mean_absolute_return_fraction=0.0))
    outcome = label_forecast(calm, outcome_session=S[1], known_at=close_at(S[1]), return_fraction=0.006, settings=SETTINGS)
    assert outcome.label is not None
    assert (outcome.label.band_fraction, outcome.label.true_label) == (0.005, "up")


@pytest.mark.parametrize(("from_fill", "label"), [(0.016, "up"), (-0.016, "down"), (0.015, "sideways"), (None, None)])
def test_the_move_from_the_fill_is_labelled_by_the_same_band_and_changes_nothing_else(from_fill: float | None, label: str | None) -> None:
    known = {"outcome_session": S[1], "known_at": close_at(S[1]), "return_fraction": 0.02, "settings": SETTINGS}
    plain, found = (
        label_forecast(forecast_case(), **known).to_line(),
        label_forecast(forecast_case(), **known, fill_return_fraction=from_fill),
    )
    line = found.to_line()
    assert (line["fill_return_fraction"], line["fill_label"]) == (from_fill, label)
    assert {**line, "fill_return_fraction": None, "fill_label": None} == plain


def test_without_a_bar_there_is_a_reason_and_no_label() -> None:
    outcome = forecast_outcome(change=None)
    line = outcome.to_line()
    assert outcome.label is None
    assert line["reason"] == "no_bar"
    assert list(line) == list(forecast_outcome().to_line())
    assert {line[key] for key in ("true_label", "brier", "hit_weight", "correct", "return_fraction")} == {None}


def test_line_is_the_contract_of_the_log() -> None:
    line = forecast_outcome(change=0.02).to_line()
    assert list(line)[:7] == ["session", "symbol", "known_at", "outcome_id", "kind", "decision_session", "reason"]
    assert line["outcome_id"] == "ACME-forecasting-2024-01-01"
    assert (line["session"], line["decision_session"], line["known_at"]) == ("2024-01-02", "2024-01-01", "2024-01-02T21:00:00Z")
    assert (line["kind"], line["reason"], line["true_label"], line["is_fallback"]) == ("forecast", None, "up", False)
    assert json.loads(json.dumps(line, allow_nan=False)) == line
