"""Writes what chats are shown, and tells of it once it is written."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Protocol

from bot.transcript.model import Attached, Said, Transcript
from bot.transcript.parts import parts_of
from transports.base import Outbound

REMEMBERED = 500  # messages, as they are shown; those that still grow are among the newest


class Telling(Protocol):
    """bot.happenings.shown.Shown. Must not raise."""

    async def added(self, said: Said) -> None: ...

    async def changed(self, before: Said, after: Said) -> None: ...


class Book:
    """All raise StoreUnavailable, Fenced, WriteFailed."""

    def __init__(self, transcript: Transcript, telling: Telling) -> None:
        self._transcript = transcript
        self._telling = telling
        self._changing: dict[tuple[str, str], int] = {}  # the version that is on its way to the disk
        self._shown: OrderedDict[tuple[str, str], Said] = OrderedDict()  # by target and ref, as was told

    async def add(self, said: Said) -> Said:
        """It takes its place in the order when this is first awaited."""
        number = await self._transcript.add(said)
        new = replace(said, id=number)
        self._remember(new)
        await self._telling.added(new)
        return new

    async def edit(self, message: Outbound, ref: str, at: float) -> bool:
        """Show `message` in place of what `ref` says by now. False: there is no such message."""
        known = await self.named(message.target, ref)
        if known is None:
            return False
        place = message.target, ref
        version = self._changing[place] = max(known.version, self._changing.get(place, 0)) + 1
        anew = replace(
            known,
            version=version,
            kind=message.kind,
            key=message.key or known.key,
            parts=parts_of(message.text, message.asides),
            choices=message.choices,
            changed_at=at,
        )
        try:
            if not await self._transcript.change(anew):
                return False
        finally:
            if self._changing.get(place) == version:
                del self._changing[place]
        before = self._shown.get(place, known)  # another edit may have been written meanwhile
        self._remember(anew)
        await self._telling.changed(before, anew)
        return True

    async def named(self, target: str, ref: str) -> Said | None:
        """The message that a network knows by that id."""
        return self._shown.get((target, ref)) or await self._transcript.named(target, ref)

    def _remember(self, said: Said) -> None:
        place = said.target, said.ref
        self._shown[place] = said
        self._shown.move_to_end(place)
        if len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)


def said(message: Outbound, session: str, ref: str, at: float) -> Said:
    """A message as it was sent, not yet written down."""
    return Said(
        id=0,
        session=session,
        target=message.target,
        ref=ref,
        key=message.key,
        kind=message.kind,
        parts=parts_of(message.text, message.asides),
        choices=message.choices,
        run=message.run,
        at=at,
    )


def filed(file: Attached, session: str, target: str, ref: str, at: float) -> Said:
    """A file as it was sent, not yet written down."""
    return Said(id=0, session=session, target=target, ref=ref, key="", kind="file", parts=(), at=at, file=file)
