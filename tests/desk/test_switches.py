"""Runs without a part: what is asked, what is written, and what is not."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest

from tests.support.desk_runs import LineSink, demo_bundle, run_desk
from tradinggroup.backtest.sink import RowKind
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.settings import AgentSettings, StyleSettings

WINDOW: dict[str, Any] = {"start": date(2023, 2, 1), "end": date(2023, 3, 3), "symbols": ("ACME",)}


class CountingRules(RulesAnalyst):
    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    async def answer(self, request: ModelRequest) -> ModelReply:
        self.asked[request.agent] += 1
        return await super().answer(request)


def run_without(*parts: str) -> tuple[LineSink, CountingRules]:
    model = CountingRules()
    return run_desk(demo_bundle(), model=model, without=parts, **WINDOW), model


@pytest.mark.parametrize("agent", ["news_sentiment", "report_retrieval", "forecasting"])
def test_an_agent_that_is_switched_off_is_never_asked_and_the_others_are(agent: str) -> None:
    sink, model = run_without(agent)
    lines = sink.rows[RowKind.DECISION]
    assert len(lines) > 15
    assert agent not in model.asked
    assert {"news_sentiment", "report_retrieval", "forecasting", "style_selection", "decision"} - {agent} == set(model.asked)
    assert all(line["decision"] is None or line["decision"]["failure"] is None for line in lines)


def test_without_forecasts_there_is_nothing_to_score_and_no_lesson_about_them() -> None:
    sink, _ = run_without("forecasting")
    assert {row["kind"] for row in sink.rows[RowKind.OUTCOME]} == {"decision"}
    assert "forecasting" not in {row["agent"] for row in sink.rows[RowKind.REFLECTION]}
    assert {(line["forecasting"]["gate"], line["forecasting"]["gated_label"]) for line in sink.rows[RowKind.DECISION]} == {
        ("off", "sideways")
    }


def test_without_a_style_agent_the_style_is_balanced_and_its_thresholds_stay() -> None:
    sink, model = run_without("style")
    lines = sink.rows[RowKind.DECISION]
    assert model.asked["style_selection"] == 0
    assert {line["style_selection"]["style"] for line in lines} == {"balanced"}
    assert {line["risk"]["thresholds"]["stop_loss_multiplier"] for line in lines} == {2.0}
    assert {row["agent"] for row in sink.rows[RowKind.REFLECTION]} == {"forecasting", "decision"}


def test_without_risk_there_are_no_thresholds_and_no_forced_exits() -> None:
    sink, _ = run_without("risk")
    assert {line["risk"]["thresholds"] for line in sink.rows[RowKind.DECISION]} == {None}
    assert not [row for row in sink.rows[RowKind.ORDER] if row["forced"]]


def test_without_retrieval_nothing_is_scored() -> None:
    sink, model = run_without("retrieval")
    lines = sink.rows[RowKind.DECISION]
    items = [item for line in lines for item in line["news_sentiment"]["items"]]
    assert items
    assert {(item["base"], item["probability"], item["influence"]) for item in items} == {(None, None, None)}
    forms = [form for line in lines for form in line["report_retrieval"]["forms"].values()]
    assert {passage["hybrid"] for form in forms for passage in form["passages"]} == {None}
    assert all(len(form["passages"]) == 6 for form in forms)
    assert model.asked["report_retrieval"] == len({form["filing_id"] for form in forms})


def test_all_four_off_is_the_first_row_of_the_papers_ablation() -> None:
    sink, model = run_without("risk", "style", "reflections", "retrieval")
    assert set(model.asked) == {"news_sentiment", "report_retrieval", "forecasting", "decision"}
    assert sink.rows[RowKind.REFLECTION] == []
    assert sink.rows[RowKind.FILL]


def test_lessons_say_nothing_of_parts_that_are_switched_off() -> None:
    """Without the style agent no account state stands in a decision prompt, so neither in its lessons; what is off is not "none"."""
    window: dict[str, Any] = {"start": date(2023, 1, 3), "end": date(2023, 3, 31)}
    off = run_desk(demo_bundle(), **window, without=("style", "news_sentiment", "forecasting"))
    texts = [row["text"] for row in off.rows[RowKind.REFLECTION] if row["agent"] == "decision"]
    assert len(texts) > 50
    for text in texts:
        assert "weight" not in text
        assert "style" not in text
        assert "no news" not in text
        assert "news not read" in text
        assert "trend" not in text
        assert "no forecast made" in text


def test_no_forecast_is_no_forecast_of_sideways_to_the_rules() -> None:
    """They have little else to go by then and hold; but not because somebody forecast that nothing happens."""
    window: dict[str, Any] = {"start": date(2023, 1, 3), "end": date(2023, 3, 31)}
    sink = run_desk(demo_bundle(), **window, without=("forecasting",))
    reasons = [line["decision"]["reasoning"] for line in sink.rows[RowKind.DECISION] if line["decision"]]
    assert reasons
    assert all(reason.startswith("Trend not forecast") for reason in reasons)


def test_the_history_of_styles_is_as_long_as_its_setting() -> None:
    window: dict[str, Any] = {"start": date(2023, 1, 3), "end": date(2023, 3, 31)}
    short = AgentSettings(style_selection=StyleSettings(history_sessions=3))
    lessons = [row for row in run_desk(demo_bundle(), **window, agents=short).rows[RowKind.REFLECTION] if row["agent"] == "style_selection"]
    assert max(len(row["outcome_ids"]) for row in lessons) == 3
