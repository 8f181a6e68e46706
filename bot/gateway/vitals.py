"""What health and metrics look at, and how often at most."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bot.store.records import Books
from bot.timings import Timings
from dispatcher.model import StoreUnavailable

Kinds = Mapping[tuple[str, str], int]  # how many, by kind and state

FRESH = 5.0  # seconds that a look counts, however many ask
PATIENCE = 5.0  # seconds for the store to answer


def _nobody() -> int:
    return 0


def _nothing() -> Kinds:
    return {}


@dataclass(frozen=True, slots=True)
class Backstage:
    books: Callable[[], Awaitable[Books]]  # raises StoreUnavailable
    under_way: Callable[[], Awaitable[Kinds]]  # runs that have not ended; raises StoreUnavailable
    ended: Callable[[], Kinds]  # runs that ended since the start
    queues: Callable[[], Mapping[str, int]]  # what waits in memory, by the queue's name
    transports: Callable[[], Mapping[str, bool]]  # whether each works
    trouble: Callable[[], tuple[str, ...]]  # what is wrong at this moment, a line each, as `status` has it
    timings: Timings = field(default_factory=Timings)
    listeners: Callable[[], int] = _nobody  # of live events
    hooks: Callable[[], Kinds] = _nothing  # requests of forges since the start, by hook and by what came of them


@dataclass(frozen=True, slots=True)
class Look:
    """What the store said. None: it could not be read, or not in time."""

    books: Books | None
    under_way: Kinds


class Looks:
    """One look at a time, and none while the last is fresh: many who ask cost the store as much as one."""

    def __init__(self, backstage: Backstage, clock: Callable[[], float] | None = None) -> None:
        self._backstage = backstage
        self._clock = clock or asyncio.get_running_loop().time
        self._lock = asyncio.Lock()
        self._last: Look | None = None
        self._at = 0.0

    async def look(self) -> Look:
        async with self._lock:
            if self._last is None or self._clock() - self._at >= FRESH:
                self._last = await self._read()
                self._at = self._clock()
            return self._last

    async def _read(self) -> Look:
        try:
            async with asyncio.timeout(PATIENCE):
                return Look(await self._backstage.books(), await self._backstage.under_way())
        except (StoreUnavailable, TimeoutError):
            return Look(None, {})
