"""A program's pipes: stdout read to its end or, shortly after the program's own end, cut off; stdin closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.agents.base import Process

GRACE = 0.25  # seconds of waiting for output after the program's exit; what is in the pipe by then is enough


class Output:
    """End of file is not the end of a program: a daemon it left behind may hold the pipe for ever."""

    def __init__(self, process: Process, grace: float = GRACE) -> None:
        self._process = process
        self._stdout = process.stdout
        self._grace = grace
        self._left: float | None = None  # seconds of waiting left; None while the program runs
        self._since = 0.0
        self._reading: asyncio.Timeout | None = None

    async def watch(self) -> int:
        """Wait for the program's exit, then allow reading to wait for the grace alone. Returns the exit code."""
        code = await self._process.wait()
        self._left, self._since = self._grace, _now()
        if self._reading is not None:
            self._reading.reschedule(self._since + self._grace)
        return code

    async def chunk(self, size: int) -> bytes:
        """At most `size` bytes; b"" at the end."""
        return await self._bounded(lambda: self._stdout.read(size))

    async def line(self) -> bytes:
        """One line; the last may lack its newline; b"" at the end. Raises LineTooLong."""
        return await self._bounded(self._line)

    async def _line(self) -> bytes:
        try:
            return await self._stdout.readuntil(b"\n")
        except asyncio.IncompleteReadError as exc:
            return exc.partial
        except asyncio.LimitOverrunError as exc:
            raise LineTooLong from exc

    async def _bounded(self, read: Callable[[], Awaitable[bytes]]) -> bytes:
        begun = _now()
        try:
            async with asyncio.timeout(self._left) as self._reading:
                return await read()
        except TimeoutError:
            return b""
        finally:
            self._reading = None
            self._spend(begun)

    def _spend(self, begun: float) -> None:
        # Only the wait for the pipe counts: a reader of ours that is slow must not lose what is still to be read.
        if self._left is not None:
            self._left = max(0.0, self._left - (_now() - max(begun, self._since)))


def close_stdin(process: Process) -> None:
    """Close at once, whatever is still unwritten: StreamWriter.close() would wait for a reader that may never come."""
    transport = process.stdin.transport
    # A pipe that was told to close stays open while a reader that never comes owes it a read; but asyncio's abort()
    # fails on one that is closed already.
    if not transport.is_closing() or transport.get_write_buffer_size():
        transport.abort()


class LineTooLong(Exception):
    """A line exceeds the reader's limit."""


def _now() -> float:
    return asyncio.get_running_loop().time()
