"""The one task that writes. Everything that waits is written in one transaction: group commit."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store import incarnation
from bot.store.failures import lost, passing, translated
from dispatcher.model import Fenced, StoreUnavailable

log = logging.getLogger(__name__)

V = TypeVar("V")
T = TypeVar("T")

# Writes many values at once and says what became of each, in their order.
Apply: TypeAlias = Callable[[Connection, Sequence[V]], Sequence[T]]

GROUP = 512  # operations in one transaction at most: bounds what one failure makes be repeated


@dataclass(frozen=True, slots=True)
class Operation:
    """One write. Neighbours with the same `apply` go to the database together."""

    name: str
    apply: Apply[Any, Any]
    value: Any
    done: asyncio.Future[Any]

    def succeed(self, result: object) -> None:
        if not self.done.done():  # a cancelled caller abandons the future, not the write
            self.done.set_result(result)

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(translated(error, self.name))


@dataclass(slots=True)
class Attempt:
    """One transaction over a group. `results` is complete when only the answer to COMMIT is missing."""

    group: Sequence[Operation]
    number: int  # incarnation
    transaction: str = ""
    results: list[object] = field(default_factory=list)

    def run(self, connection: Connection) -> None:
        with connection.begin():
            self.transaction = incarnation.check(connection, self.number)
            for neighbours in _neighbours(self.group):
                values = [operation.value for operation in neighbours]
                self.results.extend(neighbours[0].apply(connection, values))

    @property
    def in_doubt(self) -> bool:
        return bool(self.transaction) and len(self.results) == len(self.group)


class Writer:
    """Owns the writing connection. `connect` gives a new one whenever the last was lost or is not to be trusted."""

    def __init__(self, number: int, connection: AsyncConnection, connect: Callable[[], Awaitable[AsyncConnection]]):
        self._number = number
        self._connection: AsyncConnection | None = connection
        self._connect = connect
        self._queue: asyncio.Queue[Operation | None] = asyncio.Queue()
        self._closed = False
        self._task = asyncio.create_task(self._run(), name="store writer")

    @property
    def depth(self) -> int:
        return self._queue.qsize()

    def submit(self, name: str, apply: Apply[V, T], value: V) -> asyncio.Future[T]:
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        operation = Operation(name, apply, value, done)
        if self._closed:
            operation.fail(StoreUnavailable("the store is closed"))
        else:
            self._queue.put_nowait(operation)
        return done

    async def close(self) -> None:
        """Write what was submitted before, then end."""
        if not self._closed:
            self._closed = True
            self._queue.put_nowait(None)
        await self._task

    async def _run(self) -> None:
        while group := await self._next_group():
            await self._write(group)
        if self._connection is not None:
            await self._connection.close()

    async def _next_group(self) -> list[Operation]:
        """At least one operation and whatever else waits; empty at the end."""
        group: list[Operation] = []
        operation = await self._queue.get()
        while operation is not None:
            group.append(operation)
            if len(group) == GROUP or self._queue.empty():
                return group
            operation = self._queue.get_nowait()
        if group:
            self._queue.put_nowait(None)  # the end comes again, after this group
        return group

    async def _write(self, group: Sequence[Operation]) -> None:
        try:
            results = await self._transaction(group)
        except Exception as error:  # reaches the callers, each through its own future
            await self._after_failure(group, error)
        else:
            for operation, result in zip(group, results, strict=True):
                operation.succeed(result)

    async def _after_failure(self, group: Sequence[Operation], error: Exception) -> None:
        if len(group) == 1 or isinstance(error, Fenced) or lost(error):
            for operation in group:
                operation.fail(error)
        else:
            for operation in group:
                await self._write([operation])

    async def _transaction(self, group: Sequence[Operation]) -> Sequence[object]:
        attempt = Attempt(group, self._number)
        had_one = self._connection is not None
        try:
            await self._run_on_connection(attempt)
        except Exception as error:
            if not lost(error):
                if passing(error):
                    await self._drop_connection()
                raise
            await self._drop_connection()
            if attempt.in_doubt:
                return await self._settle(attempt, error)
            if not (had_one and _disconnected(error)):
                raise
            # The old connection had died while it was idle: nothing was done yet, a new one may do it.
            attempt = Attempt(group, self._number)
            await self._run_on_connection(attempt)
        return attempt.results

    async def _run_on_connection(self, attempt: Attempt) -> None:
        if self._connection is None:
            self._connection = await self._connect()
        await self._connection.run_sync(attempt.run)

    async def _settle(self, attempt: Attempt, error: Exception) -> Sequence[object]:
        """The connection broke between COMMIT and its answer: ask whether it took place.

        Where the database cannot be asked either, the callers are told StoreUnavailable, and a repeated put is found
        to be a duplicate.
        """
        self._connection = await self._connect()
        if await self._connection.run_sync(lambda connection: _committed(connection, attempt.transaction)):
            return attempt.results
        raise error

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await _discard(connection)


async def _discard(connection: AsyncConnection) -> None:
    try:
        await connection.invalidate()
        await connection.close()
    except Exception:
        log.debug("a broken connection did not close", exc_info=True)


def _committed(connection: Connection, transaction: str) -> bool:
    with connection.begin():
        return incarnation.committed(connection, transaction)


def _disconnected(error: Exception) -> bool:
    return bool(getattr(error, "connection_invalidated", False))


def _neighbours(group: Sequence[Operation]) -> Iterator[list[Operation]]:
    for _, operations in itertools.groupby(group, key=lambda operation: operation.apply):
        yield list(operations)
