"""Forecasting, style selection and decision."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.agents.fakes import (
    FAILURE,
    FEATURES,
    FLAT,
    FORECASTING,
    HELD,
    LIMITS,
    NEWS,
    NO_REPORT,
    SESSION,
    STYLE,
    YESTERDAY,
    context,
    model,
    prompts,
)
from tradinggroup.agents.context import AgentContext
from tradinggroup.agents.decision import decide
from tradinggroup.agents.forecasting import argmax_label, forecast, normalised
from tradinggroup.agents.outputs import DecisionOutput, Forecasting, StyleSelection
from tradinggroup.agents.style_selection import select_style
from tradinggroup.models.answers import Decision, Forecast
from tradinggroup.models.port import Failure, FailureKind
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.risk.account import Account
from tradinggroup.risk.thresholds import Thresholds

LESSON = "Own record: bought too early after three of four breakouts."


def run_forecast(
    agents: AgentContext, *, experience: str | None = None, statistics: Mapping[str, Any] | None = None, **changes: Any
) -> Forecasting:
    evidence = {"features": FEATURES, "news": NEWS, "report": NO_REPORT} | changes
    lesson_id = "ACME-forecasting-2023-09-18" if experience else None
    return asyncio.run(
        forecast(agents, session=SESSION, experience=experience, lesson_id=lesson_id, experience_statistics=statistics, **evidence)
    )


def run_style(
    agents: AgentContext, *, history: str | None = LESSON, statistics: Mapping[str, Any] | None = None, account: Account = HELD
) -> StyleSelection:
    return asyncio.run(
        select_style(
            agents,
            session=SESSION,
            features=FEATURES,
            news=NEWS,
            report=NO_REPORT,
            forecasting=FORECASTING,
            account=account,
            history=history,
            style_statistics=statistics,
            lesson_id="ACME-style_selection-2023-09-18" if history else None,
        )
    )


def run_decision(
    agents: AgentContext,
    *,
    experience: str | None = None,
    statistics: Mapping[str, Any] | None = None,
    account: Account = HELD,
    thresholds: Thresholds | None = LIMITS,
    forecasting: Forecasting = FORECASTING,
) -> DecisionOutput:
    return asyncio.run(
        decide(
            agents,
            session=SESSION,
            features=FEATURES,
            news=NEWS,
            report=NO_REPORT,
            forecasting=forecasting,
            style=STYLE,
            account=account,
            thresholds=thresholds,
            performance="equity +1.00 % over the last 5 sessions",
            experience=experience,
            lesson_id="ACME-decision-2023-09-18" if experience else None,
            experience_statistics=statistics,
        )
    )


def test_forecast_line() -> None:
    near_high = replace(FEATURES, distance_to_high_fraction=-0.005)
    found = run_forecast(context(model()), features=near_high, experience=LESSON)
    assert found.to_line() == {
        "p_up": pytest.approx(0.6),
        "p_down": pytest.approx(0.2),
        "p_sideways": pytest.approx(0.2),
        "argmax_label": "up",
        "gated_label": "up",
        "gate": "soft",
        "reasoning": "Momentum.",
        "experience": "ACME-forecasting-2023-09-18",
        "failure": None,
    }
    assert found.probabilities == {"up": found.p_up, "down": found.p_down, "sideways": found.p_sideways}
    assert found.newest_known_at == YESTERDAY


def test_both_labels_are_kept_where_the_gate_says_otherwise() -> None:
    found = run_forecast(context(model()))
    assert (found.argmax_label, found.gated_label, found.gate) == ("up", "sideways", "default")


def test_probabilities_that_are_a_little_off_are_scaled_to_one() -> None:
    p_up, p_down, p_sideways = normalised(Forecast(p_up=0.63, p_down=0.21, p_sideways=0.21, reasoning=""))
    assert (p_up, p_down, p_sideways) == pytest.approx((0.6, 0.2, 0.2))
    assert p_up + p_down + p_sideways == pytest.approx(1, abs=1e-15)


def test_a_failed_forecast_is_a_flagged_third_each() -> None:
    found = run_forecast(context(model(Forecast=FAILURE)))
    assert (found.p_up, found.p_down, found.p_sideways) == (1 / 3, 1 / 3, 1 / 3)
    assert (found.argmax_label, found.gated_label, found.failure) == ("sideways", "sideways", FAILURE)
    assert found.to_line()["failure"] == {"kind": "schema", "detail": "p_up is missing"}


@pytest.mark.parametrize(
    ("p_up", "p_down", "p_sideways", "expected"),
    [
        (0.5, 0.3, 0.2, "up"),
        (0.2, 0.5, 0.3, "down"),
        (0.2, 0.3, 0.5, "sideways"),
        (0.4, 0.4, 0.2, "down"),
        (0.4, 0.2, 0.4, "sideways"),
        (0.2, 0.4, 0.4, "sideways"),
        (1 / 3, 1 / 3, 1 / 3, "sideways"),
    ],
)
def test_argmax_label_and_its_ties(p_up: float, p_down: float, p_sideways: float, expected: str) -> None:
    assert argmax_label(p_up=p_up, p_down=p_down, p_sideways=p_sideways) == expected


def test_style_line_and_its_fallbacks() -> None:
    assert run_style(context(model())).to_line() == {
        "style": "aggressive",
        "confidence": 0.8,
        "reasoning": "Calm.",
        "experience": "ACME-style_selection-2023-09-18",
        "failure": None,
    }
    failed = run_style(context(model(StyleChoice=FAILURE)))
    assert (failed.style, failed.confidence, failed.failure) == ("balanced", None, FAILURE)


def test_without_history_the_style_is_balanced_and_nobody_is_asked() -> None:
    double = model()
    found = run_style(context(double), history=None)
    assert (found.style, found.confidence, found.experience, found.failure) == ("balanced", None, None, None)
    assert double.requests == []


def test_decision_line() -> None:
    assert run_decision(context(model()), experience=LESSON).to_line() == {
        "action": "buy",
        "confidence": 0.7,
        "reasoning": "Trend.",
        "experience": "ACME-decision-2023-09-18",
        "failure": None,
    }


@pytest.mark.parametrize("kind", [FailureKind.EMPTY, FailureKind.TIMEOUT])
def test_a_failed_decision_has_no_action(kind: FailureKind) -> None:
    found = run_decision(context(model(Decision=Failure(kind, "nothing came"))))
    assert (found.action, found.confidence) == (None, None)
    assert found.to_line()["failure"] == {"kind": str(kind), "detail": "nothing came"}


def all_prompts(*, account: Account = HELD, experience: str | None = None, thresholds: Thresholds | None = LIMITS) -> list[str]:
    double = model()
    agents = context(double)
    run_forecast(agents, experience=experience)
    run_style(agents, account=account, history=experience or "None of the styles lost.")
    run_decision(agents, account=account, experience=experience, thresholds=thresholds)
    return prompts(double)


@pytest.mark.parametrize("account", [HELD, FLAT])
def test_no_prompt_holds_a_price_a_share_count_a_cost_or_an_amount(account: Account) -> None:
    text = "\n".join(all_prompts(account=account))
    levels = (
        account.cash_usd,
        account.average_cost_usd,
        account.close_usd,
        account.peak_equity_usd,
        account.equity_usd,
        account.position_usd,
    )
    figures = {float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\.?\d*", text)}
    assert "USD" not in text
    assert "$" not in text
    for level in (*levels, account.shares):
        if level:
            assert not {float(level), round(level, 2), round(level, 1), float(round(level))} & figures, level


def test_experience_comes_first_where_there_is_one() -> None:
    for prompt in all_prompts(experience=LESSON):
        assert prompt.index(LESSON) < prompt.index("ACME")
        assert prompt.index(LESSON) < 200
    assert all("None yet." in prompt for prompt in (all_prompts()[0], all_prompts()[2]))


def test_a_lesson_changes_the_request() -> None:
    without, with_lesson = model(), model()
    run_decision(context(without))
    run_decision(context(with_lesson), experience=LESSON)
    assert without.requests[0].key != with_lesson.requests[0].key


def test_prompts_are_complete() -> None:
    for prompt in all_prompts():
        assert "{" not in prompt
        assert "ACME" in prompt
        assert "It is Tuesday, after the close." in prompt
        assert "2023" not in prompt
        assert "RSI-14: 55.0 (neither extreme)" in prompt
        assert "Score +0.40 (positive)" in prompt
    style, decision = all_prompts()[1:]
    for prompt in (style, decision):
        assert "- invested: 50.9 % of the equity\n- cash: 49.1 % of the equity\n- open profit: +5.06 %\n" in prompt
        assert "- below the highest equity so far: -2.14 %" in prompt
        assert "Trend up (test: soft); up 0.60, down 0.20, sideways 0.20. <quoted>Momentum.</quoted>" in prompt
    assert "forced sale at an open loss of -4.00 % or an open profit of +8.00 % (daily deviation 2.00 %)" in decision
    assert "balanced, confidence 0.60. <quoted>Nothing stands out.</quoted>" in decision
    assert "The risk layer is off" in all_prompts(thresholds=None)[2]


def test_failures_upstream_are_said_and_not_hidden() -> None:
    double = model()
    agents = context(double)
    run_forecast(agents, news=replace(NEWS, failure=FAILURE, score=0.0))
    run_decision(agents, forecasting=replace(FORECASTING, failure=FAILURE))
    assert "could not be analysed" in prompts(double)[0]
    assert "The forecast failed; take no direction from it." in prompts(double)[1]
    assert double.requests[0].evidence["news_score"] is None


def test_a_card_may_name_its_own_model() -> None:
    double = model()
    agents = context(double)
    cards = dict(agents.cards)
    cards["decision"] = replace(cards["decision"], model="openai:other")
    run_decision(replace(agents, cards=cards))
    run_style(agents)
    assert [request.model for request in double.requests] == ["openai:other", "rules"]
    assert double.requests[0].parameters == {"temperature": 0.0, "max_tokens": 1024}
    assert double.requests[0].schema is Decision


def test_rules_learn_from_the_record() -> None:
    """The same evidence with another record gives another forecast, and another decision."""
    agents = context(RulesAnalyst())
    good, poor = ({"cases": 15, "hit_rate": rate} for rate in (0.7, 0.1))
    confident, modest = (run_forecast(agents, experience=LESSON, statistics=statistics) for statistics in (good, poor))
    assert confident.p_up > modest.p_up > 1 / 3
    mixed = replace(FORECASTING, p_up=0.45, p_down=0.25, p_sideways=0.3, gated_label="sideways")
    records = ({"cases": 20, "hit_rate": 0.5, "by_action": {"buy": buy, "hold": hold}} for buy, hold in ((0.02, -0.01), (-0.02, 0.01)))
    bold, careful = (run_decision(agents, experience=LESSON, statistics=record, forecasting=mixed) for record in records)
    assert (bold.action, careful.action) == ("buy", "hold")
