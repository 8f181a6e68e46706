"""What we say as Slack's Block Kit. Pure.

https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from transports.base import Choice
from transports.clean import clean_output
from transports.format import to_plain
from transports.slack.lines import portions
from transports.slack.markup import asides as quiet_lines
from transports.slack.markup import lines
from transports.slack.model import Content
from transports.slack.spans import escape

TEXT = 3_000  # characters of a text object
STUB = 1_000  # characters; no piece but the last is shorter for the sake of a line's end
MOST = 50  # blocks of a message
# All text of a message's blocks. Undocumented: Slack answers `msg_blocks_too_long` at about 13,000, and sooner where
# there are many blocks (slackapi/bolt-js issues 2509 and 2867).
ALL_TEXT = 12_000  # characters
PER_BLOCK = 50  # characters that each block counts on top
BUTTONS = 25  # of one block
LABEL = 75  # characters on a button
VALUE = 2_000  # characters that a button gives back
GLANCE = 300  # characters of a notification
ACTION = "tugbot:"  # what our buttons' ids start with

Block = Mapping[str, Any]

_JOINER = "\u2060"  # no width, and no break; parts what Slack would take for a mention


def content(text: str, asides: Sequence[tuple[int, int]], choices: Sequence[Choice], key: str) -> Content:
    """One message. A `text` (Markdown) of up to 8,000 characters is always shown whole.

    `asides`: see Outbound. `key`: what a button that is pressed gives back.
    """
    below = buttons(choices, key)
    made = next((made for made in _attempts(text, asides) if _fits([*made, *below])), ())
    return Content(_glance(text, asides), (*(made or _plain(text, below)), *below))


def buttons(choices: Sequence[Choice], key: str) -> tuple[Block, ...]:
    """One block; none where there is nothing to press."""
    elements = [_button(number, choice, key) for number, choice in enumerate(choices)]
    elements = [element for element in elements if len(element["value"]) <= VALUE][:BUTTONS]
    return ({"type": "actions", "elements": elements},) if elements else ()


def streamable(text: str) -> str:
    """`text` as Slack's streams take it, which is Markdown: it pings nobody. What grows stays the start of it."""
    return re.sub(r"<(?=[!@#\\])", f"<{_JOINER}", clean_output(text))


def _attempts(text: str, asides: Sequence[tuple[int, int]]) -> Iterator[list[Block]]:
    yield [block for quiet, part in _parts(text, asides) for block in (_context if quiet else _sections)(part)]
    yield list(_sections(text))


def _parts(text: str, asides: Sequence[tuple[int, int]]) -> Iterator[tuple[bool, str]]:
    """The slices of `text` one after the other, and whether each is an aside."""
    done = 0
    for start, end in sorted(asides):
        start, end = max(start, done), min(end, len(text))
        if start < end:
            yield False, text[done:start]
            yield True, text[start:end]
            done = end
    yield False, text[done:]


def _sections(markdown: str) -> Iterator[Block]:
    # Slack folds long sections unless it is told not to. It makes no links and mentions of words: ours are made.
    for part in portions(lines(markdown), TEXT):
        yield {"type": "section", "text": {"type": "mrkdwn", "text": part, "verbatim": True}, "expand": True}


def _context(markdown: str) -> Iterator[Block]:
    for part in portions(quiet_lines(markdown), TEXT):
        yield {"type": "context", "elements": [{"type": "mrkdwn", "text": part, "verbatim": True}]}


def _plain(text: str, below: Sequence[Block]) -> list[Block]:
    """As it was written: of plain text no character takes the room of five."""
    room = ALL_TEXT - _weight(below) - PER_BLOCK * (ALL_TEXT // STUB)
    words = clean_output(text)
    shown = words if len(words) <= room else f"{words[: room - 1]}…"
    return [
        {"type": "section", "text": {"type": "plain_text", "text": part, "emoji": False}, "expand": True}
        for part in _cut(shown)
        if part.strip()
    ]


def _cut(text: str) -> Iterator[str]:
    """Pieces that make up `text`; at line ends, unless that makes a stub."""
    while len(text) > TEXT:
        at = text.rfind("\n", STUB, TEXT) + 1 or TEXT
        yield text[:at]
        text = text[at:]
    yield text


def _button(number: int, choice: Choice, key: str) -> dict[str, Any]:
    label = " ".join(clean_output(choice.label).split()) or choice.text or "…"
    button: dict[str, Any] = {
        "type": "button",
        "action_id": f"{ACTION}{number}",
        "text": {"type": "plain_text", "text": label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"},
        "value": json.dumps({"key": key, "text": choice.text}, ensure_ascii=False),
    }
    if choice.text == "allow":
        button["style"] = "primary"
    elif choice.text.startswith(("deny", "stop")):
        button["style"] = "danger"
    return button


def _fits(blocks: Sequence[Block]) -> bool:
    return len(blocks) <= MOST and _weight(blocks) <= ALL_TEXT


def _weight(blocks: Sequence[Block]) -> int:
    return sum(map(len, _texts(blocks))) + PER_BLOCK * len(blocks)


def _texts(blocks: Iterable[Block]) -> Iterator[str]:
    for block in blocks:
        for part in (block, *block.get("elements", ())):
            text = part.get("text", "")
            yield text if isinstance(text, str) else text["text"]


def _glance(text: str, asides: Sequence[tuple[int, int]]) -> str:
    """A notification: the first words, without marks; what tells of the work only where there is nothing else."""
    start, spoken = 0, []
    for begin, end in asides:
        spoken.append(text[start:begin])
        start = end
    said = "".join((*spoken, text[start:]))
    words = " ".join(to_plain(clean_output((said if said.strip() else text)[: 4 * GLANCE])).split())
    if len(words) > GLANCE:
        words = words[:GLANCE].rpartition(" ")[0] or words[:GLANCE]
        return escape(words.rstrip(".,;:")) + "…"
    return escape(words) or "…"
