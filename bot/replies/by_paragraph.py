"""For networks that cannot edit, or shall not: each paragraph when it is finished."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import cast

from bot.replies.filing import GOES_ON
from transports.base import Outbound, PermanentFailure, Previewing, TemporaryFailure, Transport
from transports.format import Paragraphs

log = logging.getLogger(__name__)

PREVIEWED = 4000  # characters of an unfinished paragraph that can be of interest while it grows
CALLS_SHOWN = 5  # tool calls under way that are shown at the same time
PATIENCE = 5.0  # seconds that the end of a run waits for live output under way


class Sending:
    """A task that shows things one after another, and stops at the first that could not be shown."""

    def __init__(self, transport: Transport, group: asyncio.TaskGroup, name: str) -> None:
        self.transport = transport
        self.failed = False
        self._work = asyncio.Event()
        self._closing = False
        self._task = group.create_task(self._pump(), name=name)

    async def next(self) -> bool:
        """Show the next thing; False: nothing to show now."""
        raise NotImplementedError

    def poke(self) -> None:
        self._work.set()

    async def end(self) -> None:
        """Let what is under way be shown, within reason."""
        self._closing = True
        self._work.set()
        await asyncio.wait({self._task}, timeout=PATIENCE)
        self._task.cancel()

    async def _pump(self) -> None:
        while not self.failed:
            self._work.clear()
            try:
                while await self.next():
                    pass
            except (TemporaryFailure, PermanentFailure) as exc:
                # Not lost: what was not shown goes through the outbox, which knows how to wait.
                log.info("live output of %s ended: %s", self._task.get_name(), exc)
                self.failed = True
            except Exception:  # of a transport's own making; out of this task it would end every session's work
                log.exception("live output of %s failed", self._task.get_name())
                self.failed = True
            if self._closing:
                return
            await self._work.wait()


class ByParagraph(Sending):
    """For networks that cannot edit: each paragraph when it is finished."""

    def __init__(
        self,
        run: int,
        target: str,
        transport: Transport,
        group: asyncio.TaskGroup,
        header: str,
        *,
        previewed: bool = False,
        pages: int = 0,
    ) -> None:
        """`previewed`: show what is unfinished too, where the network can take it back.

        `pages`: as many messages of the greatest length are shown, no more; 0: all.
        """
        self._run = run
        self._target = target
        self._limit = transport.capabilities.max_length
        self._room = pages * self._limit if pages else math.inf  # characters that may still be shown
        self._shown = 0  # characters of the answer
        self._over: list[str] = []  # paragraphs that are not shown
        self._late: list[str] = []  # lines, likewise
        self._paragraphs = Paragraphs(self._limit)
        self._queue: list[tuple[str, str]] = [("header", header)] if header else []
        self._ended: set[str] = set()  # calls that were shown
        self._under_way: dict[str, str] = {}  # lines of calls that have not ended
        self._preview = cast("Previewing", transport).preview if previewed and transport.capabilities.preview else None
        self._muted = False
        self._closed = False
        super().__init__(transport, group, f"reply {run}")

    def text(self, delta: str) -> None:
        self._say(self._paragraphs.feed(delta))
        self._show_unfinished()
        self.poke()

    def tool(self, line: str, key: str = "", ended: bool = True) -> None:
        if key and key in self._ended:
            return
        if not ended:
            self._under_way[key] = line
            self._show_unfinished()
            return
        self._under_way.pop(key, None)
        self._ended.add(key)
        self._say(self._paragraphs.rest())  # what was said before the call is shown before it
        if not self._over:
            self._queue.append(("tool", line))
        elif not key:
            self._late.append(line)
        self._show_unfinished()
        self.poke()

    def flush(self) -> None:
        """Nothing gathers: the header goes at once, a paragraph when it is finished."""

    def mute(self) -> None:
        self._muted = True
        self._show_unfinished()

    def last(self) -> None:
        """Nothing that is shown can be edited."""

    def newest(self) -> None:
        """Likewise."""

    def pages(self) -> int:
        return -(-self._shown // self._limit)

    def unshown(self) -> tuple[str, ...]:
        return tuple(self._late)

    async def close(self) -> str:
        self._closed = True
        self._show_unfinished()
        await self.end()
        queued = [text for kind, text in self._queue if kind == "stream"]
        texts = [*queued, *self._over, *self._paragraphs.rest()]
        return "" if self._muted else "\n\n".join(texts)

    def _say(self, paragraphs: list[str]) -> None:
        for text in paragraphs:
            if not self._over and len(text) <= self._room:
                self._room -= len(text)
                self._queue.append(("stream", text))
                continue
            if not self._over:
                self._queue.append(("tool", GOES_ON))
            self._over.append(text)

    def _show_unfinished(self) -> None:
        """Calls under way and the paragraph that is being written, where the network can take them back."""
        if self._preview is None:
            return
        parts = (*list(self._under_way.values())[-CALLS_SHOWN:], self._paragraphs.unfinished[-PREVIEWED:])
        text = "\n".join(part for part in parts if part)
        silent = self._muted or self._closed or self.failed or self._over
        self._preview(self._target, "" if silent else text)

    async def next(self) -> bool:
        if not self._queue or self._muted:
            return False
        kind, text = self._queue[0]
        await self.transport.send(Outbound(self._target, text, kind, run=self._run))
        self._queue.pop(0)
        self._shown += len(text) if kind == "stream" else 0
        return True
