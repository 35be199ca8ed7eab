"""The invariants of the design, over the whole graph. Each has a planted fault beside it that it must find."""

from __future__ import annotations

import hashlib
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.doubles import FunctionModel
from tests.factories import make_bundle
from tests.support.desk_runs import LineSink, demo_bundle, real_bundle, run_desk
from tests.support.poison import poisoned
from tradinggroup.backtest.sink import RowKind
from tradinggroup.clock import parse_utc
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.data.view import View
from tradinggroup.models.answers import Decision, ExperienceSummary, Forecast, NewsScore, ReportSummary, StyleChoice
from tradinggroup.models.port import Failure, FailureKind, ModelReply, ModelRequest
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.settings import AgentSettings, Decide, ForecastSettings, ReflectionSettings

UP_TO_THE_CLOCK = (RowKind.DECISION, RowKind.OUTCOME, RowKind.REFLECTION, RowKind.EQUITY)


class KeepingRules(RulesAnalyst):
    """The rule-based analyst, keeping what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[ModelRequest] = []

    async def answer(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        return await super().answer(request)


# -- 1. No record newer than the clock reaches a prompt ---------------------------------------------------------------


@pytest.mark.parametrize(("decide", "end", "at_least"), [("after_close", date(2023, 3, 31), 300), ("pre_open", date(2023, 2, 10), 100)])
def test_no_record_newer_than_the_clock_reaches_a_prompt(decide: Decide, end: date, at_least: int) -> None:
    """Every headline of the demo that a prompt quotes was known at the decision's clock."""
    bundle, model = demo_bundle(), KeepingRules()
    run_desk(bundle, start=date(2023, 1, 3), end=end, model=model, decide=decide)
    clock = DecisionClock(bundle.calendar, decide)
    news = bundle.frames().news
    first_known = {
        (row.symbol, row.title): row.known_at for row in news[news["title"] != ""].sort_values("known_at", ascending=False).itertuples()
    }
    quoted = 0
    for request in model.requests:
        as_of = clock.as_of(date.fromisoformat(request.session))
        text = request.messages[-1].content
        for (symbol, title), known_at in first_known.items():
            if symbol == request.symbol and title in text:
                quoted += 1
                assert known_at <= as_of, (request.session, request.agent, title)
    assert quoted > at_least


@pytest.mark.parametrize(
    ("settings", "end"),
    [
        ({}, date(2023, 6, 30)),
        ({"placebo": ("news", "filings", "reflections")}, date(2023, 6, 30)),
        ({"placebo": ("news", "filings", "reflections"), "decide": "pre_open"}, date(2023, 2, 28)),
    ],
    ids=["true", "placebo", "placebo before the open"],
)
def test_every_decision_line_is_as_old_as_its_clock(settings: dict[str, Any], end: date) -> None:
    bundle = demo_bundle()
    lines = run_desk(bundle, start=date(2023, 1, 3), end=end, **settings).rows[RowKind.DECISION]
    clock = DecisionClock(bundle.calendar, settings.get("decide", "after_close"))
    assert len(lines) > 100
    for line in lines:
        assert parse_utc(line["as_of"]) == clock.as_of(date.fromisoformat(line["session"]))
        assert parse_utc(line["newest_known_at"]) <= parse_utc(line["as_of"])
        for item in line["news_sentiment"]["items"]:
            assert parse_utc(item["known_at"]) <= parse_utc(line["as_of"])


# -- 2. The future can be replaced without changing the past ----------------------------------------------------------


def assert_same_past(bundle: Bundle, folder: Path, *, start: date, clock: date, end: date, **settings: Any) -> None:
    """Every line up to `clock` is the same bytes on `bundle` and on its copy with a poisoned future."""
    honest = KeepingRules()
    cheated = KeepingRules()
    moment = DecisionClock(bundle.calendar, settings.get("decide", "after_close")).as_of(clock)
    before = run_desk(bundle, start=start, end=end, model=honest, **settings)
    after = run_desk(poisoned(bundle, after=clock, folder=folder, moment=moment), start=start, end=end, model=cheated, **settings)
    for kind in UP_TO_THE_CLOCK:
        assert before.file(kind, through=clock) == after.file(kind, through=clock), kind
        assert before.file(kind, through=clock)
        assert before.file(kind) != after.file(kind), "the poison must change what comes after"
    assert _prompts(honest, clock) == _prompts(cheated, clock)


def _prompts(model: KeepingRules, clock: date) -> list[str]:
    return sorted(request.key for request in model.requests if date.fromisoformat(request.session) <= clock)


@pytest.mark.parametrize("clock", [date(2023, 3, 15), date(2023, 6, 12)], ids=["march", "on the eve of the split"])
def test_a_poisoned_future_changes_nothing_before_it_on_the_demo(tmp_path: Path, clock: date) -> None:
    """As traded: a 7:1 split and a dividend are inserted after the clock, and every adjusted close is recomputed."""
    assert_same_past(demo_bundle(), tmp_path / "demo", start=date(2023, 2, 1), clock=clock, end=date(2023, 7, 14))


@pytest.mark.parametrize(("clock", "end"), [(date(2023, 6, 12), date(2023, 6, 16)), (date(2023, 6, 16), date(2023, 6, 21))])
def test_a_poisoned_future_changes_nothing_before_it_before_the_open(tmp_path: Path, clock: date, end: date) -> None:
    """Everything known after the morning of the next session is poisoned: on the eve of the split, and over a long weekend."""
    assert_same_past(demo_bundle(), tmp_path / "demo", start=date(2023, 5, 15), clock=clock, end=end, decide="pre_open")


PLACEBO = ("news", "filings", "reflections")


def test_a_poisoned_future_changes_nothing_before_it_under_placebo(tmp_path: Path) -> None:
    """Donors and permutations are drawn from what was known by the clock, whatever comes after."""
    span = {"start": date(2023, 2, 1), "clock": date(2023, 3, 15), "end": date(2023, 4, 14)}
    assert_same_past(demo_bundle(), tmp_path / "demo", **span, placebo=PLACEBO)


@pytest.mark.parametrize("off", [("retrieval", "style"), ("risk", "reflections", "forecasting")], ids=" ".join)
def test_a_poisoned_future_changes_nothing_before_it_without_a_part(tmp_path: Path, off: tuple[str, ...]) -> None:
    span = {"start": date(2023, 2, 1), "clock": date(2023, 2, 24), "end": date(2023, 3, 10)}
    settings = {"without": off, "reflection": ReflectionSettings(case_ranking="similarity")}
    assert_same_past(demo_bundle(), tmp_path / "demo", **span, **settings)


def test_a_poisoned_future_changes_nothing_before_it_on_real_data(shared_data: Path, tmp_path: Path) -> None:
    """Real prices, news and filings of two symbols, over the weeks of an earnings report."""
    bundle = real_bundle(shared_data, tmp_path, symbols=["TSLA", "MSFT"], start=date(2024, 11, 1), end=date(2025, 6, 30))
    assert_same_past(bundle, tmp_path / "poisoned", start=date(2025, 3, 3), clock=date(2025, 4, 24), end=date(2025, 5, 30))


def test_a_poisoned_future_changes_nothing_before_it_on_real_data_before_the_open(shared_data: Path, tmp_path: Path) -> None:
    """TSLA filed its 10-Q on the evening of the clock's session, and nearly all news of a night is on one side of the morning."""
    bundle = real_bundle(shared_data, tmp_path, symbols=["TSLA"], start=date(2024, 12, 2), end=date(2025, 5, 30))
    span = {"start": date(2025, 4, 1), "clock": date(2025, 4, 22), "end": date(2025, 4, 30)}
    assert_same_past(bundle, tmp_path / "poisoned", **span, decide="pre_open")


def test_a_poisoned_future_changes_nothing_before_it_on_real_as_traded_prices(shared_data: Path, tmp_path: Path) -> None:
    """Real splits inside: TSLA 5:1 in 2020, prices as traded, no news."""
    bundle = real_bundle(
        shared_data, tmp_path, symbols=["TSLA", "MSFT"], prices="table1/prices", start=date(2020, 5, 1), end=date(2020, 12, 31)
    )
    assert_same_past(bundle, tmp_path / "poisoned", start=date(2020, 7, 1), clock=date(2020, 9, 15), end=date(2020, 10, 30))


def test_the_poison_test_finds_a_planted_leak(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view that hands out tomorrow's news is found: the test above can fail."""
    honest = View.news

    def leaky(self: View, symbol: str, after: Any) -> Any:
        tomorrow = self.calendar.close_at(self.calendar.next_session(self.session))
        return honest(View(self._bundle, tomorrow), symbol, after)

    monkeypatch.setattr(View, "news", leaky)
    with pytest.raises(AssertionError):
        assert_same_past(demo_bundle(), tmp_path / "demo", start=date(2023, 2, 1), clock=date(2023, 3, 15), end=date(2023, 4, 14))


def test_the_poison_test_finds_a_clock_that_is_an_hour_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour after the open in place of half an hour before it: one headline more."""
    honest = DecisionClock.as_of
    span = {"start": date(2023, 5, 15), "clock": date(2023, 6, 13), "end": date(2023, 6, 16)}  # an item at 9:59 on the morning after
    moment = DecisionClock(demo_bundle().calendar, "pre_open").as_of(span["clock"])
    cheated = poisoned(demo_bundle(), after=span["clock"], folder=tmp_path / "poisoned", moment=moment)
    monkeypatch.setattr(DecisionClock, "as_of", lambda self, session: honest(self, session) + timedelta(hours=1))
    lines = [
        run_desk(bundle, start=span["start"], end=span["end"], decide="pre_open").file(RowKind.DECISION, through=span["clock"])
        for bundle in (demo_bundle(), cheated)
    ]
    assert lines[0] != lines[1]


# -- 3. Serial and concurrent runs are identical ----------------------------------------------------------------------


def all_files(sink: LineSink) -> dict[str, list[bytes]]:
    return {kind.value: sink.file(kind) for kind in RowKind}


def test_serial_and_concurrent_runs_are_identical() -> None:
    window = {"start": date(2023, 5, 1), "end": date(2023, 7, 31)}
    assert all_files(run_desk(demo_bundle(), schedule="serial", **window)) == all_files(
        run_desk(demo_bundle(), schedule="run_ahead", **window)
    )


def test_answers_that_return_in_another_order_change_nothing() -> None:
    """Delays depend on the request's content, so calls overtake each other in every way."""
    window = {"start": date(2023, 5, 1), "end": date(2023, 5, 31)}
    plain = run_desk(demo_bundle(), model=FunctionModel(answer_by_content), schedule="serial", **window)
    mixed = run_desk(demo_bundle(), model=FunctionModel(answer_by_content, delay_seconds=late_by_content), **window)
    assert all_files(plain) == all_files(mixed)
    assert plain.rows[RowKind.FILL], "the answers must trade, or there is nothing to compare"


def answer_by_content(request: ModelRequest) -> Any:
    """A valid answer drawn from the content of the request: wild, but the same whenever it is asked."""
    digest = hashlib.sha256(request.content).digest()
    share = digest[0] / 255
    if request.schema is NewsScore:
        return NewsScore(score=2 * share - 1, analysis="drawn")
    if request.schema is ReportSummary:
        return ReportSummary(indicators=[], guidance="", risks=[], opportunities=[], summary=f"drawn {digest[1]}")
    if request.schema is Forecast:
        return Forecast(p_up=share, p_down=(1 - share) / 2, p_sideways=(1 - share) / 2, reasoning="drawn")
    if request.schema is ExperienceSummary:
        return ExperienceSummary(summary=f"Drawn {digest[1]}: fade breakouts.")
    if request.schema is StyleChoice:
        return StyleChoice(style=("aggressive", "balanced", "conservative")[digest[2] % 3], confidence=share, reasoning="drawn")
    return Decision(action=("buy", "hold", "sell")[digest[3] % 3], confidence=share, reasoning="drawn")


def late_by_content(request: ModelRequest) -> float:
    """Seconds that depend on the request's content, so that calls overtake each other in every way."""
    return int(request.key[-2:], 16) / 255 * 0.004


@pytest.mark.parametrize("placebo", [(), PLACEBO], ids=["true", "placebo"])
def test_lessons_told_by_a_model_are_the_same_serial_and_concurrent(placebo: tuple[str, ...]) -> None:
    """Summaries of the research half are asked ahead of the account, those of the trading half in step; one call a set of cases."""
    plain, mixed = FunctionModel(answer_by_content), FunctionModel(answer_by_content, delay_seconds=late_by_content)
    window = {"start": date(2023, 5, 1), "end": date(2023, 6, 2), "model": "openai:double", "placebo": placebo}
    serial = run_desk(demo_bundle(), asked=plain, schedule="serial", **window)
    ahead = run_desk(demo_bundle(), asked=mixed, **window)
    assert all_files(serial) == all_files(ahead)
    asked = [sorted(request.key for request in double.of("reflection")) for double in (plain, mixed)]
    assert asked[0] == asked[1]
    told = [row for row in serial.rows[RowKind.REFLECTION] if row["agent"] != "style_selection"]
    assert len(asked[0]) == len(told) > 80
    assert {row["author"] for row in told} == {"model"}
    shown = {(r.session, r.symbol, r.agent): r.messages[-1].content for r in plain.requests}
    for row in told:
        prompt = shown.get((row["session"], row["symbol"], row["agent"]))
        assert prompt is None or f"<quoted>{row['text']}</quoted>" in prompt


def test_a_failed_summary_is_a_counted_failure_and_the_template_stands_in() -> None:
    def answer(request: ModelRequest) -> Any:
        return Failure(FailureKind.NOT_JSON, "no object") if request.schema is ExperienceSummary else answer_by_content(request)

    double = FunctionModel(answer)
    sink = run_desk(demo_bundle(), start=date(2023, 5, 1), end=date(2023, 5, 19), model="openai:double", asked=double)
    told = [row for row in sink.rows[RowKind.REFLECTION] if row["agent"] != "style_selection"]
    assert {row["author"] for row in told} == {"fallback"}
    assert all(row["text"].startswith("Own record") for row in told)
    assert len(double.of("reflection")) == len(told)


# -- 7. A lesson is never visible before its outcome, and a visible lesson changes a later prompt -----------------------


@pytest.fixture(scope="module")
def with_reflections() -> tuple[LineSink, KeepingRules]:
    model = KeepingRules()
    return run_desk(demo_bundle(), start=date(2023, 1, 3), end=date(2023, 3, 31), model=model), model


def test_a_lesson_is_never_older_than_its_outcomes_nor_used_before_it_is_known(with_reflections: tuple[LineSink, KeepingRules]) -> None:
    assert_lessons_are_of_their_time(with_reflections[0])


def test_a_placebo_lesson_is_never_older_than_its_outcomes_either() -> None:
    assert_lessons_are_of_their_time(run_desk(demo_bundle(), start=date(2023, 1, 3), end=date(2023, 3, 31), placebo=PLACEBO))


def assert_lessons_are_of_their_time(sink: LineSink) -> None:
    outcomes = {row["outcome_id"]: row for row in sink.rows[RowKind.OUTCOME]}
    lessons = {row["lesson_id"]: row for row in sink.rows[RowKind.REFLECTION]}
    assert len(lessons) > 300
    for lesson in lessons.values():
        assert parse_utc(lesson["known_at"]) == max(parse_utc(outcomes[each]["known_at"]) for each in lesson["outcome_ids"])
    used = 0
    for line in sink.rows[RowKind.DECISION]:
        for agent in ("forecasting", "style_selection", "decision"):
            lesson_id = (line[agent] or {}).get("experience")
            if lesson_id:
                used += 1
                assert lessons[lesson_id]["symbol"] == line["symbol"]
                assert parse_utc(lessons[lesson_id]["known_at"]) <= parse_utc(line["as_of"])
    assert used > 300


def test_a_lesson_stands_in_front_of_a_later_prompt_and_changes_it(with_reflections: tuple[LineSink, KeepingRules]) -> None:
    """The same run without reflections asks other things in forecasting and decision, and answers differently in the end."""
    sink, asked = with_reflections
    without_model = KeepingRules()
    without = run_desk(demo_bundle(), start=date(2023, 1, 3), end=date(2023, 3, 31), model=without_model, without=("reflections",))
    lessons = {row["lesson_id"]: row["text"] for row in sink.rows[RowKind.REFLECTION]}
    for agent in ("forecasting", "decision"):
        used = {(line["session"], line["symbol"]): line[agent]["experience"] for line in sink.rows[RowKind.DECISION] if line[agent]}
        prompts = {(r.session, r.symbol): r.messages[-1].content for r in asked.requests if r.agent == agent}
        bare = {(r.session, r.symbol): r.messages[-1].content for r in without_model.requests if r.agent == agent}
        shown = {place: lessons[lesson_id] for place, lesson_id in used.items() if lesson_id}
        assert len(shown) > 50
        for place, text in shown.items():
            first_line = text.splitlines()[0]
            assert first_line in prompts[place]
            assert place not in bare or first_line not in bare[place]
        assert not any((line[agent] or {}).get("experience") for line in without.rows[RowKind.DECISION])
    assert {row["agent"] for row in without.rows[RowKind.REFLECTION]} == {"style_selection"}
    assert sink.file(RowKind.DECISION) != without.file(RowKind.DECISION)
    changed = _forecasts_that_differ(sink, without)
    assert changed > 20, "a lesson must change some later answers too"


def _forecasts_that_differ(one: LineSink, other: LineSink) -> int:
    def forecasts(sink: LineSink) -> dict[tuple[str, str], float]:
        return {(line["session"], line["symbol"]): line["forecasting"]["p_up"] for line in sink.rows[RowKind.DECISION]}

    left, right = forecasts(one), forecasts(other)
    return sum(left[place] != right[place] for place in left)


# -- What a prompt may show ---------------------------------------------------------------------------------------------


def test_no_price_level_or_share_count_stands_in_a_trading_prompt(with_reflections: tuple[LineSink, KeepingRules]) -> None:
    """The default cards show fractions everywhere, so that a level that knows of later splits can't reach a prompt (design 4.7)."""
    sink, asked = with_reflections
    levels: dict[tuple[str, str], set[str]] = {}
    for line in sink.rows[RowKind.DECISION]:
        account = line["sizing"]["account"]
        numbers = [account["close_usd"], account["cash_usd"], account["equity_usd"], account["average_cost_usd"], account["shares"]]
        levels[line["session"], line["symbol"]] = {text for number in numbers if number for text in _spellings(number)}
    checked = 0
    for request in asked.requests:
        if request.agent in ("forecasting", "style_selection", "decision"):
            shown = set(re.findall(r"\d[\d,]*(?:\.\d+)?", request.messages[-1].content))
            checked += 1
            assert not shown & levels[request.session, request.symbol], (request.session, request.agent)
    assert checked > 300


def _spellings(number: float) -> set[str]:
    """How a level of some size could be printed; small whole numbers mean too many other things."""
    return {f"{number:.2f}", f"{number:,.2f}", repr(number), *({f"{number:.0f}", f"{number:,.0f}"} if number >= 1000 else set())}


# -- A symbol without bars, and the order of rows ----------------------------------------------------------------------


def test_a_session_without_a_bar_has_no_decision_but_an_equity_row() -> None:
    """TRWK was halted on 2023-09-13 in the demo."""
    sink = run_desk(demo_bundle(), start=date(2023, 8, 1), end=date(2023, 9, 29), symbols=("TRWK",))
    halted = "2023-09-13"
    assert halted not in {line["session"] for line in sink.rows[RowKind.DECISION]}
    assert halted not in {str(row["session"]) for row in sink.rows[RowKind.ORDER]}
    equity = {str(row["session"]): row for row in sink.rows[RowKind.EQUITY]}
    assert equity[halted]["close_usd"] == equity["2023-09-12"]["close_usd"]
    assert equity[halted]["shares"] == equity["2023-09-12"]["shares"]
    unlabelled = [row for row in sink.rows[RowKind.OUTCOME] if row["decision_session"] == "2023-09-12"]
    assert {row["reason"] for row in unlabelled} == {"no_bar"}


@pytest.mark.parametrize("window", [20, 35])
def test_warm_up_sessions_have_no_decision_and_are_no_performance(tmp_path: Path, window: int) -> None:
    """A first decision needs the features' longest window and the return into it; the account starts there, not before."""
    bundle = make_bundle(tmp_path, sessions=60)
    agents = AgentSettings(forecasting=ForecastSettings(window_sessions=window))
    sink = run_desk(bundle, start=bundle.first_session, end=bundle.last_session, agents=agents)
    sessions = bundle.calendar.sessions(bundle.first_session, bundle.last_session)
    assert sink.rows[RowKind.DECISION][0]["session"] == sessions[window].isoformat()
    assert [row["session"] for row in sink.rows[RowKind.EQUITY]] == sessions[window:]


def test_decision_lines_are_plain_json() -> None:
    for line in run_desk(demo_bundle(), start=date(2023, 6, 1), end=date(2023, 6, 15)).file(RowKind.DECISION):
        assert orjson.loads(line)["hold_kind"] in (None, "model", "unreadable", "provider", "budget", "risk")
