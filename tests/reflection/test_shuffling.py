"""The placebo of reflection: outcomes dealt out anew among what is visible, judged by each case's own forecast or action."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reflection.builders import SESSIONS, SETTINGS, account, close_at, decision_case, decision_outcome, forecast_outcome
from tradinggroup.reflection.cases import labelled_decision, labelled_forecast
from tradinggroup.reflection.memory import LessonMemory
from tradinggroup.reflection.outcomes import DecisionOutcome, ForecastOutcome
from tradinggroup.reflection.shuffling import shuffled_decisions, shuffled_forecasts

CHANGES = (0.02, -0.03, 0.001, 0.04, -0.016, 0.0, 0.021, -0.05, 0.017, 0.002)


def _forecasts(count: int) -> list[ForecastOutcome]:
    shapes = ((0.6, 0.3, 0.1), (0.2, 0.7, 0.1), (0.2, 0.2, 0.6))
    return [forecast_outcome(n, CHANGES[n % 10] * (1 + n // 10), p=shapes[n % 3]) for n in range(count)]


def _decisions(count: int) -> list[DecisionOutcome]:
    outcomes = []
    for n in range(count):
        action, shares = (("buy", 500), ("hold", 0), ("sell", -40))[n % 3]
        case = decision_case(n, before=account(60_000.0, 40, 95.0), action=action, shares=shares)
        outcomes.append(decision_outcome(case, open_usd=100.0, close_usd=100.0 * (1 + CHANGES[n % 10] * (1 + n // 10))))
    return outcomes


def test_forecasts_keep_their_evidence_and_are_judged_by_another_return() -> None:
    cases = [labelled_forecast(outcome) for outcome in _forecasts(20)]
    shuffled = shuffled_forecasts(cases, SETTINGS, seed=7)  # type: ignore[arg-type]
    assert [each.case for each in shuffled] == [each.case for each in cases]  # type: ignore[union-attr]
    before, after = ([each.label.return_fraction for each in some] for some in (cases, shuffled))  # type: ignore[union-attr]
    assert Counter(before) == Counter(after)
    assert before != after
    for each in shuffled:
        assert each.label.correct == (each.case.argmax_label == each.label.true_label)
        assert each.label.p_true == each.case.probability(each.label.true_label)


def test_decisions_keep_their_action_and_are_judged_by_what_it_brought_elsewhere() -> None:
    cases = [labelled_decision(outcome) for outcome in _decisions(20)]
    shuffled = shuffled_decisions(cases, seed=7, purpose="decision")  # type: ignore[arg-type]
    assert [each.case for each in shuffled] == [each.case for each in cases]  # type: ignore[union-attr]
    assert Counter(each.label.benchmark_return_fraction for each in shuffled) == Counter(
        each.label.benchmark_return_fraction
        for each in cases  # type: ignore[union-attr]
    )
    for each in shuffled:
        assert each.label.taken == each.label.actions[each.case.executed_action]
        assert each.label.regret == each.label.actions[each.label.best_action].reward - each.label.taken.reward
        assert each.label.profitable == (each.label.taken.reward > 0)


def test_another_seed_deals_otherwise_and_nothing_has_no_outcomes() -> None:
    cases = [labelled_forecast(outcome) for outcome in _forecasts(20)]
    assert shuffled_forecasts(cases, SETTINGS, seed=7) != shuffled_forecasts(cases, SETTINGS, seed=8)  # type: ignore[arg-type]
    assert shuffled_forecasts(cases, SETTINGS, seed=7) == shuffled_forecasts(cases, SETTINGS, seed=7)  # type: ignore[arg-type]
    assert shuffled_forecasts([], SETTINGS, seed=7) == ()


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    order=st.permutations(range(24)), ask_at=st.integers(5, 24), agent=st.sampled_from(["forecasting", "decision"]), seed=st.integers(0, 5)
)
def test_a_shuffled_lesson_depends_on_what_is_visible_alone(order: list[int], ask_at: int, agent: str, seed: int) -> None:
    """Whatever else was added, and in whatever order: nothing that is not visible is dealt out."""
    outcomes = _forecasts(24) if agent == "forecasting" else _decisions(24)
    straight, mixed = (LessonMemory("ACME", SETTINGS, shuffle_seed=seed) for _ in range(2))
    for outcome in outcomes[:ask_at]:
        straight.add(outcome)  # type: ignore[arg-type]
    for place in order:
        mixed.add(outcomes[place])  # type: ignore[arg-type]
    session = SESSIONS[ask_at]
    moment = {"as_of": close_at(session), "session": session, "window_start": SESSIONS[max(0, ask_at - 20)]}
    lesson = straight.experience(agent, **moment)  # type: ignore[arg-type]
    assert lesson is not None
    assert lesson == mixed.experience(agent, **moment)  # type: ignore[arg-type]
    known = {outcome.outcome_id: outcome.known_at for outcome in outcomes}
    assert lesson.known_at == max(known[each] for each in lesson.outcome_ids) <= moment["as_of"]


@pytest.mark.parametrize("agent", ["forecasting", "decision", "style_selection"])
def test_a_shuffled_lesson_is_another_text_from_the_same_outcomes(agent: str) -> None:
    moment = {"as_of": close_at(SESSIONS[20]), "session": SESSIONS[20], "window_start": SESSIONS[0]}
    lessons = []
    for shuffle_seed in (None, 7):
        memory = LessonMemory("ACME", SETTINGS, shuffle_seed=shuffle_seed)
        for outcome in _forecasts(20) if agent == "forecasting" else _decisions(20):
            memory.add(outcome)  # type: ignore[arg-type]
        ask = memory.style_history if agent == "style_selection" else lambda memory=memory, **when: memory.experience(agent, **when)
        lessons.append(ask(**moment))
    true, shuffled = lessons
    assert true is not None
    assert shuffled is not None
    assert true.outcome_ids == shuffled.outcome_ids
    assert true.text != shuffled.text
