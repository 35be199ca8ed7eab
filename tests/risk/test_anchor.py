"""Where an open position's stop stands, session by session, under each anchor."""

from __future__ import annotations

from typing import Any

import pytest

from tradinggroup.risk.account import Account
from tradinggroup.risk.profile import RiskProfile, Stops
from tradinggroup.risk.thresholds import forced_exit
from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.risk.watch import RiskWatch, watch_close

FLAT = (0, None)


def held(profile: RiskProfile, anchor: str, *closes: tuple[Any, ...]) -> list[RiskWatch]:
    """(shares and cost, sigma10, style[, split ratio[, sessions held]]) of each close -> the watch at each."""
    chosen = profile.model_copy(update={"stops": Stops(stop_anchor=anchor)})  # type: ignore[arg-type]
    found: list[RiskWatch] = []
    for (shares, cost_usd), sigma10, style, *more in closes:
        account = Account(1_000.0, shares, cost_usd, 100.0, 1e9, sessions_held=more[1] if len(more) > 1 else None)
        found.append(
            watch_close(
                found[-1] if found else None,
                account=account,
                style=style,
                sigma10_fraction=sigma10,
                profile=chosen,
                split_ratio=more[0] if more else 1.0,
            )
        )
    return found


def stops(watches: list[RiskWatch]) -> list[float]:
    return [round(watch.exits.stop_loss_fraction, 6) for watch in watches]


WILDER = ((FLAT, 0.02, "balanced"), ((10, 100.0), 0.02, "balanced"), ((10, 100.0), 0.03, "balanced"), ((10, 100.0), 0.01, "aggressive"))


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ("daily", [-0.04, -0.04, -0.06, -0.03]),
        ("entry", [-0.04, -0.04, -0.04, -0.04]),
        ("tighten_only", [-0.04, -0.04, -0.04, -0.03]),
    ],
)
def test_a_wilder_market_and_another_style(profile: RiskProfile, anchor: str, expected: list[float]) -> None:
    watches = held(profile, anchor, *WILDER)
    assert stops(watches) == expected
    assert [round(watch.daily.stop_loss_fraction, 6) for watch in watches] == [-0.04, -0.04, -0.06, -0.03]


def test_the_target_follows_the_session_unless_it_is_anchored_at_the_entry(profile: RiskProfile) -> None:
    targets = {anchor: held(profile, anchor, *WILDER)[2].exits.take_profit_fraction for anchor in ("daily", "entry", "tighten_only")}
    assert targets == {"daily": 0.12, "entry": 0.08, "tighten_only": 0.12}


def test_the_exits_of_the_entry_decision_count_from_the_first_close_on(profile: RiskProfile) -> None:
    """Decided at 2 %, and already 3 % at the first close at which the shares are there."""
    closes = ((FLAT, 0.02, "balanced"), ((10, 100.0), 0.03, "balanced"))
    assert stops(held(profile, "entry", *closes)) == [-0.04, -0.04]
    assert stops(held(profile, "tighten_only", *closes)) == [-0.04, -0.04]
    assert stops(held(profile, "daily", *closes)) == [-0.04, -0.06]


def test_a_new_position_starts_anew(profile: RiskProfile) -> None:
    closes = (*WILDER[:2], (FLAT, 0.03, "balanced"), ((10, 50.0), 0.05, "balanced"))
    assert stops(held(profile, "entry", *closes)) == [-0.04, -0.04, -0.06, -0.06]
    assert stops(held(profile, "tighten_only", *closes)) == [-0.04, -0.04, -0.06, -0.06]


def test_a_position_bought_in_the_session_in_which_the_last_one_went_is_new(profile: RiskProfile) -> None:
    """Stopped inside the bar and bought back at its close: no close ever saw the account flat."""
    closes = (*WILDER[:2], ((10, 60.0), 0.05, "balanced", 1.0, 0))
    assert stops(held(profile, "tighten_only", *closes)) == [-0.04, -0.04, -0.04]
    assert stops(held(profile, "tighten_only", *closes[:2], ((10, 60.0), 0.05, "balanced", 1.0, 1)))[-1] == 0.6


def test_tighten_only_is_a_price_and_adding_does_not_move_it(profile: RiskProfile) -> None:
    """100 with the stop at 96; as many added at 98 make the cost 99, at which 96 is 3.03 % away."""
    watches = held(profile, "tighten_only", *WILDER[:2], ((20, 99.0), 0.02, "balanced"), ((20, 99.0), 0.05, "balanced"))
    assert stops(watches)[2:] == [round(96 / 99 - 1, 6)] * 2
    assert watches[-1].anchor.stop_price_usd == 96.0


def test_adding_higher_raises_the_stop_and_adding_under_it_sells(profile: RiskProfile) -> None:
    higher = held(profile, "tighten_only", *WILDER[:2], ((20, 110.0), 0.02, "balanced"))
    assert higher[-1].anchor.stop_price_usd == pytest.approx(105.6)
    lower = held(profile, "tighten_only", *WILDER[:2], ((20, 90.0), 0.02, "balanced"))
    assert lower[-1].exits.stop_loss_fraction == pytest.approx(96 / 90 - 1)
    close_usd = 95.0
    assert forced_exit(Account(0.0, 20, 90.0, close_usd, 1e9), lower[-1].exits) is ReasonCode.STOP_LOSS
    assert forced_exit(Account(0.0, 20, 90.0, 96.5, 1e9), lower[-1].exits) is None


@pytest.mark.parametrize("anchor", ["daily", "entry", "tighten_only"])
def test_a_split_moves_no_stop(profile: RiskProfile, anchor: str) -> None:
    watches = held(profile, anchor, *WILDER[:2], ((70, 100 / 7), 0.02, "balanced", 7.0), ((70, 100 / 7), 0.02, "balanced"))
    assert stops(watches) == [-0.04] * 4
    assert watches[-1].anchor.stop_price_usd == pytest.approx(96 / 7)


def test_a_split_and_an_addition_in_one_night(profile: RiskProfile) -> None:
    """96 before a 2:1 split is 48 after it; 20 shares at 50 and 20 at 49 cost 49.50."""
    watches = held(profile, "tighten_only", *WILDER[:2], ((40, 49.5), 0.05, "balanced", 2.0))
    assert watches[-1].exits.stop_loss_fraction == pytest.approx(48 / 49.5 - 1)
    assert watches[-1].anchor.stop_price_usd == 48.0


def test_the_stop_price_never_falls_while_shares_are_held(profile: RiskProfile) -> None:
    sigmas = [0.02, 0.05, 0.01, 0.08, 0.004, 0.03]
    watches = held(profile, "tighten_only", (FLAT, 0.03, "aggressive"), *(((10, 100.0), sigma, "balanced") for sigma in sigmas))
    prices = [watch.anchor.stop_price_usd for watch in watches[1:]]
    assert prices == sorted(prices)  # type: ignore[type-var]
    assert prices[-1] == pytest.approx(99.0)
