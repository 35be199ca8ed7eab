from __future__ import annotations

from pathlib import Path

import pytest

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.project import Project
from tradinggroup.risk.profile import RiskProfile, find_profile, load_profile


def _load_changed(tmp_path: Path, repository: Path, old: str, new: str) -> RiskProfile:
    text = (repository / "risk" / "default.toml").read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "risk" / "mine.toml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return load_profile(path)


def test_default_profile_holds_the_spec_values(profile: RiskProfile) -> None:
    values = {
        name: (rules.stop_loss_multiplier, rules.take_profit_multiplier, rules.buy_cash_fraction, rules.sell_position_fraction)
        for name, rules in profile.styles
    }
    assert values == {"aggressive": (3, 6, 1, 0.5), "balanced": (2, 4, 1, 1), "conservative": (1.5, 2.5, 0.5, 1)}
    assert (profile.limits.maximum_weight_fraction, profile.limits.cash_buffer_fraction) == (1.0, 0.0)
    assert (profile.stops.forced_exit_full, profile.stops.sigma_floor_fraction) == (False, 0.005)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "buy_cash_fraction = 1.0 ",
            "buy_cash_fraction = 50 ",
            "RISK_PROFILE_INVALID: risk/mine.toml: styles.aggressive.buy_cash_fraction=50 must be within 0..1. Did you mean 0.50 (50 %)?",
        ),
        (
            "sell_position_fraction = 0.5",
            "sell_position_fraction = 0",
            "RISK_PROFILE_INVALID: risk/mine.toml: styles.aggressive.sell_position_fraction=0 must be above 0 and at most 1. "
            "Fractions run from 0 to 1 (0.50 is 50 %).",
        ),
        (
            "cash_buffer_fraction = 0.0",
            "cash_bufer_fraction = 0.0",
            "RISK_PROFILE_INVALID: risk/mine.toml: unknown key limits.cash_bufer_fraction. "
            "Did you mean cash_buffer_fraction? Known: cash_buffer_fraction, cooldown_sessions, drawdown_halt_sessions, "
            "maximum_drawdown_fraction, maximum_orders_per_session, maximum_volume_fraction, maximum_weight_fraction, "
            "session_loss_limit_fraction, volume_window_sessions.",
        ),
        (
            "[styles.balanced]",
            "[styles.ballanced]",
            "RISK_PROFILE_INVALID: risk/mine.toml: styles.balanced is missing. Add it; the packaged risk/default.toml has every key.",
        ),
        (
            "[stops]",
            "[stop]",
            "RISK_PROFILE_INVALID: risk/mine.toml: unknown key stop. Did you mean stops? Known: limits, stops, styles.",
        ),
        (
            "take_profit_multiplier = 4.0",
            'take_profit_multiplier = "four"',
            "RISK_PROFILE_INVALID: risk/mine.toml: styles.balanced.take_profit_multiplier='four': "
            "input should be a valid number. Correct the value.",
        ),
        (
            "stop_loss_multiplier = 2.0",
            "stop_loss_multiplier = -2.0",
            "RISK_PROFILE_INVALID: risk/mine.toml: styles.balanced.stop_loss_multiplier=-2.0 puts the stop above the entry price. "
            "Multipliers are above 0: did you mean 2?",
        ),
        (
            "maximum_weight_fraction = 1.0",
            "maximum_weight_fraction = nan",
            "RISK_PROFILE_INVALID: risk/mine.toml: limits.maximum_weight_fraction=nan must be within 0..1. "
            "Fractions run from 0 to 1 (0.50 is 50 %).",
        ),
        (
            "forced_exit_full = false",
            "forced_exit_full = 1",
            "RISK_PROFILE_INVALID: risk/mine.toml: stops.forced_exit_full=1: input should be a valid boolean. Correct the value.",
        ),
    ],
)
def test_each_fault_has_one_clear_error(tmp_path: Path, repository: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        _load_changed(tmp_path, repository, old, new)
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


def test_file_that_is_not_toml_or_not_there(tmp_path: Path, repository: Path) -> None:
    with pytest.raises(UsageError, match=r"risk/mine\.toml: is not TOML: .*line"):
        _load_changed(tmp_path, repository, "[limits]", "[limits")
    with pytest.raises(UsageError, match=r"absent\.toml: cannot be read"):
        load_profile(tmp_path / "risk" / "absent.toml")


def test_profiles_are_found_by_name_and_the_nearest_is_named(repository: Path) -> None:
    project = Project(repository)
    assert find_profile(project, "default") == repository / "risk" / "default.toml"
    with pytest.raises(UsageError) as caught:
        find_profile(project, "defualt")
    assert caught.value.code is ErrorCode.RISK_PROFILE_INVALID
    assert str(caught.value) == "RISK_PROFILE_INVALID: no risk profile defualt. Did you mean default? Known: default, strict."


def test_a_style_that_is_none_is_balanced(profile: RiskProfile) -> None:
    assert profile.rules("reckless") == profile.styles.balanced
