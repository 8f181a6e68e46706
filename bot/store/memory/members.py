"""Members of the twin."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.store.memory.disk import Disk
from bot.store.memory.writer import MemoryWriter
from bot.store.records import Member


class MemoryMembers:
    def __init__(self, disk: Disk, writer: MemoryWriter) -> None:
        self._disk = disk
        self._writer = writer

    async def all(self) -> Sequence[Member]:
        return await self._writer.read("members", lambda: sorted(self._disk.members.values(), key=_age))

    def put(self, member: Member) -> asyncio.Future[None]:
        account = member.transport, member.user
        return self._writer.write("put_member", lambda: self._disk.members.__setitem__(account, member))

    def remove(self, transport: str, user: str) -> asyncio.Future[bool]:
        return self._writer.write("remove_member", lambda: self._disk.members.pop((transport, user), None) is not None)


def _age(member: Member) -> tuple[float, str, str]:
    return member.granted_at, member.transport, member.user
