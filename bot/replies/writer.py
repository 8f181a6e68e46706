"""One run's reply: shown while it grows where the network allows, complete at the end whatever the network did.

The live part is best effort: it goes to the transport directly, from a task of its own, so that a slow network never
slows the agent. What it did not show is the *rest*; the rest and the footer are notices, committed with the run's end
and delivered by the outbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from bot.agents.base import ToolCall
from bot.replies.by_edit import ByEdit, Said
from bot.replies.by_paragraph import ByParagraph
from bot.replies.delivery import SHOWN
from bot.replies.filing import PAGES, UNSHOWN, Filing, filing, holds_all
from bot.replies.places import Places
from dispatcher.model import Notice
from transports.base import Capabilities, Choice, Transport
from transports.format import split_markdown

GATHER = 0.4  # seconds that an answer gathers before it is shown: a short one is one message, and is there sooner
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

    def flush(self) -> asyncio.Future[None] | None:
        """Show what there is now, rather than gather on. Done when the first of it is shown, or could not be.

        None: nothing gathers.
        """
        ...

    async def close(self) -> str:
        """Stop showing; what of the text was not shown."""
        ...

    def last(self) -> Said | None:
        """Once closed: the message of ours that ends with the last of the words, where it can still be edited."""
        ...

    def newest(self) -> Said | None:
        """Once closed: the newest message of ours that can still be edited, whatever it says."""
        ...

    def pages(self) -> int:
        """How many messages of the greatest length what was shown comes to."""
        ...

    def unshown(self) -> tuple[str, ...]:
        """Once closed: lines without a key for which there was no room."""
        ...

    def mute(self) -> None: ...


class ReplyWriter:
    """Takes an agent's words; gives notices at the end."""

    def __init__(
        self, run: int, target: str, live: Live, *, max_length: int, footers: bool, files: Filing | None = None
    ) -> None:
        """`files`: takes what is too long; None: it goes in parts, however many."""
        self._files = files
        self._parted = False  # something was done since the last words
        self._run = run
        self._target = target
        self._live = live
        self._max_length = max_length
        self._footers = footers
        self._file = f"answer-{run}.md"
        self._tools: dict[str, str] = {}
        self.answer: list[str] = []
        self._muted = False

    def text(self, delta: str) -> None:
        if self._parted and self.answer and not self.answer[-1].endswith("\n"):
            self.answer.append("\n\n")
        self._parted = False
        self.answer.append(delta)
        self._live.text(delta)

    def tool(self, call: ToolCall) -> None:
        """One line for each call, updated in place; agents may report its end only, or more than once."""
        line = f"▸ {' '.join(call.title.split())[:200]} {MARKS.get(call.status, UNDER_WAY)}"
        self._parted = self._parted or call.id not in self._tools
        if self._tools.get(call.id) != line:
            self._tools[call.id] = line
            self._live.tool(line, call.id, call.status in MARKS)

    def line(self, text: str, key: str, ended: bool) -> None:
        """A line that a later one of the same key replaces."""
        self._live.tool(text, key, ended)

    def notice(self, text: str) -> None:
        self._live.tool(text)

    def flush(self) -> asyncio.Future[None] | None:
        """As Live.flush: before something is said beside the reply that belongs below it."""
        return self._live.flush()

    def mute(self) -> None:
        """Show nothing more: the person asked for an end."""
        self._muted = True
        self._live.mute()

    async def finish(self, footer: str = "", trouble: str = "") -> tuple[Notice, ...]:
        """What must still arrive: unshown text, then what went wrong, then the footer."""
        rest = (await self._live.close()).strip("\n")
        # A program that reads our lines waits for one, and so does a person.
        wordless = footer and not (rest.strip() or trouble or self._muted or any(map(str.strip, self.answer)))
        said = [WORDLESS if wordless else rest]
        if await self._filed(rest):
            said = [*self._beginning(rest), holds_all(self._file, sum(map(len, self.answer)))]
        lines = self._live.unshown()
        header = lines[: 0 if self._live.pages() else 1]  # what every reply begins with, where nothing was shown
        said[0] = "\n\n".join(part for part in (*header, said[0]) if part)
        endings = (*lines[len(header) :], trouble, footer if self._footers else "")
        *before, text = [*said[:-1], "\n\n".join(part for part in (said[-1], *endings) if part)]
        if text and not rest and not trouble and (notice := self._appended(text)):
            return (notice,)
        return self._tidied(self._notices((*before, text), "failure" if trouble else "answer"))

    async def _filed(self, rest: str) -> bool:
        """Whether the whole answer went as a file, because `rest` would be too many messages."""
        if self._files is None or not rest:
            return False
        pages = self._live.pages() + -(-len(rest) // self._max_length)
        return pages > PAGES and await self._files.file(self._file, "".join(self.answer))

    def _beginning(self, rest: str) -> list[str]:
        """A message of it, where nothing of it was shown."""
        return [] if self._live.pages() else split_markdown(rest[: self._max_length], self._max_length)[:1]

    def _notices(self, texts: Sequence[str], kind: str) -> tuple[Notice, ...]:
        parts = [part for text in texts if text for part in split_markdown(text, self._max_length)]
        return tuple(
            Notice(self._target, part, kind, f"run/{self._run}/{number}") for number, part in enumerate(parts, 1)
        )

    def _tidied(self, notices: tuple[Notice, ...]) -> tuple[Notice, ...]:
        """No promise is left behind, and no button."""
        newest = self._live.newest()
        if newest is not None and newest.promise:
            first, *others = notices or self._notices((UNSHOWN,), "answer")
            return (replace(first, edits=newest.id), *others)
        if newest is not None and newest.choices:
            tidy = Notice(self._target, newest.text, SHOWN, f"run/{self._run}/shown", newest.id, newest.asides)
            return (tidy, *notices)
        return notices

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
        files = filing(transport, target)
        return ReplyWriter(run, target, live, max_length=can.max_length, footers=footers, files=files)

    def _live(self, run: int, target: str, header: str, transport: Transport | None) -> Live:
        if transport is None or self._stream == "final":
            return Final()
        can, group = transport.capabilities, self._group
        pages = PAGES if can.upload else 0
        if can.edit and self._stream == "edit":
            choices = (Choice(f"stop {run}", "Stop", "🛑"),) if can.buttons else ()
            return ByEdit(run, target, transport, group, header, self._interval, GATHER, choices=choices, pages=pages)
        if can.edit or can.paragraphs:
            previewed = self._stream == "edit"  # the other word says: when they are finished
            return ByParagraph(run, target, transport, group, header, previewed=previewed, pages=pages)
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

    def flush(self) -> None:
        """It is shown at the end alone."""

    def mute(self) -> None:
        self._muted = True

    def last(self) -> None:
        """Nothing was shown."""

    def newest(self) -> None:
        """Likewise."""

    def pages(self) -> int:
        return 0

    def unshown(self) -> tuple[str, ...]:
        return ()

    async def close(self) -> str:
        return "" if self._muted else "".join(self._text)
