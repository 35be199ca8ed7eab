"""Requests and tokens a minute, on a clock of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradinggroup.models.loop import LoopThread
from tradinggroup.models.rate_limit import MINUTE_SECONDS, RateLimit, RateLimits, request_tokens, used_tokens
from tradinggroup.models.slots import CALL_RANK, Rank


class Clock:
    """A clock that moves when somebody sleeps, or is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        self.now += seconds


def limit(clock: Clock, *, requests: int = 0, tokens: int = 0, sleep: Callable[[float], Awaitable[None]] | None = None) -> RateLimit:
    return RateLimit(requests_per_minute=requests, tokens_per_minute=tokens, clock=clock, sleep=sleep or clock.sleep)


async def moments(rate: RateLimit, clock: Clock, wanted: list[tuple[int, Rank]]) -> list[tuple[int, float]]:
    """(place among those wanted, second at which it was let through), in the order of being let through."""
    found: list[tuple[int, float]] = []

    async def one(place: int, tokens: int, rank: Rank) -> None:
        CALL_RANK.set(rank)
        await rate.turn(tokens)
        found.append((place, clock() - 1000))

    await asyncio.gather(*(asyncio.create_task(one(place, *each)) for place, each in enumerate(wanted)))
    return found


CALM: Rank = (1, "2024-03-04")


@pytest.mark.parametrize(
    ("limits", "tokens", "expected"),
    [
        ({}, [9, 9, 9, 9], [0, 0, 0, 0]),
        ({"requests": 2}, [9, 9, 9, 9, 9], [0, 0, 60, 60, 120]),
        ({"tokens": 100}, [60, 40, 1, 99], [0, 0, 60, 60]),
        ({"tokens": 100}, [250, 1, 100], [0, 60, 120]),  # more than a minute's worth goes alone
        ({"requests": 3, "tokens": 100}, [50, 50, 10, 10, 10], [0, 0, 60, 60, 60]),
    ],
)
def test_when_requests_are_let_through(loop: LoopThread, limits: dict[str, int], tokens: list[int], expected: list[float]) -> None:
    clock = Clock()
    found = loop.run(moments(limit(clock, **limits), clock, [(each, CALM) for each in tokens]))
    assert [seconds for _, seconds in sorted(found)] == pytest.approx(expected)


def test_the_account_goes_first_then_earlier_sessions(loop: LoopThread) -> None:
    clock = Clock()
    ranks = [(1, "2024-03-09"), (1, "2024-03-05"), (0, "2024-03-07"), (0, "2024-03-04")]
    found = loop.run(moments(limit(clock, requests=1), clock, [(1, rank) for rank in ranks]))
    assert [place for place, _ in found] == [3, 2, 1, 0]


def test_what_a_reply_says_takes_the_place_of_the_estimate(loop: LoopThread) -> None:
    clock = Clock()

    async def three() -> float:
        rate = limit(clock, tokens=100)
        (await rate.turn(90)).tokens = 20
        (await rate.turn(80)).tokens = 30
        await rate.turn(50)
        return clock()

    assert loop.run(three()) == 1000.0


def test_whoever_gives_up_is_passed_over(loop: LoopThread) -> None:
    clock, wake = Clock(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        await wake.wait()
        clock.now += seconds

    async def one_gives_up() -> float:
        rate = limit(clock, requests=1, sleep=sleep)
        await rate.turn(1)
        lost, kept = asyncio.create_task(rate.turn(1)), asyncio.create_task(rate.turn(1))
        await asyncio.sleep(0)
        lost.cancel()
        wake.set()
        return (await kept).at_seconds

    assert loop.run(one_gives_up()) == 1060.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 30)), max_size=25), st.integers(0, 4), st.integers(0, 100))
def test_no_minute_holds_more_than_allowed(wanted: list[tuple[int, float]], requests: int, tokens: int) -> None:
    clock, sent = Clock(), []

    async def send_all() -> None:
        rate = limit(clock, requests=requests, tokens=tokens)
        for size, pause in wanted:
            clock.now += pause
            sent.append(await rate.turn(size))

    asyncio.run(send_all())
    for each in sent if requests or tokens else []:
        minute = [other for other in sent if each.at_seconds <= other.at_seconds < each.at_seconds + MINUTE_SECONDS - 1e-6]
        assert not requests or len(minute) <= requests
        assert not tokens or len(minute) == 1 or sum(other.tokens for other in minute) <= tokens


def test_models_at_one_endpoint_share_its_limit() -> None:
    limits = RateLimits()
    first = limits.of("http://a/v1", requests_per_minute=5, tokens_per_minute=0)
    assert limits.of("http://a/v1", requests_per_minute=5, tokens_per_minute=0) is first
    assert limits.of("http://b/v1", requests_per_minute=5, tokens_per_minute=0) is not first


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"messages": [{"content": "x" * 30}, {"content": "x" * 31}], "max_tokens": 100}, 10 + 11 + 16 + 100),
        ({"messages": [{"content": ""}], "max_completion_tokens": 7}, 15),
        ({"input": ["abc", "abcdef"]}, 1 + 2 + 16),
    ],
)  # fmt: skip
def test_tokens_of_a_request(body: dict[str, Any], expected: int) -> None:
    assert request_tokens(body) == expected


@pytest.mark.parametrize(
    ("reply", "expected"),
    [('{"usage": {"total_tokens": 12}}', 12), ('{"usage": null}', None), ("<html>", None), ('{"usage": {"total_tokens": "many"}}', None)],
)
def test_tokens_of_a_reply(reply: str, expected: int | None) -> None:
    assert used_tokens(reply) == expected
