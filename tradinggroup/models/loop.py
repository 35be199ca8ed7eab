"""The one event loop in which every model call runs, in a thread of ours; everything else of the package is synchronous."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_WAKE_SECONDS = 0.5
"""How often a waiting thread wakes up, so that Ctrl-C is answered on systems where a wait can't be interrupted."""


class LoopThread:
    """An event loop in a daemon thread. The thread starts with the first coroutine, so making one is free and fork-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def __enter__(self) -> LoopThread:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Start `coroutine` on the loop. Callable from any thread. Raises RuntimeError after `close`."""
        try:
            loop = self._started()
        except RuntimeError:
            coroutine.close()
            raise
        return asyncio.run_coroutine_threadsafe(coroutine, loop)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` on the loop and wait for its result; its exception is raised here, and Ctrl-C cancels it.

        Raises RuntimeError on the loop's own thread, which would wait for itself.
        """
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("LoopThread.run called on the loop's own thread; await the coroutine instead")
        future = self.submit(coroutine)
        try:
            while True:
                done, _ = concurrent.futures.wait([future], timeout=_WAKE_SECONDS)
                if done:
                    return future.result()
        except BaseException:
            future.cancel()
            raise

    def cancel_running(self) -> None:
        """Cancel everything that runs now and wait until it has ended; the loop stays open. Who waits gets CancelledError."""
        with self._lock:
            loop = self._loop
        if loop is not None:
            asyncio.run_coroutine_threadsafe(_cancel_others(), loop).result()

    def close(self) -> None:
        """Cancel what still runs, stop the loop and end the thread. Closing twice is fine."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_cancel_others(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._closed:
                raise RuntimeError("this loop is closed")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="tradinggroup-models", daemon=True)
                self._thread.start()
            return self._loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _cancel_others() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
