from __future__ import annotations

from tests.reflection.builders import SESSIONS, account, decision_case, decision_outcome, forecast_outcome
from tradinggroup.reflection.cases import (
    LabelledDecision,
    LabelledForecast,
    labelled_decision,
    labelled_forecast,
    select_decisions,
    select_forecasts,
)
from tradinggroup.settings import ReflectionSettings


def _forecasts(changes: list[float], *, p: tuple[float, float, float] = (0.6, 0.3, 0.1)) -> list[LabelledForecast]:
    cases = [labelled_forecast(forecast_outcome(n, change, p=p)) for n, change in enumerate(changes)]
    return [case for case in cases if case is not None]


def _decisions(closes: list[float]) -> list[LabelledDecision]:
    before = account(cash_usd=0.0, shares=100, cost_usd=100.0)
    cases = [
        labelled_decision(decision_outcome(decision_case(n, before=before, action="hold"), open_usd=100.0, close_usd=close))
        for n, close in enumerate(closes)
    ]
    return [case for case in cases if case is not None]


def _sessions(cases: tuple[LabelledForecast, ...] | tuple[LabelledDecision, ...]) -> list[int]:
    return [SESSIONS.index(case.case.session) for case in cases]


def test_forecasts_best_and_worst_three_with_ties_to_the_earlier_session() -> None:
    selection = select_forecasts(_forecasts([0.02, -0.03, 0.05, 0.02, -0.04, 0.05, -0.03, 0.016]), ReflectionSettings())
    assert selection is not None
    assert _sessions(selection.cases) == list(range(8))
    assert _sessions(selection.successes) == [2, 5, 0]
    assert _sessions(selection.failures) == [4, 1, 6]


def test_decisions_are_told_apart_by_their_reward() -> None:
    selection = select_decisions(_decisions([103.0, 98.0, 101.0, 100.0, 97.0, 98.0, 103.0]), ReflectionSettings())
    assert selection is not None
    assert _sessions(selection.successes) == [0, 6, 2]
    assert _sessions(selection.failures) == [4, 1, 5]


def test_numbers_of_cases_are_settings() -> None:
    few = ReflectionSettings(success_cases=1, failure_cases=0, minimum_labelled=2)
    selection = select_forecasts(_forecasts([0.02, -0.03]), few)
    assert selection is not None
    assert (_sessions(selection.successes), selection.failures) == ([0], ())
    assert select_forecasts(_forecasts([0.02]), few) is None


def test_a_record_without_bad_cases_has_none() -> None:
    selection = select_decisions(_decisions([101.0] * 5), ReflectionSettings())
    assert selection is not None
    assert selection.failures == ()
