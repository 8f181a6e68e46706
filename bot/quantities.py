"""Durations and sizes as people write them. Pure."""

from __future__ import annotations

import math
import re

DURATION = 'a duration such as 1.5, "1.5s", "15m" or "1h30m"'
SIZE = 'a size in bytes such as 100000, "100kB" or "1MB"'

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_NUMBER = r"\d+(?:\.\d+)?"
_PART = re.compile(rf"({_NUMBER})\s*(ms|s|m|h|d)\s*", re.ASCII)
_PARTS = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)
_PLAIN = re.compile(_NUMBER, re.ASCII)
_SIZE = re.compile(rf"({_NUMBER})\s*([kmg]?i?b?)", re.ASCII | re.IGNORECASE)


def parse_duration(value: object) -> float:
    """Seconds in `value`: a number of them, or text such as "1.5s", "15m", "1h30m". Raises ValueError."""
    if isinstance(value, str):
        return _duration_of_text(value.strip())
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise ValueError(f"expected {DURATION}")


def _duration_of_text(text: str) -> float:
    if _PLAIN.fullmatch(text):
        return float(text)
    if not _PARTS.fullmatch(text):
        raise ValueError(f"expected {DURATION}")
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def parse_size(value: object) -> int:
    """Bytes in `value`: a whole number of them, or text such as "100kB" (1000), "64KiB" (1024). Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    unit = _BYTES.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f"expected {SIZE}")
    return _whole(float(match[1]) * unit)


def _whole(number: float) -> int:
    if number != int(number):
        raise ValueError("expected a whole number of bytes")
    return int(number)


def show_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back as `seconds`: 5400 → "1h30m", 0.5 → "0.5s"."""
    if seconds < 60 or seconds != int(seconds):
        return f"{seconds:g}s" if float(f"{seconds:g}") == seconds else f"{seconds!r}s"
    parts = []
    rest = int(seconds)
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, int(_SECONDS[unit]))
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)


def show_size(size: int) -> str:
    """The shortest text that `parse_size` reads back as `size`: 100000 → "100kB"."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)
