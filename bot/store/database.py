"""One database, one writer, a few readers.

A database call is never cancelled: cancelling a caller abandons the answer only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.store import incarnation
from bot.store.engines import parsed, reader_engine, writer_engine
from bot.store.failures import translated
from bot.store.incarnation import Counters
from bot.store.writer import Apply, Writer
from dispatcher.model import StoreUnavailable

V = TypeVar("V")
T = TypeVar("T")


class Database:
    """Made by `open`. Functions handed in get a connection inside a transaction, which is not theirs to end."""

    def __init__(self, address: URL, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._write_engine = writer_engine(address)
        self._read_engine = reader_engine(address)
        self._reads: set[asyncio.Task[object]] = set()
        self._number = 0

    @classmethod
    async def open(cls, url: str, *, clock: Callable[[], float] = time.time) -> Database:
        """Take the data over. The schema must be up to date (bot.store.migrations.migrate).

        Raises BadDatabaseUrl, AlreadyRunning (PostgreSQL), StoreUnavailable.
        """
        database = cls(parsed(url), clock)
        try:
            await database._start()
        except BaseException:
            await database._dispose()
            raise
        return database

    async def _start(self) -> None:
        connection = await _connection(self._write_engine)
        try:
            self._number, self.ids = await connection.run_sync(self._begin)
        except BaseException as error:
            await connection.close()
            if isinstance(error, Exception):
                raise translated(error, "open") from error
            raise
        self._writer = Writer(self._number, connection, self._reconnect)

    def _begin(self, connection: Connection) -> tuple[int, Counters]:
        with connection.begin():
            return incarnation.begin(connection, self.clock())

    @property
    def incarnation(self) -> int:
        return self._number

    @property
    def depth(self) -> int:
        """Operations that wait for the writer."""
        return self._writer.depth

    def write(self, name: str, apply: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Raises (out of the future) StoreUnavailable, Fenced, WriteFailed."""

        def alone(connection: Connection, values: Sequence[None]) -> Sequence[T]:
            return [apply(connection)]

        return self._writer.submit(name, alone, None)

    def write_together(self, name: str, apply: Apply[V, T], value: V) -> asyncio.Future[T]:
        """As `write`; consecutive calls with the same `apply` reach it as one sequence of values."""
        return self._writer.submit(name, apply, value)

    async def read(self, name: str, look: Callable[[Connection], T]) -> T:
        """Sees every write whose future is done. Raises StoreUnavailable."""
        task = asyncio.create_task(self._look(name, look), name=f"store read {name}")
        self._reads.add(task)
        task.add_done_callback(self._reads.discard)
        return await asyncio.shield(task)

    async def _look(self, name: str, look: Callable[[Connection], T]) -> T:
        try:
            async with self._read_engine.connect() as connection, connection.begin():
                return await connection.run_sync(look)
        except Exception as error:
            raise translated(error, name) from error

    async def close(self) -> None:
        """Finish every write and read that was called before."""
        await self._writer.close()
        await asyncio.gather(*self._reads, return_exceptions=True)
        await self._dispose()

    async def _dispose(self) -> None:
        await self._read_engine.dispose()
        await self._write_engine.dispose()

    async def _reconnect(self) -> AsyncConnection:
        """Raises StoreUnavailable; Fenced where another bot has taken over meanwhile."""
        connection = await _connection(self._write_engine)
        try:
            await connection.run_sync(self._resume)
        except BaseException:
            await connection.close()
            raise
        return connection

    def _resume(self, connection: Connection) -> None:
        with connection.begin():
            incarnation.check(connection, self._number)
            if not incarnation.locked(connection):
                raise StoreUnavailable("the database has not yet noticed that the last connection ended")


async def _connection(engine: AsyncEngine) -> AsyncConnection:
    try:
        return await engine.connect()
    except Exception as error:
        raise translated(error, "connect") from error
