"""What prompts say of the clock and the fill is true under every setting."""

from __future__ import annotations

from datetime import date

import pytest

from tests.agents.fakes import SESSION
from tests.doubles import FunctionModel
from tests.support.desk_runs import demo_bundle, run_desk
from tests.test_invariants import answer_by_content
from tradinggroup.agents.timing import FILL_NAMES, PAST_FILL_NAMES, REWARD_SPANS, clock_text, fill_note, session_text
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.settings import Decide, Experiment

CALENDAR = ExchangeCalendar(first=date(2023, 1, 3), last=date(2023, 12, 29))
AFTER = DecisionClock(CALENDAR)
BEFORE = DecisionClock(CALENDAR, "pre_open")


@pytest.mark.parametrize(
    ("clock", "session", "says"),
    [
        (AFTER, SESSION, "Tuesday, after the close"),
        (BEFORE, SESSION, "Wednesday, 30 minutes before the open of the next session; the last price known is the close of Tuesday"),
        (
            DecisionClock(CALENDAR, "pre_open", 1),
            date(2023, 9, 1),  # before Labour Day
            "Tuesday, 1 minute before the open of the next session; the last price known is the close of Friday",
        ),
    ],
)
def test_when_a_prompt_is_asked(clock: DecisionClock, session: date, says: str) -> None:
    assert f"{session_text(clock, session)}, {clock_text(clock, session)}" == says


@pytest.mark.parametrize(
    ("clock", "fill", "says"),
    [
        (AFTER, "next_open", "it fills at the next open, not at this close"),
        (AFTER, "next_close", "it fills at the next close, not at this close"),
        (AFTER, "same_close", "it fills at this close"),
        (BEFORE, "next_open", "it fills at the next open, not at the last close"),
        (BEFORE, "next_close", "it fills at the next close, not at the last close"),
    ],
)
def test_where_an_order_fills(clock: DecisionClock, fill: str, says: str) -> None:
    assert fill_note(clock, fill) == says


def test_every_fill_has_its_words() -> None:
    modes = set(Experiment.model_fields["fill"].annotation.__args__)  # type: ignore[union-attr]
    assert set(FILL_NAMES) == set(PAST_FILL_NAMES) == set(REWARD_SPANS) == modes


@pytest.mark.parametrize(
    ("decide", "fill", "true", "false"),
    [
        ("after_close", "next_open", ("after the close.", "the next open"), ("before the open", "the next close")),
        ("pre_open", "next_open", ("30 minutes before the open", "the next open"), ("after the close", "at this close")),
        ("after_close", "next_close", ("after the close.", "the next close"), ("before the open", "the next open")),
        ("after_close", "same_close", ("after the close.", "this close"), ("before the open", "the next open", "the next close")),
    ],
)
def test_the_prompts_of_a_run_tell_its_own_clock_and_fill(decide: Decide, fill: str, true: tuple[str, ...], false: tuple[str, ...]) -> None:
    """The reviews of past decisions included, which a model writes."""
    model = FunctionModel(answer_by_content)
    span = {"start": date(2023, 5, 1), "end": date(2023, 5, 19)}
    run_desk(demo_bundle(), **span, symbols=("ACME",), model="openai:double", asked=model, decide=decide, fill=fill)
    prompts = {(request.agent, request.purpose): request.messages[-1].content for request in model.requests}
    clock_says, fill_says = true
    for agent, purpose in (
        ("news_sentiment", "item"),
        ("news_sentiment", "overall"),
        ("forecasting", "forecast"),
        ("style_selection", "style"),
    ):
        assert clock_says in prompts[agent, purpose]
        assert (decide == "after_close") == ("after the close" in prompts[agent, purpose])
    assert clock_says in prompts["decision", "decision"]
    assert fill_says in prompts["decision", "decision"]
    assert {"reflection"} & {agent for agent, _ in prompts}
    for (agent, purpose), text in prompts.items():
        if purpose != "forecast" or agent == "reflection":  # a forecast is of the next close, whatever the fill
            assert not [words for words in false if words in text], (agent, purpose)


def test_no_filing_is_filed_in_the_future_of_its_prompt() -> None:
    """The demo's filings come after a close: before the next open they are a day old, not less than none."""
    model = FunctionModel(answer_by_content)
    span = {"start": date(2023, 2, 1), "end": date(2023, 2, 28)}
    run_desk(demo_bundle(), **span, model="openai:double", asked=model, decide="pre_open")
    texts = [request.messages[-1].content for request in model.of("forecasting")]
    assert any("filed 1 days ago" in text for text in texts)
    assert not any("filed -" in text or "filed 0 days ago" in text for text in texts)
