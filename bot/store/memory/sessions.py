"""Sessions and messages to come of the twin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bot.store.memory.disk import Disk
from bot.store.memory.writer import MemoryWriter
from bot.store.records import Conversation, Scheduled, SessionSettings
from dispatcher.model import SessionKey


class MemorySessions:
    def __init__(self, disk: Disk, writer: MemoryWriter) -> None:
        self._disk = disk
        self._writer = writer

    async def settings(self, session: SessionKey) -> SessionSettings:
        return await self._writer.read("settings", lambda: self._disk.sessions.get(session, SessionSettings()))

    async def all(self) -> Mapping[SessionKey, bool]:
        return await self._writer.read(
            "sessions", lambda: {name: settings.ambient for name, settings in self._disk.sessions.items()}
        )

    def bind(self, session: SessionKey, project: str | None) -> asyncio.Future[bool]:
        return self._writer.write("bind", lambda: self._bind(session, project))

    def _bind(self, session: SessionKey, project: str | None) -> bool:
        settings = self._disk.sessions.get(session)
        if settings is None:
            return False
        self._disk.sessions[session] = replace(settings, project=project)
        return True

    def begin(self, session: SessionKey, project: str, agent: str | None = None) -> asyncio.Future[None]:
        return self._writer.write("begin", lambda: self._begin(session, project, agent))

    def _begin(self, session: SessionKey, project: str, agent: str | None) -> None:
        settings = self._disk.sessions.get(session, SessionSettings())
        self._disk.sessions[session] = replace(settings, project=project, agent=agent)

    def rebind(self, session: SessionKey, project: str, to: str | None) -> asyncio.Future[bool]:
        return self._writer.write("rebind", lambda: self._rebind(session, project, to))

    def _rebind(self, session: SessionKey, project: str, to: str | None) -> bool:
        settings = self._disk.sessions.get(session)
        if settings is None or settings.project != project:
            return False
        self._disk.sessions[session] = replace(settings, project=to)
        return True

    async def native(self, session: SessionKey, agent: str, project: str | None) -> Conversation | None:
        return await self._writer.read("native", lambda: self._disk.natives.get((session, agent, project)))

    def keep_native(
        self, session: SessionKey, agent: str, project: str | None, conversation: Conversation
    ) -> asyncio.Future[None]:
        key = (session, agent, project)
        return self._writer.write("keep_native", lambda: self._disk.natives.__setitem__(key, conversation))

    def forget_native(self, session: SessionKey) -> asyncio.Future[int]:
        return self._writer.write("forget_native", lambda: self._forget(session))

    def _forget(self, session: SessionKey) -> int:
        mine = [key for key in self._disk.natives if key[0] == session]
        for key in mine:
            del self._disk.natives[key]
        return len(mine)


class MemorySchedule:
    def __init__(self, disk: Disk, writer: MemoryWriter) -> None:
        self._disk = disk
        self._writer = writer
        self._last_id = max(disk.scheduled, default=0)

    def add(self, item: Scheduled) -> asyncio.Future[bool]:
        self._last_id += 1
        kept = replace(item, id=self._last_id)
        return self._writer.write("schedule", lambda: self._add(kept))

    async def due(self, now: float) -> Sequence[Scheduled]:
        return await self._pick(lambda item: item.due_at <= now)

    async def next_due(self) -> float | None:
        return min((item.due_at for item in await self._pick(lambda _: True)), default=None)

    async def of(self, session: SessionKey) -> Sequence[Scheduled]:
        return await self._pick(lambda item: item.session == session)

    def remove(self, item: int) -> asyncio.Future[bool]:
        return self._writer.write("unschedule", lambda: self._disk.scheduled.pop(item, None) is not None)

    def cancel(self, session: SessionKey, run: int | None = None) -> asyncio.Future[int]:
        return self._writer.write("cancel_scheduled", lambda: self._cancel(session, run))

    async def _pick(self, wanted: Callable[[Scheduled], bool]) -> list[Scheduled]:
        return await self._writer.read("scheduled", lambda: self._found(wanted))

    def _found(self, wanted: Callable[[Scheduled], bool]) -> list[Scheduled]:
        found = [item for item in self._disk.scheduled.values() if wanted(item)]
        return sorted(found, key=lambda item: (item.due_at, item.id))

    def _add(self, item: Scheduled) -> bool:
        if any(_event(item) == _event(known) for known in self._disk.scheduled.values()):
            return False
        self._disk.scheduled[item.id] = item
        return True

    def _cancel(self, session: SessionKey, run: int | None) -> int:
        these = self._found(lambda item: item.session == session and run in (None, item.run))
        for item in these:
            del self._disk.scheduled[item.id]
        return len(these)


def _event(item: Scheduled) -> tuple[str, ...]:
    return item.transport, item.account, item.session, item.event_id
