"""What chats were shown of us, in the twin."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.store.memory.disk import Disk
from bot.store.memory.writer import MemoryWriter
from bot.transcript.model import Said


class MemoryTranscript:
    def __init__(self, disk: Disk, writer: MemoryWriter) -> None:
        self._disk = disk
        self._writer = writer
        self._last_id = max(disk.transcript, default=0)

    def add(self, said: Said) -> asyncio.Future[int]:
        self._last_id += 1
        new = replace(said, id=self._last_id)
        return self._writer.write("say", lambda: self._add(new))

    def change(self, said: Said) -> asyncio.Future[bool]:
        return self._writer.write("say_anew", lambda: self._change(said))

    async def get(self, number: int) -> Said | None:
        return await self._writer.read("said", lambda: self._disk.transcript.get(number))

    async def named(self, target: str, ref: str) -> Said | None:
        found = await self._page(lambda said: (said.target, said.ref) == (target, ref), 1)
        return found[0] if found else None

    async def page(self, session: str, *, limit: int, before: int | None = None) -> Sequence[Said]:
        return await self._page(lambda said: said.session == session and (before is None or said.id < before), limit)

    async def _page(self, wanted: Callable[[Said], bool], limit: int) -> Sequence[Said]:
        return await self._writer.read("page", lambda: self._newest(wanted)[:limit])

    def _newest(self, wanted: Callable[[Said], bool]) -> list[Said]:
        return [said for _, said in sorted(self._disk.transcript.items(), reverse=True) if wanted(said)]

    def _add(self, said: Said) -> int:
        for known in self._disk.transcript.values():
            if said.key and (known.target, known.ref, known.key) == (said.target, said.ref, said.key):
                return known.id
        self._disk.transcript[said.id] = said
        return said.id

    def _change(self, said: Said) -> bool:
        known = self._disk.transcript.get(said.id)
        if known is None:
            return False
        self._disk.transcript[said.id] = replace(
            known,
            parts=said.parts,
            kind=said.kind,
            key=said.key,
            choices=said.choices,
            changed_at=said.changed_at,
            version=said.version,
        )
        return True
