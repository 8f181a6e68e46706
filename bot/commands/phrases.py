"""Small pieces of the texts people read. Pure."""

from __future__ import annotations

import re

_SPACE = re.compile(r"\s+")


def counted(number: int, noun: str) -> str:
    """`1 message`, `2 messages`, `2 processes`."""
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {noun if number == 1 else plural}"


def brief(seconds: float) -> str:
    """A short time exactly: `0.14 s`. For proofs."""
    return f"{seconds:.2f} s" if seconds < 10 else lasting(seconds)


def lasting(seconds: float) -> str:
    """How long something took or is old: `3 s`, `2 min 5 s`, `1 h 3 min`, `3 d 4 h`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return _pair(whole // 60, "min", whole % 60, "s")
    if whole < 86400:
        return _pair(whole // 3600, "h", whole % 3600 // 60, "min")
    return _pair(whole // 86400, "d", whole % 86400 // 3600, "h")


def _pair(number: int, unit: str, rest: int, subunit: str) -> str:
    return f"{number} {unit} {rest} {subunit}" if rest else f"{number} {unit}"


def size(number: int) -> str:
    """How large a file is: `812 bytes`, `14.2 kB`, `3 MB`."""
    if number < 1000:
        return counted(number, "byte")
    unit, factor = ("kB", 1_000) if number < 1_000_000 else ("MB", 1_000_000)
    return f"{f'{number / factor:.1f}'.removesuffix('.0')} {unit}"


def first_words(text: str, limit: int = 60) -> str:
    """The beginning of untrusted text on one line, at most `limit` characters, never opening a code span or a cell."""
    line = _SPACE.sub(" ", text.lstrip()[: limit * 4]).strip().replace("`", "'").replace("|", "¦")
    if len(line) > limit:
        return line[: limit - 1].rstrip() + "…"
    return line + "…" if len(text) > limit * 4 else line


def code(text: str, limit: int = 60) -> str:
    """Untrusted text as a code span."""
    return f"`{first_words(text, limit) or ' '}`"


def listed(items: tuple[str, ...], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"
