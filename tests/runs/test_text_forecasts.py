"""The table and the picture of forecasts."""

from __future__ import annotations

from typing import Any

from tradinggroup.reflection.skill import TOO_FEW_SESSIONS
from tradinggroup.runs.text.forecasts import text_forecasts


def figures(**changes: Any) -> dict[str, Any]:
    return {
        "count": 1249, "accuracy": 0.4166, "brier": 0.66312, "brier_base_rate": 0.66944, "log_score": 1.1094, "skill": 0.00945,
        "skill_low": -0.04371, "skill_high": 0.06512, "skill_reason": None, "fallbacks": 0, "brier_with_fallbacks": 0.6631,
    } | changes  # fmt: skip


BINS = {
    "confidence": [
        {"low": 0.3, "high": 0.4, "count": 243, "mean_probability": 0.375, "observed_fraction": 0.25},
        {"low": 0.9, "high": 1.0, "count": 1, "mean_probability": 1.0, "observed_fraction": 1.0},
    ]
}


def test_table_with_the_pooled_move_from_the_open_below() -> None:
    text = text_forecasts(
        {"ABCDE": figures(), "B": figures(), "ALL": figures(fill_to_close=figures(count=1240, skill=-0.0217), calibration=BINS)}
    )
    lines = text.splitlines()
    assert lines[0].split("  ")[0] == "forecasts"
    assert " ".join(lines[1].split()) == "ABCDE 1,249 42 % 0.663 0.669 +0.9 % -4.4..+6.5 % 1.109"
    assert [line.split("  ")[0] for line in lines[1:5]] == ["ABCDE", "B", "ALL", "from the open"]
    assert "-2.2 %" in lines[4]
    assert max(map(len, lines)) <= 80
    assert text.isascii()


def test_one_symbol_is_shown_once() -> None:
    text = text_forecasts({"A": figures(), "ALL": figures()})
    assert [line.split()[0] for line in text.splitlines()[:2]] == ["forecasts", "A"]
    assert "\nALL" not in text


def test_picture_marks_what_was_said_on_a_bar_of_what_came() -> None:
    *_, first, second = text_forecasts({"A": figures(), "ALL": figures(calibration=BINS)}).splitlines()
    assert first.split() == ["given", "0.3", "to", "0.4", "243", "0.38", "0.25", "#########....." + "|" + "." * 21]
    assert second.endswith("1  1.00  1.00  " + "#" * 35 + "|")


def test_what_is_missing_is_said() -> None:
    few = figures(skill_low=None, skill_high=None, skill_reason=TOO_FEW_SESSIONS, fallbacks=3, brier_with_fallbacks=0.7)
    text = " ".join(text_forecasts({"A": few, "ALL": few}).split())
    assert "+0.9 % - 1.109" in text
    assert f"skill: {TOO_FEW_SESSIONS}" in text
    assert "not scored: 3 forecasts without a usable answer; with one third each for them the Brier score is 0.700" in text
    assert text_forecasts({}) == ""
    assert text_forecasts({"A": {"count": 6, "brier": 0.62, "accuracy": 0.5}, "ALL": {"count": 6}}).splitlines()[1].split()[1] == "6"
