"""A budget is never overdrawn, whatever is in flight; a bill that nobody knows is None."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date

import pytest

from tests.models.support import request, settings
from tradinggroup.errors import BudgetError, ErrorCode
from tradinggroup.models.answers import Decision
from tradinggroup.models.bill import AnswerUsage, Bill, bill_of, cost_usd
from tradinggroup.models.budget import Budget
from tradinggroup.models.gateway import Gateway
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ModelReply, ModelRequest, Usage
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry_entries import Price

PRICE = Price(prompt_usd_per_million=2.0, completion_usd_per_million=8.0, as_of=date(2026, 1, 1), source="the tests")
FREE = Price(prompt_usd_per_million=0.0, completion_usd_per_million=0.0, as_of=date(2026, 1, 1), source="the tests")
PRICES = {"openai:m": PRICE, "openai:unknown": None, "openai:free": FREE}
ANSWER = Decision(action="hold", confidence=0.5, reasoning="so")


class Costly:
    """Answers after a moment with given tokens; keeps the most that was in flight."""

    def __init__(self, usage: Usage | Callable[[int], Usage]) -> None:
        self.usage = usage
        self.asked = self.now = self.most = 0

    async def answer(self, wanted: ModelRequest) -> ModelReply:
        self.asked += 1
        number = self.asked
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001 * (number % 3))
        self.now -= 1
        usage = self.usage(number) if callable(self.usage) else self.usage
        return ModelReply(key=wanted.key, answer=ANSWER, failure=None, text="{}", usage=usage)


def ask_many(loop: LoopThread, store: RecordingStore, model: Costly, budget: Budget, count: int) -> list[ModelReply | BaseException]:
    gateway = Gateway({"openai:m": model}, store, settings=settings(maximum_concurrent=16), budget=budget)

    async def all_at_once() -> list[ModelReply | BaseException]:
        wanted = (request(f"question {number}") for number in range(count))
        return await asyncio.gather(*(gateway.answer(each) for each in wanted), return_exceptions=True)

    return loop.run(all_at_once())


@pytest.mark.parametrize("limit_usd", [0.0, 0.003, 0.01, 0.05])
def test_many_calls_in_flight_never_cost_more_than_allowed(loop: LoopThread, tmp_path, limit_usd: float) -> None:
    model, budget = Costly(lambda number: Usage(100 + number, 10 + number % 90)), Budget(limit_usd, PRICES)
    with RecordingStore.open(tmp_path / "run.sqlite") as store:
        replies = ask_many(loop, store, model, budget, 200)
        answered = [reply for reply in replies if isinstance(reply, ModelReply)]
        ends = [reply for reply in replies if not isinstance(reply, ModelReply)]
        paid_usd = sum(cost_usd("openai:m", reply.usage, PRICES) or 0.0 for reply in answered)
    assert paid_usd == pytest.approx(budget.spent_usd)
    assert paid_usd <= limit_usd
    assert len(answered) == model.asked
    assert all(isinstance(end, BudgetError) and end.code is ErrorCode.BUDGET_REACHED for end in ends)
    assert ends
    assert limit_usd == 0.0 or paid_usd > limit_usd - 2 * budget.worst_usd(request("question 100"))


def test_a_call_without_room_waits_for_those_in_flight(loop: LoopThread, tmp_path) -> None:
    """They cost far less than was set aside, so all are asked; only not all at once."""
    model = Costly(Usage(1, 1))
    worst_usd = Budget(1, PRICES).worst_usd(request("question 10"))
    with RecordingStore.open(tmp_path / "run.sqlite") as store:
        replies = ask_many(loop, store, model, Budget(2.5 * worst_usd, PRICES), 20)
    assert [reply for reply in replies if isinstance(reply, BaseException)] == []
    assert model.most == 2


def test_the_worst_case_holds_a_repair_and_a_dense_prompt() -> None:
    wanted = request("é" * 100)
    prompt_bytes = 2 * 100 + len("You trade.")
    worst_usd = Budget(1, PRICES).worst_usd(wanted)
    assert worst_usd > (2 * prompt_bytes / 2 * 2.0 + 2 * 100 * 8.0) / 1e6
    assert worst_usd < (2 * (prompt_bytes / 2 + 1500) * 2.0 + 2 * 100 * 8.0) / 1e6
    assert Budget(1, PRICES).worst_usd(request(model="openai:free")) == 0.0


def test_what_the_run_spent_before_counts(loop: LoopThread, tmp_path) -> None:
    model = Costly(Usage(1, 1))
    with RecordingStore.open(tmp_path / "run.sqlite") as store:
        (end,) = ask_many(loop, store, model, Budget(1.0, PRICES, spent_usd=0.9999999), 1)
    assert str(end).startswith("BUDGET_REACHED: 1.0000 of 1 USD are spent, and the next call may cost 0.00")
    assert "agent=decision, session=2024-03-01, symbol=ACME" in str(end)
    assert "--max-cost-usd" in str(end)
    assert model.asked == 0


def test_a_call_that_breaks_off_counts_as_the_worst(loop: LoopThread) -> None:
    budget = Budget(1, PRICES)

    async def breaks() -> None:
        async with budget.reserved(request()):
            raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        loop.run(breaks())
    assert budget.spent_usd == budget.worst_usd(request())


def test_a_bill() -> None:
    usages = [
        AnswerUsage("decision", "openai:m", True, Usage(1_000_000, 0)),
        AnswerUsage("decision", "openai:m", False, Usage(0, 1_000_000)),
        AnswerUsage("forecasting", "openai:m", True, Usage(500_000, 500_000)),
        AnswerUsage("news_sentiment", "rules", True, Usage()),
    ]
    bill = bill_of(usages, PRICES)
    assert bill == Bill(cost_usd=15.0, spent_usd=7.0, by_agent={"decision": 10.0, "forecasting": 5.0, "news_sentiment": 0.0})
    assert bill.of_agent("style_selection") == 0.0


def test_a_bill_with_an_unknown_price_is_unknown_and_not_zero() -> None:
    usages = [AnswerUsage("decision", "openai:m", True, Usage(1, 1)), AnswerUsage("forecasting", "openai:unknown", False, Usage(1, 1))]
    bill = bill_of(usages, PRICES)
    assert (bill.cost_usd, bill.spent_usd) == (None, (2.0 + 8.0) / 1e6)
    assert bill.by_agent == {"decision": (2.0 + 8.0) / 1e6, "forecasting": None}
    assert bill.of_agent("style_selection") is None
    assert bill_of([AnswerUsage("decision", "openai:unknown", True, Usage())], PRICES).cost_usd == 0.0
