"""Takes secrets out of text that comes in pieces, wherever it was cut. Pure.

What may be the beginning of a secret is held back until more is known: the last word, and a private key until its end.
"""

from __future__ import annotations

import re

from bot.redact import MARK, redact, spans

LONGEST = 16_384  # characters that are held back at most
WORD = 1_024  # of a word without an end, so many are held back still; no shape of a secret is as long

_END = r"-----END [A-Z ]{0,30}PRIVATE KEY-----"
_KEY_ENDS = re.compile(_END)
# A private key that has begun and not ended, or what may become its first line.
_KEY_BEGUN = re.compile(
    rf"-----BEGIN [A-Z ]{{0,30}}PRIVATE KEY-----(?!.*?{_END})|-----BEGIN [A-Z ]{{0,45}}-{{0,4}}\Z", re.DOTALL
)


class Screen:
    def __init__(self) -> None:
        self._held = ""
        self._in_key = False  # of one so long that its mark was given already

    def take(self, text: str) -> str:
        """What can be said by now."""
        text = self._held + text
        if self._in_key:
            self._held = self._after_key(text)
            return "" if self._in_key else self.take("")
        cut = _safe(text)
        self._held = text[cut:]
        if len(self._held) <= LONGEST:
            return redact(text[:cut])[0]
        if _KEY_BEGUN.match(self._held):
            self._in_key = True
            self._held = self._after_key(self._held)
            return redact(text[:cut])[0] + MARK
        cut = _within_word(text)
        self._held = text[cut:]
        return redact(text[:cut])[0]

    def rest(self) -> str:
        """All that was held back: nothing more belongs to it."""
        held, self._held = self._held, ""
        if self._in_key:
            self._in_key = False
            return ""
        return redact(held)[0]

    def _after_key(self, text: str) -> str:
        """What follows the key; while it goes on, as much as may be the beginning of its end."""
        end = _KEY_ENDS.search(text)
        if end is None:
            return text[-80:]
        self._in_key = False
        return text[end.end() :]


def _safe(text: str) -> int:
    """How much of it can be part of no secret that goes on behind it."""
    cut = max(text.rfind(" "), text.rfind("\n"), text.rfind("\t")) + 1
    if "-----BEGIN " not in text:
        return cut
    begun = _KEY_BEGUN.search(text)
    cut = min(cut, begun.start()) if begun else cut
    # One that is complete has blanks inside.
    return next((start for start, end in spans(text) if start < cut < end), cut)


def _within_word(text: str) -> int:
    cut = len(text) - WORD
    for start, end in spans(text):
        if start < cut < end:
            return end if end < len(text) else start
    return cut
