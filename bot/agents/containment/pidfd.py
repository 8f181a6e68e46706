"""Waiting for the end of a process through its pidfd, ours or not.

asyncio's own `Process.wait()` hangs while a grandchild holds a pipe (cpython gh-119710), so it is not used.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator

from bot.agents.base import Identity
from bot.agents.containment import procfs


async def readable(fd: int, seconds: float | None = None) -> bool:
    """Wait until `fd` can be read: for a pidfd, until its process is dead. False when `seconds` passed first."""
    loop = asyncio.get_running_loop()
    mine = os.dup(fd)  # a loop knows one reader per number, and there may be several waiters
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(mine, _settle, ready)
    try:
        async with asyncio.timeout(seconds):
            await ready
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(mine)
        os.close(mine)
    return True


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def send(fd: int, sig: signal.Signals) -> None:
    """Signal through a pidfd: a recycled pid cannot be hit. A dead process is no error here."""
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(fd, sig)


@contextlib.contextmanager
def opened(identity: Identity) -> Iterator[int | None]:
    """A pidfd of exactly that process, or None when it no longer lives."""
    try:
        fd = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        yield None
        return
    try:
        # Compared after opening: from now on the descriptor cannot come to mean another process.
        yield fd if procfs.is_alive(identity) else None
    finally:
        os.close(fd)
