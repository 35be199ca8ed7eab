"""Forecasts scored as forecasts: tables by hand, what is known when, fallbacks apart, intervals that do not count a session twice."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import numpy as np
import pytest

from tests.reflection.builders import decision_case, decision_outcome, forecast_outcome
from tests.support.desk_runs import demo_bundle, run_desk
from tradinggroup.backtest.sink import RowKind
from tradinggroup.reflection.base_rates import MINIMUM_LABELS, EarlierLabels, KnownLabel, base_rates, earlier_labels
from tradinggroup.reflection.calibration import calibration
from tradinggroup.reflection.scores import ALL, ScoredForecast, forecast_scores
from tradinggroup.reflection.skill import NOTHING_COMPARED, TOO_FEW_SESSIONS, Pair, skill_figures
from tradinggroup.settings import ForecastSettings, ReflectionSettings

UP, DOWN, SIDEWAYS = 0.02, -0.02, 0.0
MOVE_FIELDS = {
    "count", "brier", "brier_base_rate", "log_score", "accuracy", "compared", "brier_compared", "log_score_base_rate", "skill", "skill_low",
    "skill_high", "skill_sessions", "skill_reason",
}  # fmt: skip


def _lines(changes: list[float | None], **case: object) -> list[dict[str, object]]:
    return [forecast_outcome(n, change, **case).to_line() for n, change in enumerate(changes)]


def _line(
    place: int, label: str, *, symbol: str = "ACME", p: tuple[float, float, float] = (0.6, 0.3, 0.1), **changes: Any
) -> dict[str, Any]:
    """A forecast of session number `place`, known at the next; sessions are numbers that sort as texts."""
    argmax = ("up", "down", "sideways")[int(np.argmax(p))]
    return {
        "kind": "forecast", "symbol": symbol, "decision_session": f"{place:05d}", "session": f"{place + 1:05d}",
        "p_up": p[0], "p_down": p[1], "p_sideways": p[2], "argmax_label": argmax, "is_fallback": False,
        "true_label": label, "fill_label": label, **changes,
    }  # fmt: skip


def test_means_over_what_has_a_label() -> None:
    lines = [*_lines([UP, DOWN, None]), decision_outcome(decision_case(), open_usd=1.0, close_usd=1.0).to_line()]
    scores = forecast_scores(lines)
    assert set(scores) == {"ACME", ALL}
    found = scores["ACME"]
    assert set(found) == MOVE_FIELDS | {"fallbacks", "brier_with_fallbacks", "fill_to_close"}
    assert set(scores[ALL]) == set(found) | {"calibration"}
    assert set(found["fill_to_close"]) == MOVE_FIELDS
    assert (found["count"], found["fallbacks"], found["compared"]) == (2, 0, 0)
    assert found["brier"] == pytest.approx((0.26 + (0.36 + 0.49 + 0.01)) / 2)
    assert found["log_score"] == pytest.approx(-(math.log(0.6) + math.log(0.3)) / 2)
    assert found["accuracy"] == 0.5
    assert (found["brier_base_rate"], found["skill"], found["skill_reason"]) == (None, None, NOTHING_COMPARED)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_no_forecast_has_no_mean() -> None:
    (found,) = forecast_scores([]).values()
    assert {key for key, value in found.items() if value is None} == {
        "brier", "brier_base_rate", "log_score", "accuracy", "brier_compared", "log_score_base_rate", "skill", "skill_low", "skill_high",
        "brier_with_fallbacks",
    }  # fmt: skip
    assert found["count"] == found["fallbacks"] == found["skill_sessions"] == 0


def test_fallbacks_are_counted_apart_and_in_no_score() -> None:
    third = (1 / 3, 1 / 3, 1 / 3)
    lines = [_line(0, "up"), _line(1, "down", p=third, is_fallback=True), _line(2, "down", p=third, is_fallback=True)]
    found = forecast_scores(lines)[ALL]
    assert (found["count"], found["fallbacks"], found["accuracy"]) == (1, 2, 1.0)
    assert found["brier"] == pytest.approx(0.26)
    assert found["brier_with_fallbacks"] == pytest.approx((0.26 + 2 * 2 / 3) / 3)
    assert sum(each["count"] for each in found["calibration"]["confidence"]) == 1


def test_base_rates_know_what_was_known_and_start_at_sixty_labels() -> None:
    labels = [KnownLabel(f"{place + 1:05d}", "up" if place % 2 else "down") for place in range(100)]
    rates = base_rates(labels, [f"{place:05d}" for place in (59, 60, 61, 200)])
    assert rates[0] is None
    assert rates[1] == {"up": 31 / 63, "down": 31 / 63, "sideways": 1 / 63}
    assert rates[2] == {"up": 31 / 64, "down": 32 / 64, "sideways": 1 / 64}
    assert rates[3] == {"up": 51 / 103, "down": 51 / 103, "sideways": 1 / 103}
    later = base_rates([*labels, KnownLabel("00300", "sideways")], [f"{place:05d}" for place in (59, 60, 61, 200)])
    assert later == rates


def test_labels_from_before_the_window_count() -> None:
    warm = EarlierLabels(tuple(KnownLabel("00000", "sideways") for _ in range(MINIMUM_LABELS)), ())
    alone = forecast_scores([_line(0, "up"), _line(1, "up")])["ACME"]
    found = forecast_scores([_line(0, "up"), _line(1, "up")], earlier={"ACME": warm})["ACME"]
    assert (alone["compared"], found["compared"]) == (0, 2)
    first, second = (1 / 63, 61 / 63, 1 / 63), (2 / 64, 61 / 64, 1 / 64)
    briers = [(up - 1) ** 2 + still**2 + down**2 for up, still, down in (first, second)]
    assert found["brier_base_rate"] == pytest.approx(sum(briers) / 2)
    assert found["log_score_base_rate"] == pytest.approx(-(math.log(1 / 63) + math.log(2 / 64)) / 2)
    assert found["skill"] == pytest.approx(1 - 2 * 0.26 / sum(briers))
    assert found["skill_reason"] == TOO_FEW_SESSIONS
    assert found["fill_to_close"]["compared"] == 0  # nothing is known of that move before


def test_both_moves_have_their_own_labels() -> None:
    found = forecast_scores([_line(0, "up", fill_label="down"), _line(1, "up", fill_label=None)])[ALL]
    assert (found["count"], found["accuracy"]) == (2, 1.0)
    assert (found["fill_to_close"]["count"], found["fill_to_close"]["accuracy"]) == (1, 0.0)
    assert found["fill_to_close"]["brier"] == pytest.approx(0.36 + 0.49 + 0.01)


def _market(symbols: tuple[str, ...], sessions: int, *, p: tuple[float, float, float]) -> list[dict[str, Any]]:
    labels = np.random.default_rng(3).choice(["up", "down", "sideways"], sessions)
    return [_line(place, str(labels[place]), symbol=symbol, p=p) for symbol in symbols for place in range(sessions)]


def test_a_copy_of_a_symbol_is_no_further_proof() -> None:
    """Three symbols that always move together have the interval of one."""
    one = forecast_scores(_market(("A",), 300, p=(0.4, 0.4, 0.2)), seed=5)[ALL]
    three = forecast_scores(_market(("A", "B", "C"), 300, p=(0.4, 0.4, 0.2)), seed=5)[ALL]
    assert (one["skill"], one["skill_low"], one["skill_high"]) == pytest.approx((three["skill"], three["skill_low"], three["skill_high"]))
    assert one["skill_low"] < one["skill"] < one["skill_high"]
    assert one["skill_reason"] is None


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Forecasts that are as good as the reference on average: 95 % of the intervals hold zero."""
    held = 0
    for trial in range(100):
        noise = np.random.default_rng(trial).normal(0, 0.2, (150, 2))
        pairs = [Pair(f"{place:05d}", 0.66 + first, 0.66 + second) for place, (first, second) in enumerate(noise)]
        figures = skill_figures(pairs, seed=trial, purpose="test")
        held += figures["skill_low"] <= 0 <= figures["skill_high"]
    assert 88 <= held <= 99


def test_the_interval_is_the_same_in_any_order_and_another_by_another_seed() -> None:
    lines = [*_market(("A",), 200, p=(0.5, 0.3, 0.2)), *_market(("B",), 150, p=(0.22, 0.45, 0.33))]
    first, second, other = (forecast_scores(each, seed=seed) for each, seed in ((lines, 1), (lines[::-1], 1), (lines, 2)))
    assert first == second
    assert first[ALL]["skill"] == other[ALL]["skill"]
    assert (first[ALL]["skill_low"], first[ALL]["skill_high"]) != (other[ALL]["skill_low"], other[ALL]["skill_high"])


def test_skill_of_the_perfect_and_of_the_base_rate_itself() -> None:
    pairs = [Pair(f"{place:05d}", 0.0, 0.6) for place in range(80)]
    assert skill_figures(pairs, seed=1, purpose="x")["skill"] == 1
    same = skill_figures([Pair(pair.session, 0.6, 0.6) for pair in pairs], seed=1, purpose="x")
    assert (same["skill"], same["skill_low"], same["skill_high"]) == (0, 0, 0)


def test_calibration_by_hand() -> None:
    def made(p: tuple[float, float, float], label: str) -> ScoredForecast:
        return ScoredForecast("x", p, label, ("up", "down", "sideways")[int(np.argmax(p))], is_fallback=False, base_rate=None)

    found = calibration([made((0.6, 0.3, 0.1), "up"), made((0.65, 0.25, 0.1), "down"), made((1.0, 0.0, 0.0), "up")])
    assert found["confidence"] == found["up"]
    assert found["up"] == [
        {"low": 0.6, "high": 0.7, "count": 2, "mean_probability": 0.625, "observed_fraction": 0.5},
        {"low": 0.9, "high": 1.0, "count": 1, "mean_probability": 1.0, "observed_fraction": 1.0},
    ]
    assert [(each["low"], each["count"], each["observed_fraction"]) for each in found["down"]] == [
        (0.0, 1, 0.0),
        (0.2, 1, 1.0),
        (0.3, 1, 0.0),
    ]


@pytest.mark.parametrize(
    ("symbol", "start", "end"),
    [
        ("QFRN", date(2023, 6, 5), date(2023, 6, 23)),
        ("TRWK", date(2023, 9, 5), date(2023, 9, 20)),
        ("ACME", date(2023, 2, 1), date(2023, 2, 17)),
    ],
    ids=["over a split", "over a halt", "over a dividend"],
)
def test_labels_before_a_window_are_those_that_a_run_would_have_given(symbol: str, start: date, end: date) -> None:
    bundle = demo_bundle()
    run = run_desk(bundle, start=start, end=end, symbols=(symbol,))
    outcomes = [row for row in run.rows[RowKind.OUTCOME] if row["kind"] == "forecast" and row["true_label"] is not None]
    view = bundle.view(bundle.calendar.close_at(end))
    found = earlier_labels(view, symbol, before=end, forecast=ForecastSettings(), settings=ReflectionSettings())
    assert len(outcomes) >= 9
    for labels, field in ((found.close_to_close, "true_label"), (found.fill_to_close, "fill_label")):
        expected = [KnownLabel(row["session"], row[field]) for row in outcomes]
        assert list(labels[-len(expected) :]) == expected
        assert len(labels) > MINIMUM_LABELS + len(expected)
