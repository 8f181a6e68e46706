"""Takes secrets out of words that come in pieces, wherever they were cut.

What may be the beginning of a secret is held back until more is known, and nothing else.
"""

from __future__ import annotations

import re

from bot import hidden
from bot.redact import BEHIND, MARK, Seen, marked

LONGEST = 16_384  # characters that are held back at most, unless a value is longer
SHORT = 3  # characters of the beginning of a secret that tell nothing of it
KEPT = 80  # characters of a long key: its end may have begun in them

_KEY_ENDS = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY-----")


class Screen:
    def __init__(self) -> None:
        self._text = ""  # what is held back, behind as much as tells whether a secret may begin there
        self._since = 0  # in it: where a secret may begin
        self._out = 0  # in it: up to where it is out; behind `_since` once it was eased
        self._in_key = False  # of a private key so long that its mark is out already
        self._endless = False  # all that is held back is of a private key

    @property
    def holds(self) -> bool:
        return len(self._text) > self._out and not self._in_key

    def take(self, words: str) -> str:
        """What can be said by now."""
        before = len(self._text)
        self._text += words
        if self._in_key:
            return self._after_key()
        if self._endless and len(self._text) <= LONGEST and "-----END" not in self._text[max(0, before - KEPT) :]:
            return ""  # to look through all of it for each letter more would take long
        seen = hidden.look(self._text, self._since)
        self._endless = seen.endless
        if len(self._text) <= max(LONGEST, 2 * hidden.longest()):
            return self._let_out(seen, seen.open)
        if not seen.endless:
            return self._let_out(seen, seen.open if seen.open > self._since else len(self._text))
        self._in_key = True
        return self._let_out(seen, seen.open) + MARK + self._after_key()

    def ease(self) -> str:
        """A beginning that tells nothing of a secret even if it is one; the rest of that one stays secret."""
        if self._in_key or len(self._text) - self._since > SHORT:
            return ""
        held, self._out = self._text[self._out :], len(self._text)
        return held

    def rest(self) -> str:
        """All that was held back: nothing more belongs to it."""
        seen = hidden.look(self._text, self._since)
        said = "" if self._in_key else marked(self._text, seen.spans, self._out)
        self._begin("")
        return said

    def _begin(self, text: str) -> None:
        self._text, self._since, self._out = text, 0, 0
        self._in_key = self._endless = False

    def _let_out(self, seen: Seen, until: int) -> str:
        said = marked(self._text, seen.spans, self._out, until) if until > self._out else ""
        start = max(0, until - BEHIND)
        self._text = self._text[start:]
        self._since, self._out = until - start, max(self._out, until) - start
        return said

    def _after_key(self) -> str:
        """What follows the key; while it goes on, as much is kept as may be the beginning of its end."""
        end = _KEY_ENDS.search(self._text)
        if end is None:
            self._text = self._text[-KEPT:]
            return ""
        self._begin(self._text[end.end() :])
        return self.take("")
