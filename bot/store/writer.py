"""The one task that writes. Everything that waits is written in one transaction: group commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.store.transaction import Apply, Write, WritingConnection, Written
from dispatcher.model import StoreUnavailable

log = logging.getLogger(__name__)

V = TypeVar("V")
T = TypeVar("T")

TELLING = 60.0  # seconds between two lines of the log about writes that fail
GROUP = 512  # operations in one transaction at most: bounds what one failure makes be repeated


@dataclass(frozen=True, slots=True)
class Pending:
    write: Write[Any, Any]
    done: asyncio.Future[Any]

    def settle(self, written: Written) -> None:
        if self.done.done():  # a cancelled caller abandons the answer, not the write
            return
        if written.error is None:
            self.done.set_result(written.result)
        else:
            self.done.set_exception(written.error)


class Writer:
    """Operations take their place in the order of the calls. Nothing here can be cancelled half-way."""

    def __init__(self, connection: WritingConnection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread
        self._queue: asyncio.Queue[Pending | None] = asyncio.Queue()
        self._closed = False
        self._told = float("-inf")  # when the log was, of the loop's clock
        self.trouble = ""  # why nothing could be written the last time; "": it was
        self._task = asyncio.create_task(self._run(), name="store writer")

    @property
    def depth(self) -> int:
        return self._queue.qsize()

    def submit(self, name: str, apply: Apply[V, T], value: V) -> asyncio.Future[T]:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        pending = Pending(Write(name, apply, value), done)
        if self._closed or self._task.done():
            pending.settle(Written(error=StoreUnavailable("the store is closed")))
        else:
            self._queue.put_nowait(pending)
        return done

    async def close(self) -> None:
        """Write what was submitted before, then end."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while group := await self._next_group():
            writes = [pending.write for pending in group]
            outcomes = await loop.run_in_executor(self._thread, self._connection.perform, writes)
            self._note(outcomes)
            _settle(group, outcomes)
        await loop.run_in_executor(self._thread, self._connection.close)

    def _note(self, outcomes: Sequence[Written]) -> None:
        """Callers hear of it; the log is told now and then, for a disk that is full takes what is small enough."""
        refused = (written.error for written in outcomes if isinstance(written.error, StoreUnavailable))
        self.trouble = str(next(refused, ""))
        now = asyncio.get_running_loop().time()
        if self.trouble and now - self._told >= TELLING:
            self._told = now
            log.error("the store cannot be written: %s", self.trouble)

    async def _next_group(self) -> list[Pending]:
        """At least one operation and whatever else waits; empty at the end."""
        group: list[Pending] = []
        pending = await self._queue.get()
        while pending is not None:
            group.append(pending)
            if len(group) == GROUP or self._queue.empty():
                return group
            pending = self._queue.get_nowait()
        if group:
            self._queue.put_nowait(None)  # the end comes again, after this group
        return group


def _settle(group: Sequence[Pending], outcomes: Sequence[Written]) -> None:
    for pending, written in zip(group, outcomes, strict=True):
        pending.settle(written)
