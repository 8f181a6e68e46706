"""Retries that are to come: each becomes a message when it is due, whatever restarts lie in between."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.store.records import Scheduled
from bot.store.schedule import Schedule
from dispatcher.model import Binding, Event, Message, Notice, Receipt, StoreUnavailable

log = logging.getLogger(__name__)

LONGEST = 60.0  # seconds between looks at the clock: it may be set, and machines sleep


class Retries:
    def __init__(
        self,
        schedule: Schedule,
        submit: Callable[[Message], Awaitable[Receipt]],
        default: Binding,
        barred: Callable[[Scheduled], Notice | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        """`barred`: what is told instead where no project is bound, and who asked may not use agents there."""
        self._schedule = schedule
        self._submit = submit
        self._default = default
        self._barred = barred
        self._now = now
        self._poked = asyncio.Event()

    async def add(self, item: Scheduled) -> bool:
        added = await self._schedule.add(item)
        self._poked.set()
        return added

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._poked.clear()
            try:
                await self._send_due()
                pause = await self._pause()
            except StoreUnavailable as exc:
                log.warning("retries wait for the store: %s", exc)
                pause = LONGEST
            try:
                async with asyncio.timeout(pause):
                    await self._poked.wait()
            except TimeoutError:
                continue

    async def _send_due(self) -> None:
        for item in await self._schedule.due(self._now()):
            # The inbox first: a crash in between makes a duplicate there, which is no second message.
            await self._submit(self._message(item))
            await self._schedule.remove(item.id)

    async def _pause(self) -> float:
        due = await self._schedule.next_due()
        return LONGEST if due is None else min(LONGEST, max(0.05, due - self._now()))

    def _message(self, item: Scheduled) -> Message:
        event = Event(item.session, item.transport, item.account, item.event_id)
        return Message(
            event,
            item.sender,
            item.sender_name,
            item.text,
            item.target,
            direct=item.direct,
            default=self._default,
            needs_project=self._barred(item),
        )


def next_time(text: str, now: float) -> float:
    """Unix seconds of the next time the local clock shows `text` ("14:05")."""
    hour, minute = map(int, text.split(":"))
    today = datetime.fromtimestamp(now)
    then = today.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if then <= today:
        then = datetime.combine(today.date() + timedelta(days=1), then.time())
    return then.timestamp()
