"""The lesson in the model's words: one call for the same cases, none for `rules`, the template where the call fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from tests.agents.fakes import FAILURE, context
from tests.doubles import FunctionModel
from tradinggroup.agents.context import AgentContext
from tradinggroup.agents.reflection import experience_text, shortened, tell_lesson
from tradinggroup.models.answers import ExperienceSummary
from tradinggroup.reflection.memory import Lesson
from tradinggroup.settings import ReflectionSettings

SETTINGS = ReflectionSettings()
RECORD = "Own record: 10 forecasts.\n- Thu, 2 days before the newest | RSI 61 | gate up | return -0.0500, down"
LESSON = Lesson(
    lesson_id="ACME-forecasting-2023-09-19",
    agent="forecasting",
    symbol="ACME",
    session=date(2023, 9, 19),
    known_at=datetime(2023, 9, 19, 20, tzinfo=UTC),
    text=RECORD,
    outcome_ids=("ACME-forecasting-2023-09-18",),
    statistics={"cases": 10},
    case_ids=("ACME-forecasting-2023-09-18",),
)


def tell(agents: AgentContext, lesson: Lesson | None = LESSON, *, session: date = date(2023, 9, 19)) -> Lesson | None:
    return asyncio.run(tell_lesson(agents, lesson, session=session, settings=SETTINGS))


def summariser(text: str = "Fade breakouts.") -> FunctionModel:
    return FunctionModel(lambda request: ExperienceSummary(summary=text))


def test_rules_ask_nobody_and_show_the_template() -> None:
    model = summariser()
    assert tell(context(model)) is LESSON
    assert model.requests == []
    assert experience_text(LESSON) == RECORD


def test_a_model_tells_the_lesson_from_the_record_alone() -> None:
    model = summariser()
    told = tell(context(model, model_name="openai:x"))
    assert told == replace(LESSON, text="Fade breakouts.", author="model")
    (request,) = model.requests
    assert (request.agent, request.purpose, request.schema) == ("reflection", "forecasting", ExperienceSummary)
    prompt = request.messages[-1].content
    assert RECORD in prompt
    assert "at most 200 words" in prompt
    assert "2023" not in prompt
    assert experience_text(told) == "<quoted>Fade breakouts.</quoted>"


def test_decisions_have_a_prompt_and_a_length_of_their_own() -> None:
    model = summariser()
    tell(context(model, model_name="openai:x"), replace(LESSON, agent="decision"))
    assert model.requests[0].purpose == "decision"
    assert "at most 250 words" in model.requests[0].messages[-1].content


def test_the_same_cases_are_asked_about_once_whatever_the_session() -> None:
    model = summariser()
    agents = context(model, model_name="openai:x")
    first, later = tell(agents), tell(agents, session=date(2023, 9, 21))
    assert first is later
    assert len(model.requests) == 1
    tell(agents, replace(LESSON, lesson_id="ACME-forecasting-2023-09-20", text=RECORD + " more"))
    assert len(model.requests) == 2


def test_the_session_is_no_part_of_what_is_asked() -> None:
    keys = []
    for session in (date(2023, 9, 19), date(2024, 1, 5)):
        model = summariser()
        tell(context(model, model_name="openai:x"), session=session)
        keys.append(model.requests[0].key)
    assert keys[0] == keys[1]


@pytest.mark.parametrize("answer", [FAILURE, ExperienceSummary(summary="  ")], ids=["failed", "empty"])
def test_without_a_usable_summary_the_template_stands_in_and_says_so(answer: object) -> None:
    model = FunctionModel(lambda request: answer)  # type: ignore[arg-type,return-value]
    agents = context(model, model_name="openai:x")
    told = tell(agents)
    assert told == replace(LESSON, author="fallback")
    assert tell(agents) is told, "a failed summary is not asked for again"
    assert len(model.requests) == 1
    assert experience_text(told) == RECORD


def test_a_card_may_name_a_model_of_its_own() -> None:
    model = summariser()
    agents = context(model)
    cards = {**agents.cards, "reflection": replace(agents.cards["reflection"], model="openai:small")}
    told = tell(replace(agents, cards=cards))
    assert told is not None
    assert told.author == "model"
    assert model.requests[0].model == "openai:small"


def test_no_lesson_is_no_call() -> None:
    model = summariser()
    assert tell(context(model, model_name="openai:x"), None) is None
    assert experience_text(None) is None
    assert model.requests == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One two. Three four.", "One two. Three four."),
        ("One two. Three four. Five six.", "One two. Three four."),
        ("One two three four five six.", "One two three four"),
        ("One two.\n\n- three four five.", "One two."),
        ('One "two." Three four five.', 'One "two."'),
    ],
)
def test_a_summary_is_cut_to_whole_sentences(text: str, expected: str) -> None:
    assert shortened(text, 4) == expected
