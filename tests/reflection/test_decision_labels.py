from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reflection.builders import COMMISSION, PROFILE, SETTINGS, account, decision_case, decision_outcome
from tradinggroup.reflection.outcomes import reward
from tradinggroup.reflection.records import ACTIONS, DecisionLabel
from tradinggroup.risk.sizing import size_action


def test_worked_reward() -> None:
    assert reward(0.02, benchmark_return_fraction=0.01, cost_fraction=0.001, settings=SETTINGS) == pytest.approx(0.017, abs=1e-15)


def _label(case_changes: dict[str, object] | None = None, **market: float) -> DecisionLabel:
    outcome = decision_outcome(decision_case(**(case_changes or {})), **market)  # type: ignore[arg-type]
    assert outcome.label is not None
    return outcome.label


def test_worked_counterfactual() -> None:
    label = _label({"style": "aggressive", "shares": 999}, open_usd=100.0, close_usd=102.0)
    buy = label.actions["buy"]
    assert buy.shares == 999
    assert buy.equity_return_fraction == pytest.approx(0.0199310, abs=5e-8)
    assert label.benchmark_return_fraction == pytest.approx(0.02, abs=1e-15)
    assert buy.cost_fraction == pytest.approx(0.0000489510, abs=1e-12)
    assert buy.reward == pytest.approx(0.0158821, abs=5e-8)
    assert label.actions["hold"].reward == label.actions["sell"].reward == pytest.approx(-0.004, abs=1e-15)
    assert label.taken == buy
    assert (label.best_action, label.regret, label.profitable, label.realised_profit_usd) == ("buy", 0.0, True, None)


def test_actions_that_are_not_possible_equal_hold_and_ties_go_to_hold() -> None:
    label = _label({"action": "sell"}, open_usd=100.0, close_usd=97.0)
    assert label.actions["sell"] == label.actions["hold"] == label.taken
    assert label.best_action == "hold"
    assert label.taken.reward == pytest.approx(0.2 * 0.03)
    assert label.profitable  # staying out of a falling market


def test_the_order_fills_at_the_open_not_at_the_close() -> None:
    label = _label({"shares": 999}, open_usd=101.0, close_usd=102.0)
    shares = label.actions["buy"].shares
    assert shares == 990  # cut to the cash: 999 * 101 is more than there is
    fee = COMMISSION.usd(990, 101.0)
    assert label.actions["buy"].equity_return_fraction == pytest.approx((990 * 1.0 - fee) / 100_000, abs=1e-12)


def test_gap_buffer_sizes_the_counterfactuals_too() -> None:
    case = decision_case(shares=989)
    label = decision_outcome(case, open_usd=100.5, close_usd=100.5, gap_buffer=0.01).label
    assert label is not None
    assert label.actions["buy"].shares == 989


def test_a_sale_realises_its_profit() -> None:
    before = account(cash_usd=0.0, shares=100, cost_usd=90.0)
    label = _label({"before": before, "action": "sell", "shares": -100}, open_usd=99.0, close_usd=95.0)
    assert label.realised_profit_usd == pytest.approx(100 * 9.0 - 0.99)
    assert label.realised_return_fraction == pytest.approx(0.1)
    assert label.taken.equity_return_fraction == pytest.approx((9_900 - 0.99) / 10_000 - 1)
    assert label.taken.reward == pytest.approx(-0.010099 - 0.2 * -0.05 - 0.000099)
    assert label.best_action == "sell"
    assert label.actions["hold"].reward == pytest.approx(0.8 * -0.05)


def test_a_forced_exit_counts_as_its_forced_sale() -> None:
    before = account(cash_usd=0.0, shares=100, cost_usd=110.0)
    case = decision_case(before=before, action=None, shares=-50, style="balanced", forced=True)
    outcome = decision_outcome(case, open_usd=100.0, close_usd=90.0)
    assert outcome.label is not None
    assert outcome.label.taken.shares == -50  # what was sent, not what the style's sale would be
    assert outcome.label.actions["sell"].shares == -100
    assert outcome.label.regret == pytest.approx(outcome.label.actions["sell"].reward - outcome.label.taken.reward)
    line = outcome.to_line()
    assert (line["forced"], line["is_failure"], line["action"], line["executed_action"]) == (True, False, None, "sell")


def test_a_failed_decision_is_a_failure_that_held() -> None:
    line = decision_outcome(decision_case(action=None), open_usd=100.0, close_usd=101.0).to_line()
    assert (line["is_failure"], line["executed_action"], line["shares_filled"]) == (True, "hold", 0)


def test_split_inside_a_label_changes_nothing_but_the_share_count() -> None:
    held = account(cash_usd=30_000.0, shares=500, cost_usd=120.0, close_usd=140.0)
    case = decision_case(before=held, shares=214)
    plain = decision_outcome(case, open_usd=140.0, close_usd=147.0).label
    split = decision_outcome(case, open_usd=20.0, close_usd=21.0, split_ratio=7.0).label
    assert plain is not None
    assert split is not None
    assert split.benchmark_return_fraction == pytest.approx(0.05) == plain.benchmark_return_fraction
    assert (plain.taken.shares, split.taken.shares) == (214, 7 * 214)
    for action in ACTIONS:  # but for the commission, which is by the share
        whole, parts = plain.actions[action], split.actions[action]
        assert parts.equity_return_fraction + parts.cost_fraction == pytest.approx(
            whole.equity_return_fraction + whole.cost_fraction, abs=1e-12
        )
    sold = decision_outcome(decision_case(before=held, action="sell", shares=-500), open_usd=20.0, close_usd=21.0, split_ratio=7.0).label
    assert sold is not None
    assert sold.taken.shares == -3500
    assert sold.realised_return_fraction == pytest.approx(140 / 120 - 1)


def test_reverse_split_pays_the_left_over_in_cash() -> None:
    held = account(cash_usd=0.0, shares=25, cost_usd=10.0, close_usd=10.0)
    label = decision_outcome(decision_case(before=held, action="hold"), open_usd=100.0, close_usd=100.0, split_ratio=0.1).label
    assert label is not None
    assert label.taken.equity_return_fraction == pytest.approx(0.0, abs=1e-12)
    assert label.benchmark_return_fraction == pytest.approx(0.0, abs=1e-12)


def test_dividend_goes_to_the_shares_held_before() -> None:
    held = account(cash_usd=0.0, shares=100, cost_usd=100.0)
    kept = decision_outcome(decision_case(before=held, action="hold"), open_usd=98.0, close_usd=98.0, dividend_usd=2.0).label
    sold = decision_outcome(decision_case(before=held, action="sell", shares=-100), open_usd=98.0, close_usd=98.0, dividend_usd=2.0).label
    assert kept is not None
    assert sold is not None
    assert kept.benchmark_return_fraction == pytest.approx(0.0, abs=1e-15)
    assert kept.taken.equity_return_fraction == pytest.approx(0.0, abs=1e-15)
    assert sold.taken.equity_return_fraction == pytest.approx(-0.99 / 10_000)  # paid too, less the commission
    bought = decision_outcome(decision_case(shares=999), open_usd=98.0, close_usd=98.0, dividend_usd=2.0).label
    assert bought is not None
    assert bought.taken.equity_return_fraction == pytest.approx(-4.8951 / 100_000)  # not to shares that came later


@pytest.mark.parametrize(("open_usd", "close_usd"), [(None, None), (None, 100.0)])
def test_without_a_bar_there_is_a_reason_and_no_label(open_usd: float | None, close_usd: float | None) -> None:
    outcome = decision_outcome(decision_case(), open_usd=open_usd, close_usd=close_usd)
    assert (outcome.label, outcome.reason) == (None, "no_bar")
    assert list(outcome.to_line()) == list(decision_outcome(decision_case(), open_usd=1.0, close_usd=1.0).to_line())


def test_an_empty_account_has_no_return() -> None:
    outcome = decision_outcome(decision_case(before=account(cash_usd=0.0)), open_usd=100.0, close_usd=100.0)
    assert (outcome.label, outcome.reason) == (None, "no_equity")


def test_line_is_the_contract_of_the_log() -> None:
    line = decision_outcome(decision_case(shares=999), open_usd=100.0, close_usd=102.0).to_line()
    assert list(line)[:7] == ["session", "symbol", "known_at", "outcome_id", "kind", "decision_session", "reason"]
    assert (line["outcome_id"], line["kind"]) == ("ACME-decision-2024-01-01", "decision")
    assert line["reward_taken"] == line["actions"]["buy"]["reward"]
    assert json.loads(json.dumps(line, allow_nan=False)) == line


@settings(deadline=None, derandomize=True)
@given(
    cash=st.floats(0, 1e6),
    shares=st.integers(0, 5_000),
    gap=st.floats(-0.3, 0.3),
    move=st.floats(-0.3, 0.3),
    ratio=st.sampled_from([1.0, 7.0, 0.1]),
    dividend=st.sampled_from([0.0, 1.25]),
    style=st.sampled_from(["aggressive", "balanced", "conservative"]),
    action=st.sampled_from(ACTIONS),
)
def test_the_taken_action_is_one_of_the_three_and_cash_is_never_borrowed(
    cash: float, shares: int, gap: float, move: float, ratio: float, dividend: float, style: str, action: str
) -> None:
    before = account(cash_usd=cash, shares=shares, cost_usd=90.0 if shares else None)
    sized = size_action(action, account=before, style=style, profile=PROFILE, commission=COMMISSION, gap_buffer_fraction=0.01)
    case = decision_case(before=before, action=action, shares=sized.shares, style=style)
    open_usd = before.close_usd / ratio * (1 + gap)
    outcome = decision_outcome(
        case, open_usd=open_usd, close_usd=open_usd * (1 + move), split_ratio=ratio, dividend_usd=dividend, gap_buffer=0.01
    )
    if before.equity_usd <= 0:
        assert outcome.reason == "no_equity"
        return
    assert outcome.label is not None
    assert outcome.label.taken == outcome.label.actions[action]  # type: ignore[index]
    assert outcome.label.regret >= 0
    assert outcome.label.actions["hold"].cost_fraction == 0
    assert outcome.label.actions["buy"].shares >= 0 >= outcome.label.actions["sell"].shares
    for result in outcome.label.actions.values():
        assert result.equity_return_fraction >= -1
