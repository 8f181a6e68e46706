"""Values that nobody may be shown: noted where they are loaded, taken out of the log's lines and of what chats see.

One set for the whole process, as the log is. In chats a value counts only if it cannot be an ordinary word as well:
who chose "harbour" as a password is still told about the project of that name.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, unquote, urlsplit

from bot import redact
from bot.redact import MARK, Seen, marked

SHORTEST = 6  # characters: shorter values would blacken ordinary words
LINE = 16  # characters: a line of a longer value that is hidden by itself, since a log may show a key line by line
SHORTEST_SHOWN = 8  # characters: shorter values are left alone in chats …
PLAIN = 20  # … and so are words and numbers that are shorter than this

# Variables that hold secrets by their names, whoever reads them.
_NAMES = re.compile(r"(TOKEN|SECRET|PASSW(OR)?D|CREDENTIAL|API_?KEY|PRIVATE_?KEY|_KEY$)", re.IGNORECASE)
# Agents are given these too, and a chat that could not say "xterm-256color" would be of no use to anybody.
_HARMLESS = re.compile(r"LANG|LC_\w+|TERM|TZ|PATH|HOME|SHELL|USER|LOGNAME|\w+_(BASE_URL|MODEL|REGION)")
# In logs of libraries; in a chat these would take ordinary words for secrets.
_SAID = re.compile(
    r"(?P<before>\b(?:Bearer|Basic)\s+|[?&;](?:access_token|token|ticket|secret|password|code|key|sig|signature)=)"
    r"[^\s&\"'<>;,]{6,4096}",
    re.IGNORECASE,
)
_PLAIN = re.compile(r"[^\W\d_]+(?:[-_. ][^\W\d_]+)*|\d+")
_PATH = re.compile(r"[~.]{0,2}(?:/[a-z0-9_.-]{1,24})+/?")  # some secrets are kept in files, and given as their names
_ARMOUR = re.compile(r"-----(?:BEGIN|END) [A-Z0-9 ]+-----")  # around a key, and no secret


class Values:
    """Strings that are looked for in texts, by how they begin."""

    def __init__(self) -> None:
        self._by_head: dict[str, tuple[str, ...]] = {}  # the longest first; a head has SHORTEST characters
        self._heads: set[str] = set()  # and every beginning of one
        self.longest = 0  # characters

    def add(self, values: Iterable[str]) -> None:
        """Each has at least SHORTEST characters."""
        for value in values:
            head = value[:SHORTEST]
            known = {*self._by_head.get(head, ()), value}
            self._by_head[head] = tuple(sorted(known, key=len, reverse=True))
            self._heads.update(head[:end] for end in range(1, SHORTEST))
            self.longest = max(self.longest, len(value))

    def spans(self, text: str, since: int = 0) -> tuple[list[tuple[int, int]], int]:
        """Where they are, in no order; and from where on the text's end may be the beginning of one."""
        found, begun = [], self._head_begun(text, since)
        for head, values in self._by_head.items():
            at = text.find(head, since)
            while at >= 0:
                for value in values:
                    if text.startswith(value, at):
                        found.append((at, at + len(value)))
                        break
                    if at < begun and len(value) > len(text) - at and value.startswith(text[at:]):
                        begun = at
                at = text.find(head, at + 1)
        return found, begun

    def _head_begun(self, text: str, since: int) -> int:
        for at in range(max(since, len(text) - SHORTEST + 1), len(text)):
            if text[at:] in self._heads:
                return at
        return len(text)


_logged, _shown = Values(), Values()
_noted: set[str] = set()


def note(values: Iterable[str]) -> None:
    """Hide these from now on, in every form in which a program might write them."""
    for value in set(values) - _noted:
        _noted.add(value)
        for part in _parts(value):
            _logged.add(_forms(part))
            if _is_telling(part):
                _shown.add(_forms(part))


def note_environment(environ: Mapping[str, str], names: Iterable[str] = ()) -> None:
    """The values of those variables that hold secrets: by their own names, or because an agent asks for them."""
    wanted = set(names)
    asked = {name for name in wanted if not _HARMLESS.fullmatch(name)}
    note(value for name, value in environ.items() if name in asked or _NAMES.search(name))
    for name in wanted - asked:
        note_url(environ.get(name, ""))


def note_url(url: str) -> None:
    """The password in an address, as it is written and as it is meant."""
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return  # whoever needs the address says what is wrong with it
    note((password, unquote(password)))


def masked(text: str) -> str:
    """As a line of the log: without noted values, and without whatever else looks like a secret."""
    return _SAID.sub(rf"\g<before>{MARK}", marked(text, _seen(_logged, text, 0).spans))


def shown(text: str) -> str:
    """As a chat may see it: without noted values that are no ordinary words, and without secrets of a known shape."""
    return marked(text, look(text).spans)


def look(text: str, since: int = 0) -> Seen:
    """What `shown` takes out. `since`: where the first secret may begin; what is before it is context."""
    return _seen(_shown, text, since)


def longest() -> int:
    """Characters of the longest value that `shown` takes out."""
    return _shown.longest


def _seen(values: Values, text: str, since: int) -> Seen:
    seen = redact.look(text, since)
    found, begun = values.spans(text, since)
    if not found and begun >= seen.open:
        return seen
    # Looked for beside each other: a value that were taken out first might be what the shape of another is known by.
    spans = list(_joined(sorted([*seen.spans, *found])))
    start = min(seen.open, begun)
    around = bisect_right(spans, (start, start)) - 1
    if around >= 0 and spans[around][1] > start:
        start = spans[around][0]
    return Seen(spans, start, seen.endless and start == spans[-1][0])


def _joined(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those that overlap as one."""
    now: tuple[int, int] | None = None
    for start, end in spans:
        if now is not None and start < now[1]:
            now = now[0], max(now[1], end)
            continue
        if now is not None:
            yield now
        now = start, end
    if now is not None:
        yield now


def _parts(value: str) -> Iterator[str]:
    """A value, and each longer line of one that has several."""
    lines = [line.strip() for line in value.splitlines()] if "\n" in value else []
    for part in (value.strip(), *(line for line in lines if len(line) >= LINE and not _ARMOUR.fullmatch(line))):
        if len(part) >= SHORTEST:
            yield part


def _is_telling(value: str) -> bool:
    """Whether it can hardly be anything but that secret."""
    least = PLAIN if _PLAIN.fullmatch(value) else SHORTEST_SHOWN
    return len(value) >= least and not _PATH.fullmatch(value)


def _forms(value: str) -> set[str]:
    quoted = quote(value, safe="", errors="surrogatepass")
    return {value, quoted, repr(value)[1:-1], json.dumps(value)[1:-1]}
