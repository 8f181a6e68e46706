"""One run's reply: shown while it grows where the network allows, complete at the end whatever the network did.

The live part is best effort: it goes to the transport directly, from a task of its own, so that a slow network never
slows the agent. What it did not show is the *rest*; the rest and the footer are notices, committed with the run's end
and delivered by the outbox.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, cast

from bot.agents.base import ToolCall
from bot.replies.by_edit import ByEdit, Said
from bot.replies.places import Places
from dispatcher.model import Notice
from transports.base import Capabilities, Outbound, PermanentFailure, Previewing, TemporaryFailure, Transport
from transports.format import Paragraphs, split_markdown

log = logging.getLogger(__name__)

PREVIEWED = 4000  # characters of an unfinished paragraph that can be of interest while it grows
CALLS_SHOWN = 5  # tool calls under way that are shown at the same time
GATHER = 0.4  # seconds that an answer gathers before it is shown: a short one is one message, and is there sooner
PATIENCE = 5.0  # seconds that the end of a run waits for live output under way
MARKS = {"completed": "✔", "failed": "✘"}
WORDLESS = "*(done, without a word)*"
UNDER_WAY = "…"  # as long as the marks, so that a line that changes moves nothing else


class Live(Protocol):
    """A way to show an answer while it grows."""

    def text(self, delta: str) -> None: ...

    def tool(self, line: str, key: str = "", ended: bool = True) -> None:
        """A line about the work. Where lines can change, a later one of the same key takes its place.

        Where they cannot, only one that has `ended` is shown.
        """
        ...

    async def close(self) -> str:
        """Stop showing; what of the text was not shown."""
        ...

    def last(self) -> Said | None:
        """Once closed: the message of ours that ends with the last of the words, where it can still be edited."""
        ...

    def mute(self) -> None: ...


class ReplyWriter:
    """Takes an agent's words; gives notices at the end."""

    def __init__(self, run: int, target: str, live: Live, *, max_length: int, footers: bool) -> None:
        self._run = run
        self._target = target
        self._live = live
        self._max_length = max_length
        self._footers = footers
        self._tools: dict[str, str] = {}
        self.answer: list[str] = []
        self._muted = False

    def text(self, delta: str) -> None:
        self.answer.append(delta)
        self._live.text(delta)

    def tool(self, call: ToolCall) -> None:
        """One line for each call, updated in place; agents may report its end only, or more than once."""
        line = f"▸ {' '.join(call.title.split())[:200]} {MARKS.get(call.status, UNDER_WAY)}"
        if self._tools.get(call.id) != line:
            self._tools[call.id] = line
            self._live.tool(line, call.id, call.status in MARKS)

    def line(self, text: str, key: str, ended: bool) -> None:
        """A line that a later one of the same key replaces."""
        self._live.tool(text, key, ended)

    def notice(self, text: str) -> None:
        self._live.tool(text)

    def mute(self) -> None:
        """Show nothing more: the person asked for an end."""
        self._muted = True
        self._live.mute()

    async def finish(self, footer: str = "", trouble: str = "") -> tuple[Notice, ...]:
        """What must still arrive: unshown text, then what went wrong, then the footer."""
        rest = (await self._live.close()).strip("\n")
        # A program that reads our lines waits for one, and so does a person.
        wordless = footer and not (rest.strip() or trouble or self._muted or any(map(str.strip, self.answer)))
        said = WORDLESS if wordless else rest
        ending = "\n\n".join(part for part in (trouble, footer if self._footers else "") if part)
        text = "\n\n".join(part for part in (said, ending) if part)
        if text and not rest and not trouble and (notice := self._appended(text)):
            return (notice,)
        parts = split_markdown(text, self._max_length) if text else []
        kind = "failure" if trouble else "answer"
        return tuple(
            Notice(self._target, part, kind, f"run/{self._run}/{number}") for number, part in enumerate(parts, 1)
        )

    def _appended(self, line: str) -> Notice | None:
        """`line` at the end of what is shown already, where that can be edited: one message for one answer."""
        last = self._live.last()
        text = f"{last.text}\n\n{line}" if last else ""
        if last is None or len(text) > self._max_length:
            return None
        asides = (*last.asides, (len(text) - len(line), len(text)))
        return Notice(self._target, text, "answer", f"run/{self._run}/1", last.id, asides)


class Replies:
    """Makes a writer for each run, by what its network can and the settings want."""

    def __init__(self, places: Places, group: asyncio.TaskGroup, *, stream: str, edit_interval: float) -> None:
        self._places = places
        self._group = group
        self._stream = stream  # edit | paragraphs | final
        self._interval = edit_interval

    def writer(self, run: int, target: str, header: str) -> ReplyWriter:
        transport = self._places.of(target)
        can = transport.capabilities if transport else Capabilities(paragraphs=False)
        live = self._live(run, target, header, transport)
        footers = can.edit or can.paragraphs  # people like to see them, programs do not
        return ReplyWriter(run, target, live, max_length=can.max_length, footers=footers)

    def _live(self, run: int, target: str, header: str, transport: Transport | None) -> Live:
        if transport is None or self._stream == "final":
            return Final()
        if transport.capabilities.edit and self._stream == "edit":
            return ByEdit(run, target, transport, self._group, header, self._interval, GATHER)
        if transport.capabilities.edit or transport.capabilities.paragraphs:
            previewed = self._stream == "edit"  # the other word says: when they are finished
            return ByParagraph(run, target, transport, self._group, header, previewed=previewed)
        return Final()


class Final:
    """Shows nothing before the end."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._muted = False

    def text(self, delta: str) -> None:
        self._text.append(delta)

    def tool(self, line: str, key: str = "", ended: bool = True) -> None:
        """Not part of the answer."""

    def mute(self) -> None:
        self._muted = True

    def last(self) -> None:
        """Nothing was shown."""

    async def close(self) -> str:
        return "" if self._muted else "".join(self._text)


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
    ) -> None:
        """`previewed`: show what is unfinished too, where the network can take it back."""
        self._run = run
        self._target = target
        self._paragraphs = Paragraphs(transport.capabilities.max_length)
        self._queue: list[tuple[str, str]] = [("header", header)] if header else []
        self._ended: set[str] = set()  # calls that were shown
        self._under_way: dict[str, str] = {}  # lines of calls that have not ended
        self._preview = cast("Previewing", transport).preview if previewed and transport.capabilities.preview else None
        self._muted = False
        self._closed = False
        super().__init__(transport, group, f"reply {run}")

    def text(self, delta: str) -> None:
        self._queue += [("stream", paragraph) for paragraph in self._paragraphs.feed(delta)]
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
        # What was said before the call is shown before it.
        self._queue += [*(("stream", part) for part in self._paragraphs.rest()), ("tool", line)]
        self._show_unfinished()
        self.poke()

    def mute(self) -> None:
        self._muted = True
        self._show_unfinished()

    def last(self) -> None:
        """Nothing that is shown can be edited."""

    async def close(self) -> str:
        self._closed = True
        self._show_unfinished()
        await self.end()
        texts = [text for kind, text in self._queue if kind == "stream"] + self._paragraphs.rest()
        return "" if self._muted else "\n\n".join(texts)

    def _show_unfinished(self) -> None:
        """Calls under way and the paragraph that is being written, where the network can take them back."""
        if self._preview is None:
            return
        parts = (*list(self._under_way.values())[-CALLS_SHOWN:], self._paragraphs.unfinished[-PREVIEWED:])
        text = "\n".join(part for part in parts if part)
        self._preview(self._target, "" if self._muted or self._closed or self.failed else text)

    async def next(self) -> bool:
        if not self._queue or self._muted:
            return False
        kind, text = self._queue[0]
        await self.transport.send(Outbound(self._target, text, kind, run=self._run))
        self._queue.pop(0)
        return True
