"""From a conversation to what the model does next. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

PAUSE = 0.05  # seconds between two words of SLOW
TAIL = 400  # characters of a tool's result that are repeated

_MARKER = re.compile(r"\b(?:(SAY|BASH)\[(.+)\]|(SLOW|ERR|LIMIT)\[(\d+)\]|(BIG)\[(\d+,\d+)\])")
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class User:
    """What the person's side said last: text, and results of tools where it answers a call."""

    text: str
    results: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Say:
    pieces: tuple[str, ...]
    pause: float = 0.0  # seconds before each piece


@dataclass(frozen=True, slots=True)
class Shell:
    command: str


@dataclass(frozen=True, slots=True)
class Fail:
    status: int
    resets_in: int | None = None  # seconds until the account's limit ends


Act: TypeAlias = Say | Shell | Fail


def next_act(users: list[User]) -> Act:
    """What comes after these user messages, oldest first."""
    last = users[-1] if users else User("")
    if last.results:
        more = f" and then: {last.text}" if last.text else ""
        return Say((f"done: {last.results[-1].strip()[-TAIL:]}{more}",))
    return _told(last.text) or Say((f"You said: {last.text}", f" ({len(users)} user messages)"))


def spoken(text: str) -> str:
    """What a person wrote of a user message: programs wrap the rest in reminders."""
    return _REMINDER.sub("", text).strip()


def _told(text: str) -> Act | None:
    found = _MARKER.findall(text)
    if not found:
        return None
    word, value = (part for part in found[-1] if part)  # an agent may be reminded of earlier ones first
    match word:
        case "SAY":
            return Say((value,))
        case "SLOW":
            return Say(tuple(f"word{number} " for number in range(int(value))), PAUSE)
        case "BIG":
            return Say(tuple(_pieces(*map(int, value.split(",")))))
        case "BASH":
            return Shell(value)
        case "LIMIT":
            return Fail(429, int(value))
        case _:
            return Fail(int(value))


def _pieces(size: int, chunk: int) -> Iterator[str]:
    line = ("0123456789abcdef" * (chunk // 16 + 1))[: max(1, chunk - 1)] + "\n"
    for _ in range(size // len(line)):
        yield line
