from __future__ import annotations

import pytest

from tests.runs.factory import SESSIONS
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.step_walk import PROMPT, StepWalk
from tradinggroup.runs.text.replay import replay_steps


@pytest.fixture
def walk(shared_run: RunFolder) -> StepWalk:
    return StepWalk(shared_run, replay_steps(shared_run))


def session(walk: StepWalk) -> str:
    return walk.step.session


def press(walk: StepWalk, keys: str) -> None:
    for key in keys.split():
        assert walk.press(key)


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        ("n", 1), ("enter right down", 3), ("n n p", 1), ("e", 7), ("e f", 0), ("p", 0), ("e n", 7),
        ("t", 1), ("t t", 5), ("t t t", 7), ("x", 4), ("l", 3), ("l l", 4),
    ],
)  # fmt: skip
def test_keys_go_where_they_say(walk: StepWalk, keys: str, place: int) -> None:
    press(walk, keys)
    assert session(walk) == str(SESSIONS[place])


def test_a_page_has_the_session_and_what_one_symbol_s_agents_saw_said_and_remembered(walk: StepWalk) -> None:
    press(walk, "x n")
    page = walk.page()
    assert page.splitlines()[0] == "-- session 6 of 8   agents of ACME, one of 2 symbols"
    assert "  open   ACME sold 100 shares at 254.50, decided on 2023-09-15" in page
    for part in ("ACME, what each agent saw, said and remembered", "  1 news_sentiment", "FAILED (not_json)"):
        assert part in page
    assert "        | ... Do not chase them." in page
    assert "        | Gap breakouts of ACME faded 5 times." not in page
    assert max(map(len, page.splitlines())) <= 80
    press(walk, "m")
    assert "        | Gap breakouts of ACME faded 5 times.\n        | Do not chase them." in walk.page()
    press(walk, "m")
    assert walk.page() == f"-- session 6 of 8\n{walk.step.text}"
    press(walk, "m s")
    assert "BOLT, what each agent saw, said and remembered" in walk.page()


def test_nothing_of_a_later_session_is_on_a_page(walk: StepWalk) -> None:
    for place in range(len(SESSIONS)):
        walk.position, walk.detail = place, "all"
        later = [str(day) for day in SESSIONS[place + 1 :]]
        assert not [day for day in later if day in walk.page()]


def test_what_a_key_cannot_do_is_said(walk: StepWalk) -> None:
    assert walk.prompt() == PROMPT
    assert len(PROMPT) <= 80
    for keys, said in (("p", "this is the first session"), ("e n", "the last session"), ("x x", "no stop or target after this session")):
        press(walk, keys)
        assert said in walk.prompt()
    press(walk, "z")
    assert walk.prompt().startswith("-- no such key")
    press(walk, "h")
    assert "the next stop or target that was reached" in walk.prompt()
    press(walk, "f")
    assert walk.prompt() == PROMPT
    assert not walk.press("q")
    assert not walk.press("end of input")


def test_a_walk_of_one_symbol_or_one_agent(shared_run: RunFolder) -> None:
    one = StepWalk(shared_run, replay_steps(shared_run, symbol="BOLT"))
    assert one.page().splitlines()[0] == "-- session 1 of 8"
    assert "BOLT, what each agent" in one.page()
    agent = StepWalk(shared_run, replay_steps(shared_run, agent="forecasting"))
    assert "what each agent" not in agent.page()
    assert "  3 forecasting" in agent.page()
