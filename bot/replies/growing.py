"""An answer and the lines about its work, laid out as messages while both still grow. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from transports.fences import Fence, after_line, after_text
from transports.format import LEAST_LIMIT, Piece, cut, render

_BLANK_LINES = re.compile(r"\A(?:[ \t]*\n)+")
# The start of a line that may yet become a fence, or one whose info string may not be whole.
_HALF_FENCE = re.compile(
    r"(?:\A|(?<=\n))[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?:`{1,2}|~{1,2}|(?:`{3,8}|~{3,8})[^`\n]{0,80})\Z"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A place between two characters of what has grown since the last turn."""

    block: int = 0
    offset: int = 0
    fence: Fence | None = None  # open there


@dataclass(frozen=True, slots=True)
class Page:
    """One message as it stands."""

    text: str  # Markdown with its fences closed; "" where there is nothing to show
    asides: tuple[tuple[int, int], ...]  # see transports.base.Outbound
    end: Mark
    full: bool  # the rest belongs to the next message


@dataclass(slots=True)
class _Block:
    text: str
    aside: bool
    key: str = ""  # by which an aside is replaced


class Growing:
    """Words and lines in the order they came. Each character of the words is on one page, or in the rest."""

    def __init__(self, header: str, limit: int) -> None:
        """`limit`: characters of one message, at least 64."""
        self._limit = max(limit, LEAST_LIMIT)
        self._blocks: list[_Block] = []  # from the start of the current page
        self._fresh: list[str] = []  # words that belong to the last block; joined when someone looks
        self._fence: Fence | None = None  # open where the current page starts
        self.aside(header)

    def text(self, delta: str) -> None:
        self._fresh.append(delta)

    def aside(self, line: str, key: str = "") -> None:
        """Put `line`, made one line, behind what was said before it; or in place of the one of the same key.

        One on an earlier page stays as it is, for that message is finished; the new line stands behind the rest then.
        """
        self._join()
        if not (line := _one_line(line, self._limit)):
            return
        former = next((block for block in self._blocks if key and block.key == key), None)
        if former is not None:
            former.text = line
            return
        self._hold_back()
        self._blocks.append(_Block(line, aside=True, key=key))

    def page(self, *, final: bool = False) -> Page:
        """The current page as far as it goes. What may become a fence is held back, unless this is `final`."""
        self._join()
        layout = _Layout(self._limit)
        fence, last = self._fence, len(self._blocks) - 1
        for number, block in enumerate(self._blocks):
            if not layout.fits(block):
                return layout.page(Mark(number, 0, fence), full=True)
            if block.aside:
                layout.add(block.text, aside=True)
                continue
            shown = len(block.text) if final or number < last else _settled(block.text)
            end, after = cut(block.text[:shown], 0, fence, layout.room)
            layout.add(_rendered(Piece(fence, block.text[:end], after), layout.room))
            if end < shown:
                return layout.page(Mark(number, end, after), full=True)
            fence = after
            if number == last:
                return layout.page(Mark(number, end, after), full=False)
        return layout.page(Mark(len(self._blocks), 0, fence), full=False)

    def turn(self, page: Page) -> None:
        """Begin the next page behind a full one."""
        end = page.end
        self._blocks = self._blocks[end.block :]
        if end.offset:
            self._blocks[0].text = self._blocks[0].text[end.offset :]
        self._fence = end.fence

    @property
    def start(self) -> Mark:
        """Of the current page."""
        return Mark(fence=self._fence)

    def lines(self, shown: Mark | None) -> tuple[str, ...]:
        """The asides without a key behind `shown`, which no later one can replace."""
        behind = self._blocks[shown.block if shown else 0 :]
        return tuple(block.text for block in behind if block.aside and not block.key)

    def rest(self, shown: Mark | None) -> str:
        """The words behind `shown` (None: of the current page and on), as Markdown that stands by itself."""
        self._join()
        start = shown or self.start
        parts, fence, offset = [], start.fence, start.offset
        for block in self._blocks[start.block :]:
            if not block.aside:
                body = block.text[offset:]
                after = after_text(fence, body)
                parts.append(_rendered(Piece(fence, body, after), self._limit))
                fence = after
            offset = 0
        return "\n\n".join(part for part in parts if part)

    def _hold_back(self) -> None:
        """Half a fence stays together, behind the aside that came in its middle."""
        if self._blocks and not (block := self._blocks[-1]).aside:
            settled = _settled(block.text)
            self._fresh = [block.text[settled:]]
            block.text = block.text[:settled]

    def _join(self) -> None:
        fresh = "".join(self._fresh)
        self._fresh.clear()
        if fresh and self._blocks and not self._blocks[-1].aside:
            self._blocks[-1].text += fresh
        elif fresh:
            self._blocks.append(_Block(fresh, aside=False))


class _Layout:
    """A page under construction: blocks parted by blank lines, neighbouring asides by line ends."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._text = ""
        self._asides: list[tuple[int, int]] = []

    @property
    def room(self) -> int:
        """Characters left for words."""
        return self._limit - len(self._text) - (2 if self._text else 0)

    def fits(self, block: _Block) -> bool:
        return not self._text or self.room >= (len(block.text) if block.aside else LEAST_LIMIT)

    def add(self, text: str, *, aside: bool = False) -> None:
        if not text:
            return
        joins = aside and bool(self._asides) and self._asides[-1][1] == len(self._text)
        self._text += ("\n" if joins else "\n\n") if self._text else ""
        start = self._asides.pop()[0] if joins else len(self._text)
        self._text += text
        if aside:
            self._asides.append((start, len(self._text)))

    def page(self, end: Mark, *, full: bool) -> Page:
        return Page(self._text, tuple(self._asides), end, full)


def _rendered(piece: Piece, limit: int) -> str:
    """Like `render`, but blank lines between a reopened fence and its end make no empty block of code."""
    body = _BLANK_LINES.sub("", piece.body)
    return render(replace(piece, body=body), limit) if body.strip() else ""


def _settled(text: str) -> int:
    """How many characters cannot change their meaning any more by what follows on their line."""
    found = _HALF_FENCE.search(text, max(0, text.rfind("\n") + 1))
    return found.start() if found else len(text)


def _one_line(text: str, limit: int) -> str:
    line = " ".join(text.split())[:limit]
    return f"▸ {line}"[:limit] if after_line(None, line) else line  # a fence would swallow the answer
