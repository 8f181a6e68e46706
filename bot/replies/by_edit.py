"""For networks that can edit: one message that grows; the next one where the length ends it."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from bot.replies.filing import GOES_ON
from bot.replies.growing import Growing, Mark, Page
from transports.base import Choice, MessageRef, Outbound, PermanentFailure, TemporaryFailure, Transport

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds that the end of a run waits for the last state to be shown
LONGEST_DELAY = 60.0  # seconds between attempts while the network takes nothing


@dataclass(frozen=True, slots=True)
class Said:
    """A message of ours as it is shown."""

    id: str
    text: str
    asides: tuple[tuple[int, int], ...]
    choices: tuple[Choice, ...] = ()
    promise: bool = False  # it says what will come, and has to be kept or taken back


class ByEdit:
    """Never blocks whoever calls it but `close`; a task of the group does the showing."""

    def __init__(
        self,
        run: int,
        target: str,
        transport: Transport,
        group: asyncio.TaskGroup,
        header: str,
        interval: float,
        gather: float = 0.0,
        *,
        choices: tuple[Choice, ...] = (),
        pages: int = 0,
    ) -> None:
        """`interval`: least seconds between two edits of a message; a network that asks for more gets more.

        `gather`: seconds before anything is shown, unless the reply ends sooner. `choices`: what may be pressed under
        the newest message. `pages`: as many messages are shown, and one that says that there is more; 0: all.
        """
        self._choices = choices
        self._most = pages
        self._turns = 0  # pages that are full
        self._run = run
        self._target = target
        self._transport = transport
        self._interval = max(interval, transport.capabilities.edit_interval)
        self._growing = Growing(header, transport.capabilities.max_length)
        self._message: MessageRef | None = None  # the current page's
        self._last = ""  # what it says
        self._asides: tuple[tuple[int, int], ...] = ()
        self._pressable: tuple[Choice, ...] = ()  # what may be pressed under it
        self._shown: Mark | None = None  # how far it goes; None: it has not begun
        self._begun = False  # something was shown
        self._gathered = asyncio.Event()  # nothing gathers any more
        self._failures = 0  # in a row
        self._loop = asyncio.get_running_loop()
        self._first = self._loop.create_future()  # done when the first attempt to show something has ended
        self._due = self._loop.time()  # of the next edit; after a failure, of the next try
        self._barred = self._loop.time()  # until then the network has asked to be left alone
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._muted = False
        self._wake.set()  # for the header
        self._task = group.create_task(self._work(gather), name=f"reply {run}")
        self._task.add_done_callback(lambda _: self._tried())

    def text(self, delta: str) -> None:
        self._growing.text(delta)
        self._wake.set()

    def tool(self, line: str, key: str = "", ended: bool = True) -> None:
        self._growing.aside(line, key)
        self._wake.set()

    def flush(self) -> asyncio.Future[None]:
        self._gathered.set()
        return self._first

    def mute(self) -> None:
        self._muted = True
        self._task.cancel("muted")

    async def close(self) -> str:
        """Show the last state without waiting for its time; what of the text was not shown."""
        self._closing.set()
        self._gathered.set()
        self._wake.set()
        await asyncio.wait({self._task}, timeout=PATIENCE)
        self._task.cancel("closed")
        return "" if self._muted else self._growing.rest(self._shown)

    def last(self) -> Said | None:
        """The message that shows the end of all that was said, once closed; None: there is more, or nothing."""
        if self._muted or self._message is None or self._growing.rest(self._shown):
            return None
        newest = self.newest()
        return None if newest is None or newest.promise else newest

    def newest(self) -> Said | None:
        if self._message is None:
            return None
        return Said(self._message.id, self._last, self._asides, self._pressable, promise=self._is_full())

    def pages(self) -> int:
        return self._turns + (self._message is not None and not self._is_full())

    def unshown(self) -> tuple[str, ...]:
        return () if self._muted else self._growing.lines(self._shown)

    async def _work(self, gather: float) -> None:
        await self._gather(gather)
        while self._wake.is_set() or not self._closing.is_set():
            await self._wake.wait()
            self._wake.clear()
            try:
                while await self._next():
                    pass
            except (PermanentFailure, TemporaryFailure) as exc:
                # Not lost: what was not shown goes through the outbox, which knows how to wait.
                log.info("live output of run %s ended: %s", self._run, exc)
                return
            except Exception:  # of a transport's own making; out of this task it would end every session's work
                log.exception("live output of run %s failed", self._run)
                return

    async def _gather(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._gathered.wait()
        except TimeoutError:
            return

    def _tried(self) -> None:
        if not self._first.done():
            self._first.set_result(None)

    async def _next(self) -> bool:
        """Show what is new; False: nothing is."""
        if self._is_shown(page := self._page()):
            return self._turned(page)
        await self._until_due()
        page = self._page()  # with what came in the meantime
        try:
            await self._show(page)
        except TemporaryFailure as exc:
            self._put_off(exc)
        else:
            self._turned(page)
        finally:
            self._tried()
        return True

    def _page(self) -> Page:
        closing = self._closing.is_set()
        if not self._is_full():
            return self._growing.page(final=closing)
        # Too late for a promise: it would be kept in the same instant.
        return Page("" if closing else GOES_ON, ((0, len(GOES_ON)),), self._growing.start, full=False)

    def _is_full(self) -> bool:
        return 0 < self._most <= self._turns

    def _is_shown(self, page: Page) -> bool:
        bare = not (page.full and self._pressable)  # the next page has the button
        return page.text == "" or (page.text == self._last and bare)

    async def _until_due(self) -> None:
        """Raises TemporaryFailure where the reply is closed while the network wants to be left alone."""
        if self._message is None and self._begun and not self._failures:
            return  # a new message is no edit
        try:
            async with asyncio.timeout_at(self._due):
                await self._closing.wait()
        except TimeoutError:
            return
        if self._loop.time() < self._barred:
            raise TemporaryFailure("the network asked for a pause")

    async def _show(self, page: Page) -> None:
        choices = () if page.full else self._choices
        message = Outbound(self._target, page.text, "stream", run=self._run, asides=page.asides, choices=choices)
        if self._message is None:
            self._message = await self._transport.send(message)
        else:
            await self._transport.edit(self._message, message)
        self._last, self._asides, self._shown = page.text, page.asides, page.end
        self._pressable = choices
        self._failures, self._begun = 0, True
        self._due = self._loop.time() + self._interval

    def _put_off(self, exc: TemporaryFailure) -> None:
        """Raises `exc` where there is no time for another attempt."""
        if self._closing.is_set():
            raise exc
        log.info("live output of run %s waits: %s", self._run, exc)
        now = self._loop.time()
        self._barred = now + (exc.retry_after or 0)
        self._due = max(self._barred, now + min(self._interval * 2 ** min(self._failures, 10), LONGEST_DELAY))
        self._failures += 1

    def _turned(self, page: Page) -> bool:
        """Whether `page`, which is shown, was full, so that the next one begins."""
        if page.full:
            self._growing.turn(page)
            self._message, self._last, self._shown = None, "", None
            self._turns += 1
        return page.full
