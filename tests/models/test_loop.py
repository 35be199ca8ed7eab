"""The event loop in its thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tradinggroup.models.loop import LoopThread


async def _name() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


def test_everything_runs_on_one_thread(loop: LoopThread) -> None:
    names = []
    threads = [threading.Thread(target=lambda: names.append(loop.run(_name()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["tradinggroup-models"] * 4
    assert loop.submit(_name()).result(5) == "tradinggroup-models"


@pytest.mark.parametrize("error", [ValueError("mine"), TimeoutError("mine too")])
def test_errors_come_back(loop: LoopThread, error: Exception) -> None:
    async def fail() -> None:
        raise error

    with pytest.raises(type(error), match="mine"):
        loop.run(fail())


def test_waiting_for_oneself_is_refused(loop: LoopThread) -> None:
    async def nested() -> None:
        loop.run(_name())

    with pytest.raises(RuntimeError, match="own thread"):
        loop.run(nested())


def test_close_cancels_and_can_be_repeated() -> None:
    loop, ended = LoopThread(), threading.Event()

    async def wait_forever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    future = loop.submit(wait_forever())
    loop.run(_name())
    loop.close()
    loop.close()
    assert ended.wait(5)
    assert future.cancelled()
    with pytest.raises(RuntimeError, match="closed"):
        loop.submit(_name())
    LoopThread().close()


def test_what_runs_can_be_cancelled_and_the_loop_stays_open() -> None:
    with LoopThread() as loop:
        loop.cancel_running()
        future = loop.submit(asyncio.sleep(3600))
        loop.run(_name())
        loop.cancel_running()
        assert future.cancelled()
        assert loop.run(_name()) == "tradinggroup-models"


def test_no_thread_before_the_first_coroutine() -> None:
    before = set(threading.enumerate())  # those of other tests may end at any time
    with LoopThread() as loop:
        assert set(threading.enumerate()) <= before
        loop.run(_name())
        assert len(set(threading.enumerate()) - before) == 1
    assert set(threading.enumerate()) <= before
