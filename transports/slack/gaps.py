"""What was said while nobody listened: Slack tries three times to deliver an event, and then drops it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from transports.base import Ack, Keepsakes, PermanentFailure, Receiver, TemporaryFailure
from transports.slack.model import Workspace
from transports.slack.reading import Changed, Said, message
from transports.slack.threads import Threads

log = logging.getLogger(__name__)

HEARD = "heard"  # keepsake: until when all that was said is in the inbox, in Unix seconds
MARGIN = 600.0  # seconds further back: clocks differ, and Slack's last try comes after some minutes
EVERY = 60.0  # seconds between two notes that all is heard
AWAY = 30.0  # seconds without a connection after which Slack may have given up on something
AT_ONCE = 1.5  # seconds that an event waits for what came before it: it must be acknowledged within three
PAUSE = 5.0  # seconds before a channel is tried again

HandIn = Callable[[Said | Changed, Receiver], Awaitable["asyncio.Future[Ack] | None"]]


class Gaps:
    def __init__(
        self,
        workspace: Workspace,
        keepsakes: Keepsakes,
        threads: Threads,
        hand_in: HandIn,
        speaks_to_us: Callable[[Said, Receiver], Awaitable[bool]],
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._workspace = workspace
        self._keepsakes = keepsakes
        self._threads = threads
        self._hand_in = hand_in
        self._speaks_to_us = speaks_to_us
        self._clock = clock
        self._sleep = sleep
        self._heard: float | None = None  # None: this is the first start of all
        self._open: dict[str, float] = {}  # channels that are still to be read, and from when on
        self._since: float | None = None  # the same for channels whose list is not there yet
        self._began = 0.0  # when the connection came that all of this is read for
        self._work = asyncio.Event()
        self._reading: dict[str, asyncio.Lock] = {}
        self._given_up: set[str] = set()  # channels that could not be read soon enough; others' events go ahead

    def load(self, kept: Mapping[str, str]) -> None:
        self._heard = float(kept[HEARD]) if HEARD in kept else None

    def connected(self, away: float) -> None:
        """There is a connection again, after `away` seconds without one (infinite: at the start)."""
        if away <= AWAY:
            return
        self._began = self._clock()
        if self._heard is not None:  # else this is the first start of all: what was said before is not for us
            oldest = self._heard - MARGIN
            self._since = min(oldest, self._since or oldest)
        self._work.set()

    @property
    def is_whole(self) -> bool:
        return self._since is None and not self._open

    async def run(self, receiver: Receiver, is_up: Callable[[], bool]) -> None:
        """Read what is to be read, and write down now and then that all is heard. Until cancelled."""
        while True:
            try:
                async with asyncio.timeout(EVERY):
                    await self._work.wait()
            except TimeoutError:
                if is_up():
                    await self._note(self._clock())
                continue
            self._work.clear()
            await self._read_all(receiver)
            await self._note(self._began)

    async def fill(self, channel: str, receiver: Receiver) -> None:
        """Before an event of this channel: what came before it, if that can be had soon enough."""
        if self.is_whole or channel in self._given_up:
            return
        try:
            async with asyncio.timeout(AT_ONCE):
                await self._read(channel, receiver)
        except (TimeoutError, TemporaryFailure, PermanentFailure) as exc:
            log.info("%s is read later: %s", channel, exc or "no answer in time")
            self._given_up.add(channel)  # were each event to wait as long, the last of many would wait for minutes

    async def _read_all(self, receiver: Receiver) -> None:
        if self.is_whole:
            return
        while not self.is_whole:
            try:
                await self._listed()
                await self._read_open(receiver)
            except TemporaryFailure as exc:
                log.info("what was missed cannot be read now: %s", exc)
                await self._sleep(exc.retry_after or PAUSE)
        self._given_up.clear()
        log.info("all that was said meanwhile is read")

    async def _read_open(self, receiver: Receiver) -> None:
        """Raises TemporaryFailure: at once where Slack asks for a pause, else when all others are read."""
        failed: TemporaryFailure | None = None
        for channel in tuple(self._open):
            try:
                await self._read(channel, receiver)
            except TemporaryFailure as exc:
                if exc.retry_after is not None:
                    raise
                failed = exc
        if failed is not None:
            raise failed

    async def _listed(self) -> None:
        if (since := self._since) is None:
            return
        for each in await self._workspace.conversations():
            self._open[each.id] = min(since, self._open.get(each.id, since))
        if self._since == since:
            self._since = None

    async def _read(self, channel: str, receiver: Receiver) -> None:
        async with self._reading.setdefault(channel, asyncio.Lock()):
            oldest = self._open.get(channel, self._since)
            if oldest is None:
                return
            try:
                found = await self._missed(channel, oldest)
            except PermanentFailure as exc:  # we are not in it any more
                log.warning("%s cannot be read: %s", channel, exc)
                found = []
            heard = oldest + MARGIN
            puts = [put for said in found if (put := await self._give(said, heard, receiver)) is not None]
            for put in puts:
                await asyncio.shield(put)  # only what is on disk has been heard
            self._open.pop(channel, None)

    async def _give(self, said: Said, heard: float, receiver: Receiver) -> asyncio.Future[Ack] | None:
        if float(said.ts) <= heard and not await self._speaks_to_us(said, receiver):
            return None  # passed over then, and of that nothing is kept; meanwhile it might be taken for meant for us
        put = await self._hand_in(said, receiver)
        if put is None or not said.edited:
            return put
        if (await asyncio.shield(put)).status != "duplicate":
            return put
        # It was there before the gap; the edit may not have been.
        return await self._hand_in(Changed(said.channel, said.ts, said.user, said.text, said.edited), receiver)

    async def _missed(self, channel: str, oldest: float) -> list[Said]:
        """What people said there, oldest first, its threads included."""
        found = await self._pages(channel, "", oldest)
        roots = {str(each.get("ts")) for each in found if float(str(each.get("latest_reply") or 0)) > oldest}
        for root in roots | {*self._threads.of(channel)}:
            found += [each for each in await self._answers(channel, root, oldest) if each.get("ts") != root]
        me, direct = self._workspace.me.user, channel.startswith("D")
        said = (message(each, me, direct=direct, channel=channel) for each in found)
        return sorted((each for each in said if isinstance(each, Said)), key=lambda each: float(each.ts))

    async def _answers(self, channel: str, root: str, oldest: float) -> list[Mapping[str, Any]]:
        try:
            return await self._pages(channel, root, oldest)
        except PermanentFailure as exc:  # its root was deleted: no reason to miss what the channel said
            log.info("the thread %s of %s cannot be read: %s", root, channel, exc)
            return []

    async def _pages(self, channel: str, thread: str, oldest: float) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        cursor = ""
        while True:
            page = await self._workspace.history(channel, thread, oldest, cursor)
            found += page.messages
            if not (cursor := page.cursor):
                return found

    async def _note(self, heard: float) -> None:
        if self.is_whole:
            self._heard = heard
            await self._keepsakes.write({HEARD: f"{heard:.0f}"})
