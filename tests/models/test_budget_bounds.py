"""A budget is made of what is really sent, holds where the server counts nothing, and refuses everybody once it refused one."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest

from tests.models.support import request, settings
from tradinggroup.errors import BudgetError, ErrorCode, ProviderError, UsageError
from tradinggroup.models.answers import Decision
from tradinggroup.models.budget import Budget
from tradinggroup.models.context_length import answer_bound
from tradinggroup.models.gateway import Gateway
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import Attempt, Failure, FailureKind, ModelReply, ModelRequest, Usage
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry_entries import ModelEntry, Price

PRICE = Price(prompt_usd_per_million=2.0, completion_usd_per_million=8.0, as_of=date(2026, 1, 1), source="the tests")
ONLY_ANSWERS = Price(prompt_usd_per_million=0.0, completion_usd_per_million=1.0, as_of=date(2026, 1, 1), source="the tests")
ONLY_PROMPTS = Price(prompt_usd_per_million=1.0, completion_usd_per_million=0.0, as_of=date(2026, 1, 1), source="the tests")
ANSWER = Decision(action="hold", confidence=0.5, reasoning="so")
OMITTED = ("max_tokens",)


def asked(**parameters: Any) -> ModelRequest:
    return request(parameters=parameters)


@pytest.mark.parametrize(
    ("parameters", "facts", "bound"),
    [
        ({}, {}, 1024),
        ({"max_tokens": 100}, {}, 100),
        ({"max_completion_tokens": 300}, {}, 300),
        ({"max_tokens": 100, "n": 3}, {}, 300),
        ({"max_tokens": 100}, {"rename_parameters": {"max_tokens": "num_predict"}}, 100),
        ({"max_tokens": 100}, {"extra_parameters": {"max_completion_tokens": 9000}}, 9000),
        ({"max_tokens": 100}, {"extra_parameters": {"n": 4}}, 400),
        ({"max_tokens": 100}, {"omit_parameters": OMITTED, "extra_parameters": {"max_tokens": 7}}, 7),
        ({"max_tokens": 100}, {"omit_parameters": OMITTED}, None),
        ({"max_tokens": None}, {}, None),
        ({"max_tokens": 100.0}, {}, None),
        ({"max_tokens": "100"}, {}, None),
        ({"max_tokens": True}, {}, None),
        ({"max_tokens": 100, "n": 2.0}, {}, None),
    ],
)
def test_the_bound_is_that_of_the_request_as_it_is_sent(parameters: dict[str, Any], facts: dict[str, Any], bound: int | None) -> None:
    entry = ModelEntry(name="openai:m", **facts)
    assert answer_bound(asked(**parameters), entry) == bound
    budget = Budget(1, {"openai:m": ONLY_ANSWERS}, entries={"openai:m": entry})
    if bound is not None:
        assert budget.worst_usd(asked(**parameters)) == pytest.approx(2 * bound / 1e6)
        return
    with pytest.raises(UsageError, match="SETTING_INVALID: max_cost_usd=1 cannot be kept: nothing that is sent to openai:m bounds"):
        budget.worst_usd(asked(**parameters))


def test_the_repair_shows_the_prompt_the_answer_and_the_error() -> None:
    """What a repair adds to the prompt: the prompt again, the longest answer, and the words around them."""
    budget, wanted = Budget(1, {"openai:m": ONLY_PROMPTS}), request()
    once = budget.worst_usd(wanted, turns=1)
    assert budget.worst_usd(wanted) == pytest.approx(2 * once + (100 + 400) / 1e6)


def reply_of(wanted: ModelRequest, *, usage: Usage = Usage(), **said: Any) -> ModelReply:  # noqa: B008
    return ModelReply(**{"key": wanted.key, "answer": ANSWER, "failure": None, "text": "x" * 300, "usage": usage, **said})


HTML, DOWN = Failure(FailureKind.HTML, "a page"), Failure(FailureKind.HTTP_STATUS, "HTTP 503")
PROMPT = 4 + 8 + 3 + 8
"""Estimated tokens of "You trade." and "What now?"."""
UNCOUNTED = {
    "an answer": ({}, PROMPT, 100),
    "thoughts beside it": ({"reasoning": "y" * 30}, PROMPT, 110),
    "a page": ({"answer": None, "failure": HTML, "tries": (Attempt("x" * 300, HTML),)}, PROMPT, 100),
    "an answer, then an outage": (
        {"answer": None, "failure": DOWN, "tries": (Attempt("x" * 30, Failure(FailureKind.NOT_JSON, "")), Attempt("down", DOWN))},
        PROMPT,
        10,
    ),
    "a repair": ({"tries": (Attempt("x" * 30, Failure(FailureKind.NOT_JSON, "")), Attempt("x" * 300, None))}, 2 * PROMPT + 410, 110),
    "only an outage": ({"answer": None, "failure": DOWN, "tries": (Attempt("down", DOWN),)}, 0, 0),
}


@pytest.mark.parametrize(("said", "prompt", "answer"), UNCOUNTED.values(), ids=UNCOUNTED)
def test_an_answer_without_a_count_is_charged_by_its_bytes(loop: LoopThread, said: dict[str, Any], prompt: int, answer: int) -> None:
    budget, wanted = Budget(1, {"openai:m": PRICE}), request()

    async def ask() -> None:
        async with budget.reserved(wanted) as replies:
            replies.append(reply_of(wanted, **said))

    loop.run(ask())
    assert budget.spent_usd == pytest.approx((2 * prompt + 8 * answer) / 1e6)


class Slow:
    def __init__(self) -> None:
        self.asked: list[int] = []

    async def answer(self, wanted: ModelRequest) -> ModelReply:
        self.asked.append(wanted.parameters["max_tokens"])
        await asyncio.sleep(0.01)
        return reply_of(wanted, usage=Usage(1000, 1000))


def test_once_one_is_refused_everybody_is(loop: LoopThread, tmp_path) -> None:
    """Two wait for the first; the bigger one finds no room, and the smaller one would."""
    model = Slow()
    prices = {"openai:m": PRICE}
    first, big, small = (asked(max_tokens=tokens) for tokens in (2000, 2400, 1000))
    worst_usd = Budget(1, prices).worst_usd(big)
    with RecordingStore.open(tmp_path / "run.sqlite") as store:
        gateway = Gateway({"openai:m": model}, store, settings=settings(), budget=Budget(worst_usd, prices))

        async def all_at_once() -> list[ModelReply | BaseException]:
            return await asyncio.gather(*(gateway.answer(each) for each in (first, big, small)), return_exceptions=True)

        done, *refused = loop.run(all_at_once())
    assert isinstance(done, ModelReply)
    assert [isinstance(each, BudgetError) and each.code is ErrorCode.BUDGET_REACHED for each in refused] == [True, True]
    assert model.asked == [2000]


def test_a_call_that_waited_while_the_run_ended_is_not_sent_and_costs_nothing(loop: LoopThread) -> None:
    budget, wanted = Budget(1, {"openai:m": PRICE}), request()

    def ended() -> None:
        raise UsageError(ErrorCode.LOOKAHEAD_MODEL, "over")

    async def ask() -> None:
        async with budget.reserved(wanted, check=ended):
            raise AssertionError

    with pytest.raises(UsageError, match="over"):
        loop.run(ask())
    assert budget.spent_usd == 0.0


def test_who_waits_for_room_while_another_fault_ends_the_run_is_not_sent(loop: LoopThread, tmp_path) -> None:
    class Refused:
        asked = 0

        async def answer(self, wanted: ModelRequest) -> ModelReply:
            self.asked += 1
            await asyncio.sleep(0.01)
            raise ProviderError(ErrorCode.PROVIDER_FAILED, f"refused {wanted.key}")

    model, prices = Refused(), {"openai:m": PRICE}
    worst_usd = Budget(1, prices).worst_usd(request("one"))
    budget = Budget(1.0, prices, spent_usd=1.0 - 2.5 * worst_usd)
    with RecordingStore.open(tmp_path / "run.sqlite") as store:
        gateway = Gateway({"openai:m": model}, store, settings=settings(), budget=budget)

        async def all_at_once() -> list[ModelReply | BaseException]:
            return await asyncio.gather(*(gateway.answer(request(text)) for text in ("one", "two", "six")), return_exceptions=True)

        ends = loop.run(all_at_once())
    assert [isinstance(each, ProviderError) for each in ends] == [True] * 3
    assert model.asked == 2
