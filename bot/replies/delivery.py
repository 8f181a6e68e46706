"""Delivers the outbox: first in first out per target, one failing target never in the way of another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol

from bot.replies.places import Places
from bot.store.records import OutboxItem
from dispatcher.model import Fenced, StoreUnavailable
from transports.base import Choice, MessageRef, Outbound, PermanentFailure, TemporaryFailure, Transport

log = logging.getLogger(__name__)

FIRST_DELAY = 1.0  # seconds before the second attempt; doubled each time
LONGEST_DELAY = 300.0
SHOWN = "stream"  # kind of what a chat shows already: an edit of it takes a button away, and adds nothing
REFUSED = "the network did not take the edit"
ABSENT = 60.0  # seconds between looks for a transport that this start does not have


class Outbox(Protocol):
    async def heads(self, now: float) -> Sequence[OutboxItem]: ...

    async def next_due(self) -> float | None: ...

    def sending(self, item: int) -> asyncio.Future[bool]: ...

    def sent(self, item: int, ref: str = "") -> asyncio.Future[bool]: ...

    def retry(self, item: int, at: float, error: str, *, repeat: bool = False) -> asyncio.Future[bool]: ...

    def undeliverable(self, item: int, error: str) -> asyncio.Future[bool]: ...

    def void(self, item: int, why: str) -> asyncio.Future[bool]: ...

    async def ref(self, key: str) -> str: ...


class Delivery:
    def __init__(
        self,
        outbox: Outbox,
        places: Places,
        group: asyncio.TaskGroup,
        *,
        clock: Callable[[], float],
        choices: Callable[[str], tuple[Choice, ...]] = lambda key: (),
    ) -> None:
        """`choices`: what may be pressed under the question of that key, as things stand when it is sent."""
        self._choices = choices
        self._outbox = outbox
        self._places = places
        self._group = group
        self._clock = clock  # wall seconds: due times outlive the process
        self._wake = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}  # by target
        self._task: asyncio.Task[None] | None = None
        self._nothing_due = asyncio.Event()

    def start(self) -> None:
        self._task = self._group.create_task(self._work(), name="delivery")

    def poke(self) -> None:
        """Something was put into the outbox."""
        self._nothing_due.clear()
        self._wake.set()

    async def close(self, patience: float) -> None:
        """Deliver what is due, for at most `patience` seconds, then end."""
        self.poke()
        try:
            async with asyncio.timeout(patience):
                await self._nothing_due.wait()
        except TimeoutError:
            log.warning("some messages were not delivered before the end; they will be at the next start")
        for task in (self._task, *self._busy.values()):
            if task is not None:
                task.cancel("delivery closed")

    async def _work(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._round()
            except StoreUnavailable as exc:
                log.warning("the outbox cannot be read or written: %s", exc)
                await asyncio.sleep(FIRST_DELAY)

    async def _round(self) -> None:
        for item in await self._outbox.heads(self._clock()):
            if item.target not in self._busy:
                self._deliver(item)
        if not self._busy and not self._wake.is_set():
            self._nothing_due.set()
        await self._sleep(await self._outbox.next_due())

    async def _sleep(self, due: float | None) -> None:
        # Heads that are due now are busy; the end of their delivery wakes us.
        delay = None if due is None or self._busy else max(0.0, due - self._clock())
        loop = asyncio.get_running_loop()
        alarm = None if delay is None else loop.call_later(delay, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if alarm is not None:
                alarm.cancel()

    def _deliver(self, item: OutboxItem) -> None:
        task = self._group.create_task(self._attempt(item), name=f"deliver {item.id}")
        self._busy[item.target] = task
        task.add_done_callback(lambda _: self._over(item.target))

    def _over(self, target: str) -> None:
        del self._busy[target]
        self._wake.set()

    async def _attempt(self, item: OutboxItem) -> None:
        try:
            await self._send(item)
        except StoreUnavailable as exc:
            log.warning("the outbox cannot be written: %s", exc)
            await asyncio.sleep(FIRST_DELAY)

    async def _send(self, item: OutboxItem) -> None:
        transport = self._places.of(item.target)
        if transport is None:
            await self._outbox.retry(item.id, self._clock() + ABSENT, "its transport is not running")
            return
        edits = await self._edited_by(item, transport)
        if item.replaces and not edits:
            await self._outbox.void(item.id, "there is no message that it could be the new text of")
            return
        # Before the attempt, so that a crash in mid-send is known as a possible repeat and labelled.
        if await self._outbox.sending(item.id):
            await self._try(item, edits, transport)

    async def _try(self, item: OutboxItem, edits: str, transport: Transport) -> None:
        choices = self._choices(item.key) if item.kind == "permission" else ()
        message = Outbound(item.target, item.text, item.kind, item.key, item.run, item.repeat, item.asides, choices)
        try:
            ref = await _given(transport, edits, message)
        except PermanentFailure as exc:
            log.warning("message %s to %s cannot be delivered: %s", item.id, item.target, exc)
            await _insist(partial(self._outbox.undeliverable, item.id, str(exc)))
        except Fenced:
            raise
        except TemporaryFailure as exc:
            again = self._clock() + _delay(item, exc)
            await _insist(partial(self._outbox.retry, item.id, again, str(exc)))
        except Exception as exc:
            # Of a transport's own making; out of this task it would end every session's work.
            log.error("message %s to %s failed", item.id, item.target, exc_info=exc)
            again = self._clock() + _delay(item, TemporaryFailure(""))
            await _insist(
                partial(self._outbox.retry, item.id, again, f"it failed inside Tugbot ({type(exc).__name__})")
            )
        else:
            sent, void = self._outbox.sent, self._outbox.void
            await _insist(partial(sent, item.id, ref.id) if ref else partial(void, item.id, REFUSED))

    async def _edited_by(self, item: OutboxItem, transport: Transport) -> str:
        """The id of the message that `item` is the new text of; "": it is one of its own, or there is none."""
        if not item.replaces:
            return item.edits
        # Whatever it replaces is ahead of it in its target's line, so that it was sent, or never will be.
        return await self._outbox.ref(item.replaces) if transport.capabilities.edit else ""


async def _given(transport: Transport, edits: str, message: Outbound) -> MessageRef | None:
    """An edit where it is one and the network still takes it, else a message of its own.

    None: the edit was refused, and nothing is lost by it.
    """
    if edits:
        ref = MessageRef(message.target, edits)
        try:
            await transport.edit(ref, message)
        except PermanentFailure as exc:
            log.info("%s cannot be edited: %s", edits, exc)
            if message.kind == SHOWN:
                return None
        else:
            return ref
    return await transport.send(message)


async def _insist(write: Callable[[], Awaitable[bool]]) -> None:
    """Unrecorded, a delivered message would be shown again, and one that failed would never be tried again."""
    while True:
        try:
            await write()
        except StoreUnavailable as exc:
            log.warning("a delivery cannot be recorded: %s", exc)
            await asyncio.sleep(FIRST_DELAY)
        else:
            return


def _delay(item: OutboxItem, exc: TemporaryFailure) -> float:
    if exc.retry_after is not None:
        return exc.retry_after
    return float(min(FIRST_DELAY * 2 ** min(item.attempts, 10), LONGEST_DELAY))
