"""Untrusted text made safe. Pure functions: text in, text out, nothing raised."""

from __future__ import annotations

import re

NAME_LIMIT = 80  # characters of a display name that are kept

_REPLACED = re.compile("[\x00\ud800-\udfff]")  # NUL breaks databases, lone surrogates break every encoder
_DROPPED = re.compile("[\x01-\x08\x0b-\x1f\x7f-\x9f]")  # C0 but tab and newline, DEL, C1
# Embeddings, overrides and isolates reorder what stands around them ("Trojan Source", CVE-2021-42574); tag
# characters are invisible. Left-to-right and right-to-left marks stay: ordinary Hebrew and Arabic need them.
_DECEIVING = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
# Whole sequences, so that their arguments do not stay behind as litter: strings (OSC, DCS, SOS, PM, APC) up to their
# terminator, CSI, two-character escapes. ECMA-48 §5.3, §5.4, §5.6. A string is cut at 4,096 characters and at a line's
# end: an agent that forgets the terminator must not eat its whole answer.
_ESCAPES = re.compile(
    "(?:\x1b[\\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\\\|\x9c)?"
    "|(?:\x1b\\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]?"
    "|\x1b[ -/]{0,4}[0-~]?"
)


def clean_text(raw: str) -> str:
    """`raw` as the inbox may hold it: NUL and lone surrogates become U+FFFD, \\r\\n a newline, other controls go."""
    return _DROPPED.sub("", _REPLACED.sub("\ufffd", raw.replace("\r\n", "\n")))


def clean_name(raw: str) -> str:
    """A display name on one line, without controls or reordering, at most NAME_LIMIT characters; never empty."""
    name = " ".join(_DECEIVING.sub("", clean_text(raw)).split())
    return name[:NAME_LIMIT].rstrip() or "unknown"


def clean_output(raw: str) -> str:
    """`raw` as a terminal may show it: escape sequences, controls and reordering characters are gone."""
    return _DECEIVING.sub("", clean_text(_ESCAPES.sub("", raw)))
