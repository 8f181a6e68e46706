"""Tells what chats show of us. Whatever is told is written down in the transcript."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bot.happenings.model import SaidAdded, SaidChanged, Tell
from bot.transcript.model import Said
from bot.transcript.parts import difference


class Shown:
    """bot.transcript.book.Telling."""

    def __init__(self, tell: Tell, project: Callable[[Said], Awaitable[str | None]]) -> None:
        """`project`: that a message is about, so that its members hear of it. Must not raise."""
        self._tell = tell
        self._project = project

    async def added(self, said: Said) -> None:
        self._tell(
            SaidAdded(
                session=said.session,
                run=said.run,
                project=await self._project(said),
                id=said.id,
                kind_=said.kind,
                parts=said.parts,
                choices=said.choices,
                file=said.file,
            )
        )

    async def changed(self, before: Said, after: Said) -> None:
        keep, append, parts = difference(before.parts, after.parts)
        self._tell(
            SaidChanged(
                session=after.session,
                run=after.run,
                project=await self._project(after),
                id=after.id,
                version=after.version,
                kind_=after.kind,
                keep=keep,
                append=append,
                parts=parts,
                choices=after.choices,
            )
        )
