from __future__ import annotations

import re
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


LIMITS_LINE = "cash_buffer_fraction = 0.0 "


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            LIMITS_LINE,
            "maximum_drawdown_fraction = 20\n" + LIMITS_LINE,
            "limits.maximum_drawdown_fraction=20 must be within 0..1. Did you mean 0.20 (20 %)?",
        ),
        (
            LIMITS_LINE,
            "maximum_drawdown_fraction = 0\n" + LIMITS_LINE,
            "limits.maximum_drawdown_fraction=0 must be above 0. Leave the key out to switch the limit off.",
        ),
        (
            LIMITS_LINE,
            "cooldown_sessions = 0\n" + LIMITS_LINE,
            "limits.cooldown_sessions=0 must be above 0. Leave the key out to switch the limit off.",
        ),
        (
            LIMITS_LINE,
            "cooldown_sessions = 2.5\n" + LIMITS_LINE,
            "limits.cooldown_sessions=2.5: input should be a valid integer. Correct the value.",
        ),
        (
            LIMITS_LINE,
            "cash_buffer_fraction = 1.0 ",
            "limits.cash_buffer_fraction=1 keeps all cash back, so nothing can be bought. Lower it; 0.0 is no buffer.",
        ),
        (
            "maximum_weight_fraction = 1.0",
            "maximum_weight_fraction = 0",
            "limits.maximum_weight_fraction=0 allows no purchase at all. Raise it; 1.0 is no limit.",
        ),
        (
            LIMITS_LINE,
            "maximum_drawdown_fraction = 0.1\nsession_loss_limit_fraction = 0.2\n" + LIMITS_LINE,
            "limits.session_loss_limit_fraction=0.2 is above limits.maximum_drawdown_fraction=0.1: one such session sets off the halt, "
            "so the session's limit never counts. Lower it, or leave it out.",
        ),
        (
            LIMITS_LINE,
            "drawdown_halt_sessions = 5\n" + LIMITS_LINE,
            "limits.drawdown_halt_sessions means nothing without limits.maximum_drawdown_fraction. "
            "Add maximum_drawdown_fraction, or leave drawdown_halt_sessions out.",
        ),
        (
            LIMITS_LINE,
            "volume_window_sessions = 5\n" + LIMITS_LINE,
            "limits.volume_window_sessions means nothing without limits.maximum_volume_fraction. "
            "Add maximum_volume_fraction, or leave volume_window_sessions out.",
        ),
        (
            "stop_loss_multiplier = 2.0",
            "stop_loss_multiplier = 200.0",
            "styles.balanced.stop_loss_multiplier=200 is above 50 daily deviations, which no price reaches. "
            'Lower it; `without = ["risk"]` in the experiment switches the exits off.',
        ),
        (
            "take_profit_multiplier = 4.0",
            "take_profit_multiplier = 51.0",
            "styles.balanced.take_profit_multiplier=51 is above 50 daily deviations, which no price reaches. "
            'Lower it; `without = ["risk"]` in the experiment switches the exits off.',
        ),
        (
            "take_profit_multiplier = 4.0",
            "take_profit_multiplier = 0.04",
            "styles.balanced.take_profit_multiplier=0.04 is below 0.1 daily deviations, which any session reaches. "
            "Raise it; did you mean 4?",
        ),
        (
            "maximum_weight_fraction = 1.0   # largest share of the equity that may be invested after a purchase\n" + LIMITS_LINE,
            "maximum_weight_fraction = 0.8\ncash_buffer_fraction = 0.9 ",
            "limits.cash_buffer_fraction=0.9 leaves a weight of 0.1, limits.maximum_weight_fraction=0.8 another: "
            "the buffer always comes first, so the weight never counts. Leave the weight out, or make them agree.",
        ),
        (
            "maximum_weight_fraction = 1.0   # largest share of the equity that may be invested after a purchase\n" + LIMITS_LINE,
            "maximum_weight_fraction = 0.5\ncash_buffer_fraction = 0.1 ",
            "limits.cash_buffer_fraction=0.1 leaves a weight of 0.9, limits.maximum_weight_fraction=0.5 another: "
            "the weight always comes first, so the buffer never counts. Leave the buffer out, or make them agree.",
        ),
        (
            LIMITS_LINE,
            "maximum_volume_fraction = 1e-7\n" + LIMITS_LINE,
            "limits.maximum_volume_fraction=1e-07 is below 1e-06, where hardly a share can be bought. "
            "Raise it, or leave it out to switch the limit off.",
        ),
        (
            LIMITS_LINE,
            "maximum_volume_fraction = 0.01\nvolume_window_sessions = 253\n" + LIMITS_LINE,
            "limits.volume_window_sessions=253 is above 252, a year of sessions. Lower it; 20 is a month.",
        ),
        (
            "sigma_floor_fraction = 0.005",
            "sigma_floor_fraction = 0.5",
            "styles.aggressive.stop_loss_multiplier=3 times stops.sigma_floor_fraction=0.5 is a stop at least 150 % below the entry, "
            'which no price reaches. Lower it; `without = ["risk"]` in the experiment switches the exits off.',
        ),
        (
            "take_profit_multiplier = 4.0",
            "take_profit_multiplier = -4.0",
            "styles.balanced.take_profit_multiplier=-4.0 puts the target below the entry price. Multipliers are above 0: did you mean 4?",
        ),
        (
            "stop_loss_multiplier = 2.0",
            "stop_loss_multiplier = 0",
            "styles.balanced.stop_loss_multiplier=0 puts the stop at the entry price itself. Multipliers are above 0.",
        ),
        (
            "forced_exit_full = false",
            'stop_anchor = "never"\nforced_exit_full = false',
            "stops.stop_anchor='never': input should be 'daily', 'entry' or 'tighten_only'. Correct the value.",
        ),
    ],
)
def test_limits_that_cannot_be_meant(tmp_path: Path, repository: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        _load_changed(tmp_path, repository, old, new)
    assert str(caught.value) == f"RISK_PROFILE_INVALID: risk/mine.toml: {message}"


def test_styles_of_which_none_buys(tmp_path: Path, repository: Path) -> None:
    text = (repository / "risk" / "default.toml").read_text(encoding="utf-8")
    path = tmp_path / "risk" / "mine.toml"
    path.parent.mkdir()
    path.write_text(re.sub(r"buy_cash_fraction = [\d.]+", "buy_cash_fraction = 0.0", text), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load_profile(path)
    assert str(caught.value) == (
        "RISK_PROFILE_INVALID: risk/mine.toml: buy_cash_fraction is 0 in all styles, so nothing can be bought. "
        "Raise it in one style at least."
    )


def test_a_buffer_and_a_weight_that_say_the_same_are_no_contradiction(tmp_path: Path, repository: Path) -> None:
    profile = _load_changed(tmp_path, repository, LIMITS_LINE, "cash_buffer_fraction = 0.6 ")
    assert profile.limits.cash_buffer_fraction == 0.6


def test_strict_is_on_where_default_is_off(repository: Path, profile: RiskProfile) -> None:
    strict = load_profile(repository / "risk" / "strict.toml")
    assert all(value is not None for value in strict.limits.model_dump().values())
    assert strict.stops.stop_anchor == "tighten_only"
    assert strict.styles == profile.styles
    off = profile.limits.model_dump(exclude={"maximum_weight_fraction", "cash_buffer_fraction", "volume_window_sessions"})
    assert set(off.values()) == {None}
    assert profile.stops.stop_anchor == "daily"
