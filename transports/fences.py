"""Code fences, line by line (CommonMark 0.31 §4.5), as far as splitting a text needs them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

LEAD_LIMIT = 12  # characters before a marker; deeper ones are taken for text, so that fences have a bounded size
MARK_LIMIT = 8  # characters of an opening marker, likewise

# Fences stand in lists and quotes too ("1. ```py", "> ```"); the lead is remembered to reopen them in place.
_OPEN = re.compile(
    r"(?P<lead>(?:[ \t>]|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t])){0,12})"
    r"(?:(?P<ticks>`{3,8})(?!`)(?P<plain>[^`\n]*)|(?P<tildes>~{3,8})(?!~)(?P<any>[^\n]*))\n?\Z"
)
_CLOSE = re.compile(r"(?P<lead>[ \t>]*)(?P<mark>`{3,}|~{3,})[ \t]*\n?\Z")


@dataclass(frozen=True, slots=True)
class Fence:
    """An open code fence."""

    lead: str  # what stands before the marker when it is written again: list markers have become spaces
    mark: str
    info: str = ""

    def opening(self, limit: int) -> str:
        """The line that reopens it, with the info string where that takes at most half of `limit` characters."""
        full = f"{self.lead}{self.mark}{self.info}\n"
        return full if len(full) <= limit // 2 else f"{self.lead}{self.mark}\n"

    @property
    def closing(self) -> str:
        return self.lead + self.mark


def fenced(text: str) -> str:
    """`text` as a block of code that nothing in it can end. Runs of seven and more marks are shortened to six."""
    text = re.sub(r"`{7,}", "`" * (MARK_LIMIT - 2), text.rstrip("\n"))
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    mark = "`" * (longest + 1)
    return f"{mark}\n{text}\n{mark}"


def after_line(fence: Fence | None, line: str) -> Fence | None:
    """The fence that is open after `line` (with or without its newline), where `fence` was open before it."""
    return _opened(line) if fence is None else _kept(fence, line)


def after_text(fence: Fence | None, text: str) -> Fence | None:
    """The fence that is open after all lines of `text`."""
    for line in text.split("\n"):
        fence = after_line(fence, line)
    return fence


def same(one: Fence | None, other: Fence | None) -> bool:
    """Whether the same lines end both (an info string may have been cut)."""
    return (one and (one.lead, one.mark)) == (other and (other.lead, other.mark))


def _opened(line: str) -> Fence | None:
    found = _OPEN.match(line)
    if found is None or len(found["lead"]) > LEAD_LIMIT:
        return None
    lead = re.sub(r"[^\s>]", " ", found["lead"])
    return Fence(lead, found["ticks"] or found["tildes"], (found["plain"] or found["any"] or "").rstrip())


def _kept(fence: Fence, line: str) -> Fence | None:
    found = _CLOSE.match(line)
    if found is None or found["mark"][0] != fence.mark[0] or len(found["mark"]) < len(fence.mark):
        return fence
    deeper = len(found["lead"]) > len(fence.lead) + 3  # code that shows a fence of its own, indented
    quoted = ">" in found["lead"] and ">" not in fence.lead
    return fence if deeper or quoted else None
