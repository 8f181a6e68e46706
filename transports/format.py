"""Markdown cut into messages, whole or as it arrives, and Markdown as plain text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from transports.fences import Fence, after_line, after_text, same

LEAST_LIMIT = 64  # characters; below this a fence's own lines would leave no room for code
LOOKAHEAD = 64  # characters after a part that may decide its end: a fence's lead and marker fit

_BLANK = " \t\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """A slice of a text and the fences open at its two ends. The bodies of all pieces joined are the text."""

    before: Fence | None
    body: str
    after: Fence | None


def split_markdown(text: str, limit: int) -> list[str]:
    """`text` in parts of at most `limit` (>= 64) characters, each with its fences balanced.

    Parts end at a paragraph, else a line, else a word. A fence that is cut is closed, and reopened with its info
    string. Only white space at the borders goes; parts of nothing else are left out.
    """
    parts = (render(piece, limit) for piece in pieces(text.rstrip(_BLANK), limit))
    return [part for part in parts if part]


def pieces(text: str, limit: int, fence: Fence | None = None) -> Iterator[Piece]:
    """The slices that `split_markdown` makes of a `text` that starts within `fence`."""
    start = 0
    while start < len(text):
        end, after = cut(text, start, fence, limit)
        yield Piece(fence, text[start:end], after)
        start, fence = end, after


def render(piece: Piece, limit: int) -> str:
    """A piece as a message of its own; "" where it holds nothing to show."""
    body, opening = _without_stray_closer(piece, limit)
    body, closing = _without_stray_opener(piece, body, limit)
    if not opening:
        body = re.sub(r"\A(?:[ \t]*\n)+", "", body)
    if not closing:
        return (opening + body).rstrip(_BLANK)
    return opening + body + ("" if body.endswith("\n") else "\n") + closing


def _without_stray_closer(piece: Piece, limit: int) -> tuple[str, str]:
    """Body and opening line; neither fence line where the body starts with the end of its fence."""
    if piece.before is None:
        return piece.body, ""
    first, _, rest = piece.body.partition("\n")
    if after_line(piece.before, first) is None:
        return rest, ""
    return piece.body, piece.before.opening(limit)


def _without_stray_opener(piece: Piece, body: str, limit: int) -> tuple[str, str]:
    """Body and closing line; neither fence line where the body ends with the start of its fence."""
    if piece.after is None:
        return body, ""
    last = body.rfind("\n", 0, max(len(body) - 1, 0)) + 1
    repeated = piece.after.info in piece.after.opening(limit)  # else the info string would be lost
    if body.endswith("\n") and repeated and _opens(piece, body, last):
        return body[:last], ""
    return body, piece.after.closing


def _opens(piece: Piece, body: str, last: int) -> bool:
    inside = piece.before if body == piece.body else None  # a stray closer has ended the fence already
    return after_text(inside, body[:last]) is None and after_line(None, body[last:]) is not None


def cut(text: str, start: int, fence: Fence | None, limit: int) -> tuple[int, Fence | None]:
    """Where the part that starts at `start` ends, and the fence open there.

    Reads no further than limit + LOOKAHEAD characters, so that text which is still arriving is cut the same way.
    """
    horizon = min(len(text), start + limit + LOOKAHEAD)
    opening = len(fence.opening(limit)) if fence else 0
    paragraph: _Cut | None = None
    line: _Cut | None = None
    at, state = start, fence
    while at < horizon:
        end = text.find("\n", at, horizon) + 1 or horizon
        after = after_line(state, text[at:end])
        if opening + _length(text, start, end) + _closing(after) > limit:
            break
        line = (end, after)
        if after is None and (state is not None or not text[at:end].strip(_BLANK)):
            paragraph = line
        at, state = end, after
    else:
        return at, state
    within = _Line(text, at, end, state, highest=start + limit - opening)
    return _choose((paragraph, line, within.word()), start + limit // 3) or within.anywhere()


_Cut = tuple[int, Fence | None]


def _choose(borders: tuple[_Cut | None, ...], floor: int) -> _Cut | None:
    """The first border, unless it makes a stub of a part while a lesser one does not."""
    known = [border for border in borders if border]
    return next((border for border in known if border[0] >= floor), known[0] if known else None)


def _closing(fence: Fence | None) -> int:
    return len(fence.closing) + 1 if fence else 0


def _length(text: str, start: int, end: int) -> int:
    """Characters of a slice without the newline that a border swallows."""
    return end - start - text.endswith("\n", start, end)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that does not fit, to be cut somewhere inside."""

    text: str
    start: int
    end: int
    fence: Fence | None
    highest: int  # no cut after this offset

    def word(self) -> _Cut | None:
        at = self.highest
        for _ in range(LOOKAHEAD):
            at = max(self.text.rfind(" ", self.start, at), self.text.rfind("\t", self.start, at))
            if at < 0 or not self.text[self.start : at].strip(_BLANK):
                return None
            if found := self._fits(at + 1):
                return found
        return None

    def anywhere(self) -> _Cut:
        late = range(self.highest, max(self.highest - LOOKAHEAD, self.start), -1)
        early = range(min(self.start + LOOKAHEAD, self.highest), self.start, -1)
        fits = (found for at in (*late, *early) if (found := self._fits(at)))
        # Every window that long has a place where neither half looks like a fence; the last resort stays in bounds.
        return next(fits, (max(self.highest - 21, self.start + 1), self.fence))

    def _fits(self, at: int) -> _Cut | None:
        """A cut at `at`, unless a half of the line would open or close a fence that the whole line does not."""
        after = after_line(self.fence, self.text[self.start : at])
        whole = after_line(self.fence, self.text[self.start : self.end])
        then = after_line(after, self.text[at : self.end])
        if not same(after, whole) or not same(then, after) or at + _closing(after) > self.highest:
            return None
        return at, after


class Paragraphs:
    """Finished paragraphs of a Markdown text that arrives in deltas of any size.

    A blank line ends a paragraph, unless a code fence is open. What grows over `limit` (>= 64) characters is cut as
    `split_markdown` cuts. How the text was divided into deltas makes no difference.
    """

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, LEAST_LIMIT)
        self._text = ""  # not yet given out
        self._before: Fence | None = None  # open where _text begins
        self._seen = 0  # whole lines of _text that were examined, in characters
        self._state: Fence | None = None  # open at _seen
        self._written = False  # something but blanks before _seen

    def feed(self, delta: str) -> list[str]:
        """The paragraphs that `delta` finishes, each at most `limit` characters."""
        self._text += delta
        parts: list[str] = []
        while (end := self._next_end()) is not None:
            parts += self._take(end)
        return parts

    def rest(self) -> list[str]:
        """What has not been given out, its fence closed; starts afresh. Usually no or one part, rarely two."""
        parts = self._take(len(self._text.rstrip(_BLANK)))
        self._text, self._before, self._state = "", None, None
        return parts

    @property
    def unfinished(self) -> str:
        """What has not been given out yet."""
        return self._text

    def _next_end(self) -> int | None:
        """Offset to give out up to, decided by no more than limit + LOOKAHEAD characters; None: wait for more."""
        horizon = self._limit + LOOKAHEAD
        while end := self._text.find("\n", self._seen, horizon) + 1:
            if self._ends_paragraph(end):
                return end
        if len(self._text) < horizon:
            return None
        return cut(self._text, 0, self._before, self._limit)[0]

    def _ends_paragraph(self, end: int) -> bool:
        line = self._text[self._seen : end]
        blank = not line.strip(_BLANK)
        self._state = after_line(self._state, line)
        self._written = self._written or not blank
        self._seen = end
        return blank and self._written and self._state is None

    def _take(self, end: int) -> list[str]:
        taken, self._text = self._text[:end], self._text[end:]
        made = list(pieces(taken, self._limit, self._before))
        self._before = self._state = made[-1].after if made else self._before
        self._seen, self._written = 0, False
        return [part for piece in made if (part := render(piece, self._limit))]


_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(?=\S)")
_INLINE = re.compile(
    r"(?<!`)(?P<ticks>`{1,2})(?!`)(?P<code>[^`\n]{1,1000})(?P=ticks)(?!`)"
    r"|(?<![*\w])\*\*(?=[^\s*])(?P<strong>[^*\n]{0,999}[^\s*])\*\*(?![*\w])"
    r"|(?<![\]\\])\[(?P<words>[^\[\]\n]{1,500})\]\((?P<url>https?://[^\s()]{1,2000})\)"
)


def to_plain(markdown: str) -> str:
    """`markdown` without fence lines, heading marks, backticks, ** and link brackets; everything else as it was.

    Cautious on purpose: underscores, single asterisks and escapes are as often code as they are emphasis, and a
    reader of plain text is served worse by a changed file name than by a stray star.
    """
    lines: list[str] = []
    fence: Fence | None = None
    for line in markdown.split("\n"):
        after = after_line(fence, line)
        if same(fence, after):
            lines.append(line if fence else _INLINE.sub(_plain, _HEADING.sub("", line)))
        fence = after
    return "\n".join(lines)


def _plain(span: re.Match[str]) -> str:
    if span["code"] is not None:
        return span["code"]
    if span["strong"] is not None:
        return _INLINE.sub(_plain, span["strong"])
    words, url = _INLINE.sub(_plain, span["words"]), span["url"]
    return url if words == url else f"{words} ({url})"
