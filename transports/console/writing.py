"""Blocks of bytes to a file descriptor that may be slow, full or gone."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import Callable
from functools import partial

from transports.base import PermanentFailure, TemporaryFailure

_Job = tuple[memoryview, Callable[[OSError | None], None]]


class BlockWriter:
    """Writes whole blocks in the order of the calls, from a thread of its own.

    A thread, because neither a terminal under Ctrl-S nor a pipe whose reader sleeps may stop the event loop, and
    setting O_NONBLOCK on a descriptor that is shared with the shell would change it for the shell too.
    """

    def __init__(self, fd: int | None) -> None:
        """`fd` stays the caller's; None takes nothing."""
        self._fd = fd
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last: asyncio.Future[None] | None = None
        self._closed = False

    async def write(self, block: bytes) -> None:
        """Done when the system has taken the block. Raises PermanentFailure (reader gone, closed), TemporaryFailure."""
        if self._closed:
            raise PermanentFailure("The console is closed.")
        if self._fd is None:
            raise PermanentFailure("There is no standard output.")
        written = self._last = self._put(block, self._fd)
        try:
            # Shielded: a caller that gives up must not make a block that is half written look like a whole one.
            await asyncio.shield(written)
        except (BrokenPipeError, ConnectionResetError) as exc:
            raise PermanentFailure("Nobody reads the output any more.") from exc
        except OSError as exc:
            raise TemporaryFailure(f"The output cannot be written: {exc.strerror or exc}") from exc

    async def close(self, patience: float = 2.0) -> None:
        """Refuse further blocks and wait up to `patience` seconds for those under way."""
        self._closed = True
        if self._last is not None:
            await asyncio.wait([self._last], timeout=patience)
        if self._thread is not None:
            self._jobs.put(None)
            self._thread = None

    def _put(self, block: bytes, fd: int) -> asyncio.Future[None]:
        if self._thread is None:
            # A daemon: a reader that never reads must not keep the program from ending.
            self._thread = threading.Thread(target=self._work, args=(fd,), name="console writer", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()
        written.add_done_callback(_retrieve)
        self._jobs.put((memoryview(block), partial(_report, loop, written)))
        return written

    def _work(self, fd: int) -> None:
        while (job := self._jobs.get()) is not None:
            block, report = job
            try:
                while block:
                    block = block[os.write(fd, block) :]
            except OSError as exc:
                report(exc)
            else:
                report(None)


def _report(loop: asyncio.AbstractEventLoop, written: asyncio.Future[None], failure: OSError | None) -> None:
    try:
        loop.call_soon_threadsafe(_finish, written, failure)
    except RuntimeError:  # the loop was closed meanwhile, so nobody waits
        return


def _finish(written: asyncio.Future[None], failure: OSError | None) -> None:
    if written.done():
        return
    if failure is None:
        written.set_result(None)
    else:
        written.set_exception(failure)


def _retrieve(written: asyncio.Future[None]) -> None:
    """Marks a failure as seen: a caller that was cancelled never will."""
    if not written.cancelled():
        written.exception()
