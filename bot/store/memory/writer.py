"""The twin's writer: operations take effect one at a time, in the order in which they were called."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from bot.store.memory.disk import Disk
from dispatcher.model import Fenced

T = TypeVar("T")

# Awaited around every step ("before put", "after put", "read queue"); may raise StoreUnavailable, or never return.
Step: TypeAlias = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    name: str
    apply: Callable[[], T]
    done: asyncio.Future[T]


class MemoryWriter:
    def __init__(self, disk: Disk, step: Step | None) -> None:
        disk.incarnation += 1
        self.incarnation = disk.incarnation
        self._disk = disk
        self._step = step
        self._pending: deque[Operation[object]] = deque()
        self._task: asyncio.Task[None] | None = None  # lives while operations are pending

    @property
    def depth(self) -> int:
        return len(self._pending)

    def write(self, name: str, apply: Callable[[], T]) -> asyncio.Future[T]:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._pending.append(Operation(name, apply, done))  # type: ignore[arg-type]  # the pair stays consistent
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain(), name="memory store writer")
        return done

    async def read(self, name: str, look: Callable[[], T]) -> T:
        await self._pause(f"read {name}")
        return look()

    async def close(self) -> None:
        if self._task is not None:
            await self._task

    def crash(self) -> None:
        """Stop where it stands: nothing more is written, and whoever still waits waits for ever."""
        if self._task is not None:
            self._task.cancel()
        self._pending.clear()

    async def _drain(self) -> None:
        while self._pending:
            await self._perform(self._pending[0])
            self._pending.popleft()

    async def _perform(self, operation: Operation[object]) -> None:
        try:
            await self._pause(f"before {operation.name}")
            result = self._apply(operation)
            await self._pause(f"after {operation.name}")
        except Exception as error:  # handed to whoever called: a failing operation fails alone
            if not operation.done.done():
                operation.done.set_exception(error)
        else:
            if not operation.done.done():
                operation.done.set_result(result)

    def _apply(self, operation: Operation[object]) -> object:
        if self._disk.incarnation != self.incarnation:
            raise Fenced
        return operation.apply()

    async def _pause(self, point: str) -> None:
        await (self._step(point) if self._step else asyncio.sleep(0))
