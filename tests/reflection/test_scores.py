from __future__ import annotations

import math

import pytest

from tests.reflection.builders import decision_case, decision_outcome, forecast_outcome
from tradinggroup.reflection.scores import base_rate_briers, forecast_scores

UP, DOWN, SIDEWAYS = 0.02, -0.02, 0.0


def _lines(changes: list[float | None], **case: object) -> list[dict[str, object]]:
    return [forecast_outcome(n, change, **case).to_line() for n, change in enumerate(changes)]


def test_means_over_what_has_a_label() -> None:
    lines = [*_lines([UP, DOWN, None]), decision_outcome(decision_case(), open_usd=1.0, close_usd=1.0).to_line()]
    scores = forecast_scores(lines)
    assert set(scores) == {"ACME", "ALL"}
    assert scores["ACME"] == scores["ALL"]
    assert scores["ALL"]["count"] == 2
    assert scores["ALL"]["fallbacks"] == 0
    assert scores["ALL"]["brier"] == pytest.approx((0.26 + (0.36 + 0.49 + 0.01)) / 2)
    assert scores["ALL"]["log_score"] == pytest.approx(-(math.log(0.6) + math.log(0.3)) / 2)
    assert scores["ALL"]["accuracy"] == 0.5
    assert scores["ALL"]["brier_base_rate"] is None  # far too few


def test_no_forecast_has_no_mean() -> None:
    expected = {"count": 0, "fallbacks": 0, "brier": None, "brier_base_rate": None, "log_score": None, "accuracy": None}
    assert forecast_scores([]) == {"ALL": expected}


def test_fallbacks_are_counted_and_scored() -> None:
    neutral = (1 / 3, 1 / 3, 1 / 3)
    scores = forecast_scores(_lines([UP, DOWN], p=neutral, is_fallback=True))["ALL"]
    assert (scores["count"], scores["fallbacks"]) == (2, 2)
    assert scores["brier"] == pytest.approx(2 / 3)


def test_base_rates_count_what_was_known_at_the_forecast_and_no_more() -> None:
    briers = base_rate_briers(_lines([UP, UP, SIDEWAYS]))
    # The label of session 0 is known at the close of session 1, when the forecast of session 1 is made.
    assert briers[0] == pytest.approx(2 / 3)
    assert briers[1] == pytest.approx((2 / 4 - 1) ** 2 + 2 * (1 / 4) ** 2)
    assert briers[2] == pytest.approx((3 / 5) ** 2 + (1 / 5) ** 2 + (1 / 5 - 1) ** 2)


def test_base_rate_needs_sixty_labels_and_does_not_depend_on_the_order_of_lines() -> None:
    changes: list[float | None] = [(UP, UP, DOWN)[n % 3] for n in range(60)]
    lines = _lines(changes)
    scores = forecast_scores(reversed(lines))["ACME"]
    assert scores["brier_base_rate"] == pytest.approx(sum(base_rate_briers(lines)) / 60)
    assert 0.4 < scores["brier_base_rate"] < 2 / 3
    assert forecast_scores(lines[:59])["ACME"]["brier_base_rate"] is None


def test_all_pools_the_symbols() -> None:
    beta = _lines([DOWN] * 3, symbol="BETA")
    scores = forecast_scores([*_lines([UP]), *beta])
    assert {symbol: part["count"] for symbol, part in scores.items()} == {"ACME": 1, "BETA": 3, "ALL": 4}
    assert scores["ALL"]["accuracy"] == 0.25
