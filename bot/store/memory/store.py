"""The twin, whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from bot.store.memory.books import MemoryOutbox, MemoryRuns, books_of
from bot.store.memory.disk import Disk
from bot.store.memory.history import MemoryHistory
from bot.store.memory.inbox import MemoryInbox, MemoryLedger
from bot.store.memory.keepsakes import MemoryKeepsakes
from bot.store.memory.members import MemoryMembers
from bot.store.memory.projects import MemoryProjects
from bot.store.memory.recovery import recover
from bot.store.memory.sessions import MemorySchedule, MemorySessions
from bot.store.memory.transcript import MemoryTranscript
from bot.store.memory.writer import MemoryWriter, Step
from bot.store.records import Books, CutOff
from bot.store.rules import RecoveryWords


class MemoryStore:
    """Same parts as Store. `step` is awaited around every write and before every read, and may crash, hang or raise."""

    def __init__(self, disk: Disk, *, step: Step | None = None, clock: Callable[[], float] = time.time) -> None:
        self._disk = disk
        self._clock = clock
        self._writer = MemoryWriter(disk, step)
        self.runs = MemoryRuns(disk, self._writer, clock)
        self.inbox = MemoryInbox(disk, self._writer, clock)
        self.ledger = MemoryLedger(disk, self._writer, clock, self.runs.next_id)
        self.outbox = MemoryOutbox(disk, self._writer, clock)
        self.sessions = MemorySessions(disk, self._writer)
        self.schedule = MemorySchedule(disk, self._writer)
        self.projects = MemoryProjects(disk, self._writer)
        self.members = MemoryMembers(disk, self._writer)
        self.history = MemoryHistory(disk, self._writer)
        self.transcript = MemoryTranscript(disk, self._writer)

    def keepsakes(self, transport: str) -> MemoryKeepsakes:
        return MemoryKeepsakes(self._disk, self._writer, transport)

    @property
    def incarnation(self) -> int:
        return self._writer.incarnation

    @property
    def depth(self) -> int:
        return self._writer.depth

    async def books(self) -> Books:
        return await self._writer.read("books", lambda: books_of(self._disk))

    def recover(self, *, unkilled: Mapping[int, Mapping[str, object]], words: RecoveryWords) -> asyncio.Future[CutOff]:
        return self._writer.write("recover", lambda: recover(self._disk, unkilled, words, self._clock()))

    async def close(self) -> None:
        await self._writer.close()

    def crash(self) -> None:
        """What SIGKILL does: pending writes never happen, and nobody hears of it."""
        self._writer.crash()
