"""How late a batch starts after its window has ended, with the durable inbox, beside a bare timer of the same loop."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from benchmarks.table import Figure, percentile
from bot.store.store import Store
from dispatcher.core import Dispatcher
from dispatcher.model import Batch, Binding, Event, Limits, Message, Outcome, RunState, StopSignal

ROUNDS = 60
SESSIONS = 5
WINDOW = 0.1  # seconds


class Quiet:
    """An observer that has nothing to show."""

    def queued(self, session: str, target: str, place: int, ahead: str) -> None: ...

    def admitted(self, session: str) -> None: ...

    def trouble(self, session: str, text: str) -> None: ...


def measure() -> list[Figure]:
    late, timers = asyncio.run(_measure())
    return [
        Figure(
            f"flush lateness p{share * 100:.0f}",
            percentile(late, share) * 1000,
            "ms",
            percentile(timers, share) * 1000,
            "bare timer",
            aim,
        )
        for share, aim in ((0.5, "≤ 5 ms"), (0.99, "≤ 15 ms"))
    ]


async def _measure() -> tuple[list[float], list[float]]:
    loop, late, timers = asyncio.get_running_loop(), list[float](), list[float]()
    begun: dict[str, float] = {}

    async def handle(batch: Batch, stop: StopSignal) -> Outcome:
        late.append(loop.time() - begun[batch.session] - WINDOW)
        return Outcome(RunState.SUCCEEDED)

    with tempfile.TemporaryDirectory() as place:
        store = await Store.open(f"sqlite:///{Path(place) / 'bench.db'}")
        async with asyncio.TaskGroup() as group:
            limits = Limits(window=WINDOW, max_runs=SESSIONS)
            dispatcher = Dispatcher(store.inbox, store.ledger, handle, Quiet(), limits=limits, group=group)
            for number in range(ROUNDS * SESSIONS):
                session = f"s{number % SESSIONS}"
                begun[session] = loop.time()
                event = Event(session, "bench", "", f"e{number}")
                await dispatcher.submit(Message(event, "@a", "A", "hello", session, default=Binding(agent="x")))
                _time(loop, timers)
                await asyncio.sleep((WINDOW + 0.06) / SESSIONS)
            await dispatcher.idle()
            await dispatcher.close(0)
        await store.close()
    return late, timers


def _time(loop: asyncio.AbstractEventLoop, timers: list[float]) -> None:
    ideal = loop.time() + WINDOW
    loop.call_at(ideal, lambda: timers.append(loop.time() - ideal))
