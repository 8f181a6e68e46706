"""Values out of a forge's message made safe to stand in a chat and in a prompt. Pure; nothing raised.

Whoever may open an issue writes these.
"""

from __future__ import annotations

import re
import unicodedata

from transports.clean import clean_output

FIELD = 200  # characters
URL = 500  # a comparison of two commits needs more than a field has
_READ = 4 * FIELD  # characters that are looked at: a description may have a megabyte
# What a browser opens, without what ends a link in any markup, a password, or a name before the host.
_URL = re.compile(r"https?://[A-Za-z0-9.\-]+(:\d{1,5})?(/[A-Za-z0-9._~/:?#%&=+,;@!\-]*)?", re.ASCII)
_PLAIN = re.compile(r"[A-Za-z0-9_#][A-Za-z0-9._/#:+\-]*", re.ASCII)
# A backtick would close what it is quoted in; an @ would call people. The full-width one reads the same.
_HARMLESS = str.maketrans({"`": "'", "@": "\uff20"})
_QUOTES = str.maketrans(dict.fromkeys('\u201c\u201d\u201e\u201f"', "'"))


def field(raw: object) -> str:
    """Text or a number on one line, at most FIELD characters; "" for anything else."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw) if -(10**15) < raw < 10**15 else ""
    if not isinstance(raw, str):
        return ""
    line = " ".join("".join(map(_shown, clean_output(raw[:_READ]))).split()).translate(_HARMLESS)
    return line if len(line) <= FIELD else line[: FIELD - 1].rstrip() + "…"


def _shown(char: str) -> str:
    """Whatever ends a line or is blank becomes a space; what nobody sees goes."""
    category = unicodedata.category(char)
    return " " if category[0] == "Z" or category == "Cc" else "" if category in ("Cf", "Co", "Cs") else char


def first_line(raw: object) -> str:
    """Of a commit's message."""
    return field(raw[:_READ].strip().split("\n", 1)[0]) if isinstance(raw, str) else field(raw)


def url(raw: object) -> str:
    """A web address; "" for anything else, and for one that is too long: half of one leads nowhere."""
    if not isinstance(raw, str) or len(raw) > URL or not _URL.fullmatch(raw):
        return ""
    return raw.replace("@", "%40")


def branch(raw: object) -> str:
    """refs/heads/main → main"""
    name = field(raw)
    for prefix in ("refs/heads/", "refs/tags/"):
        name = name.removeprefix(prefix)
    return name


def inline(value: str) -> str:
    """A cleaned value in the middle of somebody's sentence: in quotation marks unless it is a mere name or address."""
    if not value:
        return "(none)"
    if _PLAIN.fullmatch(value) or _URL.fullmatch(value):
        return value
    return f"\u201c{value.translate(_QUOTES)}\u201d"
