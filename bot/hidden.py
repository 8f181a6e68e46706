"""Values that no line of the log may show: noted where they are loaded, taken out where a line is written.

One set for the whole process, as the log is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote, urlsplit

from bot.redact import MARK, redact

SHORTEST = 6  # characters: shorter values would blacken ordinary words
LINE = 16  # characters: a line of a longer value that is hidden by itself, since a log may show a key line by line

# Variables that hold secrets by their names, whoever reads them.
_NAMES = re.compile(r"(TOKEN|SECRET|PASSW(OR)?D|CREDENTIAL|API_?KEY|PRIVATE_?KEY|_KEY$)", re.IGNORECASE)
# In logs of libraries; in a chat these would take ordinary words for secrets.
_SAID = re.compile(
    r"(?P<before>\b(?:Bearer|Basic)\s+|[?&;](?:access_token|token|ticket|secret|password|code|key|sig|signature)=)"
    r"[^\s&\"'<>;,]{6,4096}",
    re.IGNORECASE,
)

_values: set[str] = set()
_pattern: re.Pattern[str] | None = None


def note(values: Iterable[str]) -> None:
    """Hide these from now on, in every form in which a log might write them."""
    global _pattern
    new = {form for value in values for form in _forms(value)} - _values
    if new:
        _values.update(new)
        longest_first = sorted(_values, key=len, reverse=True)
        _pattern = re.compile("|".join(map(re.escape, longest_first)))


def note_environment(environ: Mapping[str, str], names: Iterable[str] = ()) -> None:
    """The values of those variables that hold secrets: by their own names, or because an agent asks for them."""
    wanted = set(names)
    note(value for name, value in environ.items() if name in wanted or _NAMES.search(name))


def note_url(url: str) -> None:
    """The password in an address, as it is written and as it is meant."""
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return  # whoever needs the address says what is wrong with it
    note((password, unquote(password)))


def masked(text: str) -> str:
    """`text` without noted values, and without whatever else looks like a secret."""
    if _pattern is not None:
        text = _pattern.sub(MARK, text)
    return _SAID.sub(rf"\g<before>{MARK}", redact(text)[0])


def _forms(value: str) -> Iterable[str]:
    lines = [line.strip() for line in value.splitlines()] if "\n" in value else []
    for part in (value.strip(), *(line for line in lines if len(line) >= LINE)):
        if len(part) >= SHORTEST:
            yield part
            yield quote(part, safe="", errors="surrogatepass")
            yield repr(part)[1:-1]
            yield json.dumps(part)[1:-1]
