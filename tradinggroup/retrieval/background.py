"""Work that keeps the processor busy for long, done beside the event loop, which meanwhile sends and takes calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")

_ONE_AT_A_TIME = ThreadPoolExecutor(max_workers=1, thread_name_prefix="retrieval")
"""One thread: more would take turns with the loop's, and each of its turns would come later."""


async def beside_the_loop(function: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """The function's result, as soon as those asked for before are done. It must not depend on what the loop does meanwhile."""
    return await asyncio.get_running_loop().run_in_executor(_ONE_AT_A_TIME, partial(function, *arguments, **options))
