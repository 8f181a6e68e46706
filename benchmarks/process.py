"""Other processes, and what they have used and hold, as the kernel counts it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
_SPAWN = multiprocessing.get_context("spawn")


def cpu(pid: int) -> float:
    """Seconds so far, in user and in kernel mode: fields 14 and 15 of proc(5)'s stat."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> float:
    """MB in memory, of the process alone."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 1e6


@asynccontextmanager
async def other(work: Callable[..., None], *arguments: object) -> AsyncIterator[tuple[SpawnProcess, Connection]]:
    """A process that is given its end of a pipe, and the arguments."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    try:
        yield process, ours
    finally:
        process.terminate()
        await asyncio.to_thread(process.join)


async def received(pipe: Connection) -> Any:
    return await asyncio.to_thread(pipe.recv)
