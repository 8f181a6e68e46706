"""Work that is finished even if whoever waits for it is cancelled: what undoes it must find it done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def finished(work: Awaitable[T]) -> T:
    """Await it to its end whatever happens; a cancellation is raised after that, in place of an error of the work."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                continue
        if not task.cancelled():
            task.exception()  # looked at, so that nobody warns of it
        raise


async def in_thread(function: Callable[..., T], *args: Any) -> T:
    """asyncio.to_thread, whose thread would go on by itself when it is cancelled."""
    return await finished(asyncio.to_thread(function, *args))
