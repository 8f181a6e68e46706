"""What a chat was shown, in parts: words and what tells of the work. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from bot.transcript.model import Part
from transports.clean import clean_output

# How many parts stay, what is put behind the text of the last of them, and the parts that then come.
Difference: TypeAlias = tuple[int, str, tuple[Part, ...]]

_BLANK_BEFORE = re.compile(r"\A(?:[ \t]*\n)+")
_BLANK_BEHIND = re.compile(r"(?:\n[ \t]*)+\Z")


def parts_of(text: str, asides: Iterable[tuple[int, int]] = ()) -> tuple[Part, ...]:
    """`asides`: slices of the text; see transports.base.Outbound. Parts have no blank lines around them."""
    parts: list[Part] = []
    at = 0
    for start, end in sorted(asides):
        start, end = max(at, start), max(at, start, end)
        parts += (*_part(text[at:start], aside=False), *_part(text[start:end], aside=True))
        at = end
    return (*parts, *_part(text[at:], aside=False))


def _part(text: str, *, aside: bool) -> list[Part]:
    shown = _BLANK_BEHIND.sub("", _BLANK_BEFORE.sub("", clean_output(text)))
    return [Part(shown, aside)] if shown.strip() else []


def difference(old: Sequence[Part], new: Sequence[Part]) -> Difference:
    """From the old parts to the new ones, as little as is worth telling apart: answers grow at their end."""
    keep = 0
    while keep < min(len(old), len(new)) and old[keep] == new[keep]:
        keep += 1
    if keep < min(len(old), len(new)) and _grew(old[keep], new[keep]):
        return keep + 1, new[keep].text[len(old[keep].text) :], tuple(new[keep + 1 :])
    return keep, "", tuple(new[keep:])


def _grew(old: Part, new: Part) -> bool:
    return old.aside == new.aside and new.text.startswith(old.text)


def applied(old: Sequence[Part], change: Difference) -> tuple[Part, ...]:
    """What whoever had the old parts has then."""
    keep, append, parts = change
    kept = list(old[:keep])
    if append:
        kept[-1] = Part(kept[-1].text + append, kept[-1].aside)
    return (*kept, *parts)
