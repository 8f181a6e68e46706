"""Lines of mrkdwn as texts of a size that Slack takes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FENCE = "```"


@dataclass(frozen=True, slots=True)
class Line:
    text: str  # mrkdwn, escaped, at most LONGEST characters and its indentation
    code: bool = False  # stands in a fence, which it can not end
    quotes: int = 0

    def __str__(self) -> str:
        # Quotes do not nest in Slack.
        return f"> {'│ ' * (self.quotes - 1)}{self.text}".rstrip() if self.quotes else self.text


def portions(made: Sequence[Line], limit: int) -> Iterator[str]:
    """Lines as texts of at most `limit` (>= 3,000) characters, their fences balanced; cut at paragraphs if possible."""
    rest = list(made)
    while rest:
        count = _border(rest, _fitting(rest, limit), limit)
        yield from as_text(rest[:count])
        rest = rest[count:]


def _fitting(made: Sequence[Line], limit: int) -> int:
    """How many lines make at most `limit` characters."""
    size, code = 0, False
    for number, line in enumerate(made):
        size += len(str(line)) + 1 + (len(FENCE) + 1) * (line.code != code)
        if size - 1 + (len(FENCE) + 1) * line.code > limit:
            return max(number, 1)
        code = line.code
    return len(made)


def _border(made: Sequence[Line], count: int, limit: int) -> int:
    """The last border of paragraphs up to `count` lines, unless that makes a stub."""
    if count == len(made):
        return count
    size = sum(len(line.text) + 1 for line in made[:count])
    for at in range(count, 0, -1):
        if size < limit // 3:
            break
        if made[at].code != made[at - 1].code or not (made[at].code or made[at].text.strip()):
            return at
        size -= len(made[at - 1].text) + 1
    return count


def as_text(made: Sequence[Line]) -> Iterator[str]:
    """Lines as one text; none where they are blank."""
    shown = [number for number, line in enumerate(made) if line.code or line.text.strip()]
    if not shown:
        return
    parts: list[str] = []
    code = False
    for line in made[shown[0] : shown[-1] + 1]:
        if line.code != code:
            parts.append(FENCE)
        parts.append(str(line))
        code = line.code
    yield "\n".join([*parts, FENCE] if code else parts)
