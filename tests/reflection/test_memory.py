"""Lessons: seen from the moment they are known, whatever the order of adding; texts that show fractions only."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reflection.builders import SESSIONS, SETTINGS, account, close_at, decision_case, decision_outcome, forecast_outcome
from tradinggroup.reflection.memory import Lesson, LessonMemory
from tradinggroup.reflection.outcomes import DecisionOutcome, ForecastOutcome
from tradinggroup.settings import ReflectionSettings

CHANGES = (0.02, -0.03, 0.001, 0.04, -0.016, 0.0, 0.021, -0.05, 0.017, 0.002)


def _forecasts(count: int) -> list[ForecastOutcome]:
    shapes = ((0.6, 0.3, 0.1), (0.2, 0.7, 0.1), (0.2, 0.2, 0.6))
    return [forecast_outcome(n, CHANGES[n % 10], p=shapes[(0, 1, 2, 0)[n % 4]]) for n in range(count)]


def _decisions(count: int) -> list[DecisionOutcome]:
    styles = ("aggressive", "balanced", "conservative")
    outcomes = []
    for n in range(count):
        action, shares = (("buy", 500), ("hold", 0), ("sell", -40))[n % 3]
        before = account(cash_usd=60_000.0, shares=40, cost_usd=95.0)
        case = decision_case(n, before=before, action=action, shares=shares, style=styles[n % 3])
        outcomes.append(decision_outcome(case, open_usd=100.0, close_usd=100.0 * (1 + CHANGES[n % 10])))
    return outcomes


def _memory(outcomes: list[ForecastOutcome] | list[DecisionOutcome], changes: ReflectionSettings = SETTINGS) -> LessonMemory:
    memory = LessonMemory("ACME", changes)
    for outcome in outcomes:
        memory.add(outcome)
    return memory


def _ask(memory: LessonMemory, agent: str, index: int, *, window: int = 20) -> Lesson | None:
    moment = {"as_of": close_at(SESSIONS[index]), "session": SESSIONS[index], "window_start": SESSIONS[max(0, index - window)]}
    if agent == "style_selection":
        return memory.style_history(**moment)  # type: ignore[arg-type]
    return memory.experience(agent, **moment)  # type: ignore[arg-type]


def _must(lesson: Lesson | None) -> Lesson:
    assert lesson is not None
    return lesson


def test_style_history_starts_with_the_first_outcome() -> None:
    """The style is balanced without a call on the first session only (spec 5)."""
    memory = _memory(_decisions(3))
    assert _ask(memory, "style_selection", 0) is None
    assert len(_must(_ask(memory, "style_selection", 1)).outcome_ids) == 1


@pytest.mark.parametrize("agent", ["forecasting", "decision"])
def test_fewer_than_five_labelled_cases_teach_nothing(agent: str) -> None:
    memory = _memory(_forecasts(8) if agent == "forecasting" else _decisions(8))
    assert _ask(memory, agent, 4) is None
    assert len(_must(_ask(memory, agent, 5)).outcome_ids) == 5


def test_a_lesson_is_not_visible_a_moment_before_its_outcome() -> None:
    memory = _memory(_forecasts(6))
    session, known = SESSIONS[5], close_at(SESSIONS[5])
    before = memory.experience("forecasting", as_of=known - timedelta(microseconds=1), session=session, window_start=SESSIONS[0])
    at = memory.experience("forecasting", as_of=known, session=session, window_start=SESSIONS[0])
    assert before is None
    assert _must(at).known_at == known


@settings(deadline=None, derandomize=True, max_examples=60)
@given(order=st.permutations(range(24)), ask_at=st.integers(0, 25), agent=st.sampled_from(["forecasting", "decision", "style_selection"]))
def test_visibility_holds_for_any_order_of_adding(order: list[int], ask_at: int, agent: str) -> None:
    outcomes = _forecasts(24) if agent == "forecasting" else _decisions(24)
    straight = _memory(outcomes[:ask_at])  # type: ignore[arg-type]
    shuffled = _memory([outcomes[n] for n in order])  # type: ignore[misc]
    expected, lesson = _ask(straight, agent, ask_at), _ask(shuffled, agent, ask_at)
    assert lesson == expected
    as_of = close_at(SESSIONS[ask_at])
    assert all(each.known_at <= as_of for each in shuffled.visible(as_of))
    assert len(shuffled.visible(as_of)) == min(ask_at, 24)
    if lesson is not None:
        assert lesson.known_at <= as_of
        known = {outcome.outcome_id for outcome in outcomes if outcome.known_at <= as_of}
        assert set(lesson.outcome_ids) <= known


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    order=st.permutations(range(24)),
    asked=st.lists(st.integers(0, 24), min_size=2, max_size=8, unique=True),
    agent=st.sampled_from(["forecasting", "decision", "style_selection"]),
)
def test_sessions_that_ask_in_any_order_get_the_lessons_of_the_plain_order(order: list[int], asked: list[int], agent: str) -> None:
    """Outcomes arrive out of order, and later sessions ask before earlier ones: every answer is that of the plain walk."""
    outcomes = _forecasts(24) if agent == "forecasting" else _decisions(24)
    walked = _memory([])
    plain = {}
    for index in range(25):
        plain[index] = _ask(walked, agent, index)
        if index < 24:
            walked.add(outcomes[index])
    mixed = _memory([outcomes[n] for n in order])  # type: ignore[misc]
    for index in asked:
        assert _ask(mixed, agent, index) == plain[index]


def test_the_window_ends_where_the_desk_says() -> None:
    lesson = _must(_ask(_memory(_forecasts(30)), "forecasting", 30, window=20))
    assert lesson.outcome_ids[0] == f"ACME-forecasting-{SESSIONS[10].isoformat()}"
    assert len(lesson.outcome_ids) == 20


def test_the_same_outcomes_give_the_same_lesson_and_new_ones_a_new_one() -> None:
    memory = _memory(_forecasts(6))
    first = _must(_ask(memory, "forecasting", 6))
    later = memory.experience("forecasting", as_of=close_at(SESSIONS[7]), session=SESSIONS[7], window_start=SESSIONS[0])
    assert later is first
    assert first.session == SESSIONS[6]
    memory.add(forecast_outcome(6, 0.02))
    new = _must(_ask(memory, "forecasting", 7))
    assert (new.lesson_id, new.session) == (f"ACME-forecasting-{SESSIONS[7].isoformat()}", SESSIONS[7])


def test_what_the_memory_refuses() -> None:
    memory = _memory(_forecasts(3))
    with pytest.raises(ValueError, match="in the memory of ACME"):
        memory.add(forecast_outcome(4, symbol="BETA"))
    with pytest.raises(ValueError, match="two outcomes of ACME-forecasting-2024-01-01"):
        memory.add(forecast_outcome(0, 0.5))
    memory.add(forecast_outcome(3, None))  # no label: passed over
    assert len(memory.visible(close_at(SESSIONS[9]))) == 3


EVIDENCE = "RSI 61, volatility 0.31 a year, to mean +0.021, to high -0.012"


def test_forecasting_text() -> None:
    lesson = _must(_ask(_memory(_forecasts(10)), "forecasting", 10))
    up, down, sideways = (
        "p_up 0.60, p_down 0.30, p_sideways 0.10, gate up",
        "p_up 0.20, p_down 0.70, p_sideways 0.10, gate down",
        "p_up 0.20, p_down 0.20, p_sideways 0.60, gate sideways",
    )
    assert lesson.text.splitlines() == [
        "Own record, 12 days up to the newest case, a Fri: 10 forecasts with a known outcome, hit rate 0.50, "
        "mean Brier score 0.660 (0 is perfect, 0.667 is even odds).",
        "By predicted class: up 3 of 5 right; down 1 of 3 right; sideways 1 of 2 right.",
        "Right, clearest first:",
        f"- Tue, 10 days before the newest | {EVIDENCE}, news +0.35 | {down} | return -0.0300, down",
        f"- Thu, 8 days before the newest | {EVIDENCE}, news +0.35 | {up} | return +0.0400, up",
        f"- Mon, 11 days before the newest | {EVIDENCE}, news +0.35 | {up} | return +0.0200, up",
        "Wrong, costliest first:",
        f"- Wed, 2 days before the newest | {EVIDENCE}, news +0.35 | {up} | return -0.0500, down",
        f"- Tue, 3 days before the newest | {EVIDENCE}, news +0.35 | {sideways} | return +0.0210, up",
        f"- Fri, 7 days before the newest | {EVIDENCE}, news +0.35 | {up} | return -0.0160, down",
        "Rule: down was your least reliable call; give it less probability unless today's evidence differs from the wrong cases above.",
    ]


def test_failed_forecasts_are_not_the_agents_cases() -> None:
    outcomes = [*_forecasts(6)[:-1], forecast_outcome(5, 0.02, is_fallback=True)]
    lesson = _must(_ask(_memory(outcomes), "forecasting", 6))
    assert len(lesson.outcome_ids) == 5


def test_forced_exits_and_failures_count_for_the_style_but_not_for_the_decision_agent() -> None:
    forced = decision_case(5, before=account(0.0, 100, 120.0), action=None, shares=-100, forced=True, style="balanced")
    failed = decision_case(6, action=None)
    outcomes = [*_decisions(5), *(decision_outcome(case, open_usd=90.0, close_usd=90.0) for case in (forced, failed))]
    memory = _memory(outcomes)
    assert len(_must(_ask(memory, "decision", 7)).outcome_ids) == 5
    assert len(_must(_ask(memory, "style_selection", 7)).outcome_ids) == 7


def test_decision_text() -> None:
    lesson = _must(_ask(_memory(_decisions(10)), "decision", 10))
    bold, careful = (f"{EVIDENCE}, no news, trend up, style {style}, weight 0.06" for style in ("aggressive", "conservative"))
    assert lesson.text.splitlines() == [
        "Own record, 12 days up to the newest case, a Fri: 10 decisions with a known outcome, "
        "0.70 of them with a positive reward, mean reward +0.0063.",
        "By action taken: hold 3 (mean +0.0044); buy 4 (mean +0.0133); sell 3 (mean -0.0012). "
        "Best action with hindsight: hold 1, buy 6, sell 3 times; mean regret 0.0028.",
        "Good, best first:",
        f"- Thu, 8 days before the newest | {bold} | buy | reward +0.0257",
        f"- Tue, 3 days before the newest | {bold} | buy | reward +0.0134",
        f"- Mon, 11 days before the newest | {bold} | buy | reward +0.0128",
        "Bad, worst first:",
        f"- Thu, 1 day before the newest | {careful} | sell | reward -0.0034; better: buy (+0.0056)",
        f"- Wed, 9 days before the newest | {careful} | sell | reward -0.0002; better: buy (+0.0003)",
        f"- Mon, 4 days before the newest | {careful} | sell | reward +0.0000; better: hold (+0.0000)",
        "Rule: sell cost reward on average; buy was best most often; review the bad cases above before repeating it.",
    ]


def test_style_text() -> None:
    lesson = _must(_ask(_memory(_decisions(10)), "style_selection", 10))
    assert lesson.text.splitlines() == [
        "Own record, 12 days up to the newest case, a Fri: 10 sessions by style.",
        "- aggressive: 4 sessions, mean equity return +0.0175, share of gains 1.00, worst session +0.0016",
        "- balanced: 3 sessions, mean equity return -0.0020, share of gains 0.00, worst session -0.0031",
        "- conservative: 3 sessions, mean equity return +0.0000, share of gains 0.00, worst session +0.0000",
        "Rule: aggressive had the best mean return; weigh it against how few sessions this is and whether the market is alike today.",
    ]


def test_statistics_for_the_rule_based_analyst() -> None:
    forecasting = _must(_ask(_memory(_forecasts(10)), "forecasting", 10)).statistics
    assert (forecasting["cases"], forecasting["hit_rate"]) == (10, 0.5)
    decision = _must(_ask(_memory(_decisions(10)), "decision", 10)).statistics
    assert set(decision["by_action"]) == {"buy", "hold", "sell"}
    assert decision["mean_reward"] == pytest.approx(
        sum(decision["by_action"][action] * count for action, count in decision["counts"].items()) / decision["cases"]
    )
    style = _must(_ask(_memory(_decisions(10)), "style_selection", 10)).statistics
    assert {name: part["sessions"] for name, part in style.items()} == {"aggressive": 4, "balanced": 3, "conservative": 3}


@pytest.mark.parametrize("agent", ["forecasting", "decision", "style_selection"])
def test_no_price_share_count_or_cost_in_a_lesson(agent: str) -> None:
    """Scaling every price, and the share counts with it, as a later split would, leaves the text as it is."""

    def lesson(scale: int) -> Lesson:
        outcomes: list[DecisionOutcome] = []
        for n in range(9):
            before = account(0.0, 20 * scale, 123.45 / scale, close_usd=137.31 / scale)
            case = decision_case(n, before=before, action="sell", shares=-10 * scale)
            close_usd = 137.31 * (1 + CHANGES[n]) / scale
            outcomes.append(decision_outcome(case, open_usd=137.31 / scale, close_usd=close_usd))
        return _must(_ask(_memory(_forecasts(9) if agent == "forecasting" else outcomes), agent, 9))

    one, seven = lesson(1), lesson(7)
    numbers = [abs(float(number)) for number in re.findall(r"(?<![\d-])[+-]?\d+\.\d+", one.text)]
    assert all(number < 3 for number in numbers)
    assert one.text == seven.text  # both pay the smallest commission, and neither has cash for a purchase
    assert not re.search(r"USD|share count|cost", one.text.replace("costliest", "").replace("cost reward", ""))


def test_line_and_back() -> None:
    lesson = _must(_ask(_memory(_decisions(10)), "decision", 10))
    line = lesson.to_line()
    assert list(line) == ["session", "symbol", "agent", "lesson_id", "known_at", "outcome_ids", "case_ids", "author", "statistics", "text"]
    assert Lesson.from_line(line) == lesson
