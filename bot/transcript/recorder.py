"""Writes down what other networks are shown of us, behind their backs: never in the way of what is sent."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

from bot.transcript.book import Book, filed, said
from bot.transcript.model import Attached
from bot.transcript.whereabouts import Whereabouts
from dispatcher.model import Fenced, StoreUnavailable
from transports import base
from transports.base import Capabilities, MessageRef, Outbound, Receiver, Transport

log = logging.getLogger(__name__)

MOST = 1_000  # messages that wait to be written down


@dataclass(frozen=True, slots=True)
class Shown:
    """What a network has taken, not yet written down."""

    ref: MessageRef
    at: float  # Unix seconds
    message: Outbound | None = None
    file: Attached | None = None
    edited: float | None = None  # Unix seconds; a message of before this process has that alone
    fresh: bool = True


class Recorder:
    """Calls take no time and raise nothing; a task writes, one message after another, in the order of the calls.

    A message that changes while it waits is written as it is then. What cannot be written is not shown on the page.
    """

    def __init__(
        self,
        book: Book,
        whereabouts: Whereabouts,
        group: asyncio.TaskGroup,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._book = book
        self._whereabouts = whereabouts
        self._group = group
        self._clock = clock
        self._waiting: OrderedDict[tuple[str, str], Shown] = OrderedDict()  # by target and ref
        self._nameless = itertools.count(1)
        self._task: asyncio.Task[None] | None = None  # lives while something waits
        self._failing = False  # told once, until something is written again

    def sent(self, message: Outbound, ref: MessageRef) -> None:
        if _lasts(message):
            self._put(Shown(ref, self._clock(), message))

    def edited(self, message: Outbound, ref: MessageRef) -> None:
        if not _lasts(message):
            return
        now = self._clock()
        waiting = self._waiting.get((ref.target, ref.id))
        if waiting is None:
            self._put(Shown(ref, now, message, edited=now, fresh=False))
        else:
            self._waiting[ref.target, ref.id] = replace(waiting, message=message, edited=now)

    def uploaded(self, ref: MessageRef, name: str, size: int) -> None:
        self._put(Shown(ref, self._clock(), file=Attached(name, size)))

    async def close(self, patience: float) -> None:
        """Write what waits, for at most `patience` seconds."""
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=patience)
            self._task.cancel("the bot ends")

    def _put(self, shown: Shown) -> None:
        if len(self._waiting) >= MOST:
            self._trouble("too much waits to be written down")
            return
        self._waiting[shown.ref.target, shown.ref.id or f"#{next(self._nameless)}"] = shown
        if self._task is None or self._task.done():
            self._task = self._group.create_task(self._work(), name="transcript")

    async def _work(self) -> None:
        while self._waiting:
            _, shown = self._waiting.popitem(last=False)
            try:
                await self._write(shown)
            except Fenced:
                raise
            except StoreUnavailable as exc:
                self._trouble(str(exc))
            except Exception:  # out of this task it would end every session's work
                log.exception("what %s was shown is not written down", shown.ref.target)
            else:
                self._failing = False

    async def _write(self, shown: Shown) -> None:
        target, ref = shown.ref.target, shown.ref.id
        if shown.message is None:
            session = await self._whereabouts.session(target, None)
            await self._book.add(filed(cast("Attached", shown.file), session, target, ref, shown.at))
            return
        message = replace(shown.message, target=target)
        if shown.fresh or not await self._book.edit(message, ref, shown.at):
            # Also one that was sent before anything was written down, or while nothing could be.
            session = await self._whereabouts.session(target, message.run)
            await self._book.add(replace(said(message, session, ref, shown.at), changed_at=shown.edited))

    def _trouble(self, why: str) -> None:
        if not self._failing:
            log.warning("what chats are shown is not written down for the page: %s", why)
        self._failing = True


def _lasts(message: Outbound) -> bool:
    """Passing lines have neither. They may hold what nobody else may read: links that log in, codes."""
    return bool(message.key) or message.run is not None


class Recorded:
    """A transport around another. Whatever its network cannot do is not asked of it, as before."""

    def __init__(self, transport: Transport, recorder: Recorder) -> None:
        self._transport = transport
        self._recorder = recorder

    @property
    def name(self) -> str:
        return self._transport.name

    @property
    def capabilities(self) -> Capabilities:
        return self._transport.capabilities

    async def run(self, receiver: Receiver) -> None:
        await self._transport.run(receiver)

    async def send(self, message: Outbound) -> MessageRef:
        ref = await self._transport.send(message)
        self._recorder.sent(message, ref)
        return ref

    async def edit(self, ref: MessageRef, message: Outbound) -> None:
        await self._transport.edit(ref, message)
        self._recorder.edited(message, ref)

    async def close(self) -> None:
        await self._transport.close()

    def preview(self, target: str, text: str) -> None:
        cast("base.Previewing", self._transport).preview(target, text)

    async def typing(self, target: str, on: bool) -> None:
        await cast("base.Typing", self._transport).typing(target, on)

    async def upload(self, target: str, name: str, content: bytes) -> MessageRef:
        ref = await cast("base.Uploading", self._transport).upload(target, name, content)
        self._recorder.uploaded(ref, name, len(content))
        return ref

    async def make_room(self, name: str, invited: Sequence[str]) -> str:
        return await cast("base.Hosting", self._transport).make_room(name, invited)
