"""What 100,000 known but idle sessions cost, beside a store that knows none."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.flush import Quiet
from benchmarks.table import Figure
from bot.store.store import Store
from dispatcher.core import Dispatcher
from dispatcher.model import Batch, Event, Limits, Message, Outcome, RunState, StopSignal

KNOWN = 100_000


def measure() -> list[Figure]:
    many, none = _in_its_own_process(KNOWN), _in_its_own_process(0)
    return [
        Figure("memory with 100,000 idle sessions", many["rss"], "MB", none["rss"], "no sessions"),
        Figure("tasks with 100,000 idle sessions", many["tasks"], "tasks", none["tasks"], "no sessions"),
        Figure("timers with 100,000 idle sessions", many["timers"], "timers", none["timers"], "no sessions"),
    ]


def _in_its_own_process(sessions: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        file = f"{place}/idle.db"
        asyncio.run(_fill(file, sessions))
        code = f"import asyncio; from benchmarks.idle import look; asyncio.run(look({file!r}))"
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    return dict(json.loads(said))


async def _fill(file: str, sessions: int) -> None:
    store = await Store.open(f"sqlite:///{file}")
    for start in range(0, sessions, 2000):
        events = (Event(f"s{n}", "bench", "", f"e{n}") for n in range(start, min(start + 2000, sessions)))
        messages = (Message(event, "@a", "A", "x", "t", kind="command") for event in events)
        receipts = await asyncio.gather(*(store.inbox.put(m, max_waiting=1, refusal=None) for m in messages))
        await asyncio.gather(*(store.inbox.command_done(receipt.id) for receipt in receipts))
    await store.close()


async def look(file: str) -> None:
    """Open the store with a dispatcher on it and print what the process holds."""

    async def handle(batch: Batch, stop: StopSignal) -> Outcome:
        return Outcome(RunState.SUCCEEDED)

    store = await Store.open(f"sqlite:///{file}")
    async with asyncio.TaskGroup() as group:
        dispatcher = Dispatcher(store.inbox, store.ledger, handle, Quiet(), limits=Limits(), group=group)
        await dispatcher.start()
        await asyncio.sleep(0.2)
        loop = asyncio.get_running_loop()
        scheduled = len(getattr(loop, "_scheduled", ()))
        figures = {"rss": _resident() / 1e6, "tasks": len(asyncio.all_tasks()), "timers": scheduled}
        print(json.dumps(figures))
        await dispatcher.close(0)
    await store.close()


def _resident() -> int:
    """Bytes of this process in memory: second field of /proc/self/statm, in pages."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
