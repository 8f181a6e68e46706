"""What programs print, made safe to keep and to show. Pure."""

from __future__ import annotations

import codecs
import re

# Everything C0 and C1 but tab and newline, and DEL. NUL cannot be stored by PostgreSQL; the rest moves cursors.
_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)])
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
# The beginning of something that only the next chunk completes. Bounded, so that no program makes us hold much.
_UNFINISHED = re.compile(r"(?:\r|[\ud800-\udbff]|\x1b(?:\[[0-?]{0,64}[ -/]{0,8}|\][^\x07\x1b]{0,512}\x1b?)?)\Z")


class Cleaner:
    """Cleans text that arrives in pieces; joined, the pieces clean as the whole would.

    Joins surrogate pairs that a JavaScript program cut in two, replaces lone ones (they cannot be encoded), turns
    carriage returns into newlines and drops terminal escapes and control characters.
    """

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str, final: bool = False) -> str:
        text = self._held + text
        unfinished = None if final else _UNFINISHED.search(text)
        self._held = unfinished.group() if unfinished else ""
        return _clean(text[: unfinished.start()] if unfinished else text)


class Decoder:
    """Cleans UTF-8 that arrives in pieces; what is not UTF-8 becomes U+FFFD."""

    def __init__(self) -> None:
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")
        self._cleaner = Cleaner()

    def feed(self, data: bytes, final: bool = False) -> str:
        return self._cleaner.feed(self._bytes.decode(data, final), final)


def clean(text: str) -> str:
    return Cleaner().feed(text, final=True)


def one_line(text: str, limit: int = 200) -> str:
    """Cleaned, on one line, at most `limit` characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _clean(text: str) -> str:
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    # Line ends first: an escape between the two halves of one must not make them one only when they come together.
    text = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.translate(_CONTROLS)
