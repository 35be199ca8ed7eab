"""Who gets a place first, and that none is lost."""

from __future__ import annotations

import asyncio

import pytest

from tradinggroup.models.loop import LoopThread
from tradinggroup.models.slots import Slots


def test_the_account_goes_first_then_earlier_sessions_then_who_came_first(loop: LoopThread) -> None:
    order: list[str] = []

    async def hold(slots: Slots, name: str, priority: int, session: str) -> None:
        async with slots.held((priority, session)):
            order.append(name)
            await asyncio.sleep(0)

    async def all_at_once() -> None:
        slots = Slots(1)
        await asyncio.gather(
            hold(slots, "first come", 1, "2024-03-09"),
            hold(slots, "news of the 8th", 1, "2024-03-08"),
            hold(slots, "news of the 5th", 1, "2024-03-05"),
            hold(slots, "style of the 7th", 0, "2024-03-07"),
            hold(slots, "more news of the 5th", 1, "2024-03-05"),
            hold(slots, "style of the 4th", 0, "2024-03-04"),
        )

    loop.run(all_at_once())
    assert order == [
        "first come", "style of the 4th", "style of the 7th", "news of the 5th", "more news of the 5th", "news of the 8th",
    ]  # fmt: skip


@pytest.mark.parametrize("steps", range(6))
def test_whoever_gives_up_takes_no_place_with_it(loop: LoopThread, steps: int) -> None:
    """Cancelled while it waits, in the moment in which it is given the place, or while it holds it."""

    async def some_give_up() -> bool:
        slots, entered = Slots(1), asyncio.Event()

        async def hold() -> None:
            async with slots.held((1, "")):
                entered.set()
                await asyncio.sleep(0)

        first, second = asyncio.create_task(hold()), asyncio.create_task(hold())
        for _ in range(steps):
            await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        entered.clear()
        await asyncio.wait_for(hold(), timeout=1)
        return entered.is_set()

    assert loop.run(some_give_up())
