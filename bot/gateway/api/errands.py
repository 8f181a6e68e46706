"""Work for a caller whose patience may end first: a thread that waits for a silent engine cannot be cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

AT_MOST = 6  # that nobody waits for any more; then none is begun until one has ended


class Errands:
    """The scope of tasks that may outlive their request."""

    def __init__(self) -> None:
        self._left: set[asyncio.Task[Any]] = set()

    @property
    def left(self) -> int:
        """Those that nobody waits for any more."""
        return len(self._left)

    async def within(self, seconds: float, work: Callable[[], Awaitable[T]]) -> T:
        """Raises TimeoutError, at once where too many that took too long are still at it."""
        if self.left >= AT_MOST:
            raise TimeoutError
        task = asyncio.get_running_loop().create_task(_done(work), name="errand")
        try:
            done, _ = await asyncio.wait({task}, timeout=seconds)
        finally:
            if not task.done():
                self._leave(task)
        if not done:
            raise TimeoutError
        return task.result()

    def _leave(self, task: asyncio.Task[Any]) -> None:
        task.cancel()
        self._left.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()  # nobody is there to be told


async def _done(work: Callable[[], Awaitable[T]]) -> T:
    return await work()
