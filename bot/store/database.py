"""One database, one writer, a few readers, each on threads of their own.

No database call is ever cancelled: cancelling a caller abandons the answer only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import URL

from bot.store.engines import READERS, parsed, reader_engine, writer_engine
from bot.store.failures import translated
from bot.store.transaction import Apply, WritingConnection
from bot.store.writer import Writer

V = TypeVar("V")
T = TypeVar("T")


class Database:
    """Made by `open`. Functions handed in run on a thread of the store, in a transaction that is not theirs to end."""

    def __init__(self, address: URL, clock: Callable[[], float]) -> None:
        self.clock = clock
        self._write_engine = writer_engine(address)
        self._read_engine = reader_engine(address)
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="store writer")
        self._read_threads = ThreadPoolExecutor(READERS, thread_name_prefix="store reader")

    @classmethod
    async def open(cls, url: str, *, clock: Callable[[], float] = time.time) -> Database:
        """Take the data over. The schema must be up to date (bot.store.migrations.migrate).

        Raises BadDatabaseUrl, AlreadyRunning (PostgreSQL), StoreUnavailable.
        """
        database = cls(parsed(url), clock)
        try:
            await database._start()
        except BaseException:
            await database._release()
            raise
        return database

    async def _start(self) -> None:
        connection = WritingConnection(self._write_engine)
        loop = asyncio.get_running_loop()
        taken = await loop.run_in_executor(self._write_thread, connection.take_over, self.clock())
        self.incarnation, self.ids = taken
        self._writer = Writer(connection, self._write_thread)

    @property
    def depth(self) -> int:
        """Operations that wait for the writer."""
        return self._writer.depth

    @property
    def trouble(self) -> str:
        """Why the last write failed; "": it did not."""
        return self._writer.trouble

    def write(self, name: str, apply: Callable[[Connection], T]) -> asyncio.Future[T]:
        """Raises (out of the future) StoreUnavailable, Fenced, WriteFailed."""

        def alone(connection: Connection, values: Sequence[None]) -> Sequence[T]:
            return [apply(connection)]

        return self._writer.submit(name, alone, None)

    def write_together(self, name: str, apply: Apply[V, T], value: V) -> asyncio.Future[T]:
        """As `write`; consecutive calls with the same `apply` reach it as one sequence of values."""
        return self._writer.submit(name, apply, value)

    async def read(self, name: str, look: Callable[[Connection], T]) -> T:
        """Sees every write whose future is done, and one snapshot only. Raises StoreUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._read_threads, self._look, name, look)

    def _look(self, name: str, look: Callable[[Connection], T]) -> T:
        try:
            with self._read_engine.connect() as connection, connection.begin():
                return look(connection)
        except Exception as error:
            raise translated(error, name) from error

    async def close(self) -> None:
        """Finish every write and read that was called before."""
        await self._writer.close()
        await self._release()

    async def _release(self) -> None:
        await asyncio.to_thread(self._end_threads)
        self._read_engine.dispose()
        self._write_engine.dispose()

    def _end_threads(self) -> None:
        self._read_threads.shutdown()
        self._write_thread.shutdown()
