"""What a transport remembers, in the twin."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bot.store.memory.disk import Disk
from bot.store.memory.writer import MemoryWriter


class MemoryKeepsakes:
    def __init__(self, disk: Disk, writer: MemoryWriter, transport: str) -> None:
        self._disk = disk
        self._writer = writer
        self._transport = transport

    async def read(self, prefix: str) -> Mapping[str, str]:
        return await self._writer.read("keepsakes", lambda: self._read(prefix))

    def write(self, changes: Mapping[str, str | None]) -> asyncio.Future[None]:
        wanted = dict(changes)
        return self._writer.write("keep", lambda: self._write(wanted))

    def _read(self, prefix: str) -> Mapping[str, str]:
        kept = self._disk.keepsakes.items()
        return {key: value for (owner, key), value in kept if owner == self._transport and key.startswith(prefix)}

    def _write(self, changes: Mapping[str, str | None]) -> None:
        for key, value in changes.items():
            if value is None:
                self._disk.keepsakes.pop((self._transport, key), None)
            else:
                self._disk.keepsakes[self._transport, key] = value
