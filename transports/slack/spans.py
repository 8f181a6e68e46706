"""Words with their marks, as lines of Slack's mrkdwn. Pure.

https://docs.slack.dev/messaging/formatting-message-text. What it leaves open: marks take effect at the borders of
words only, and not across lines; nothing escapes a mark that is meant as a sign.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal
from urllib.parse import unquote

from markdown_it.token import Token

SPACE = "\u200b"  # no width: makes a border of a word, parts marks that would be read together
TICK = "\u02cb"  # looks like a backtick
LONGEST = 2_500  # characters of a line, so that any fits into a section (3,000) with its indentation

_MARKS = {"strong": "*", "em": "_", "s": "~"}
_SIGNS = str.maketrans({"*": "∗", "_": "ˍ", "~": "∼"})  # what they become where Slack would take them for marks
_BORDERS = frozenset(" \t\n.,;:!?()[]{}\"'/-")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s<>]+\Z", re.IGNORECASE)
_BARE = re.compile(r"(?<![\w/])https?://[^\s<>`\"]{2,2000}", re.IGNORECASE)
_IN_URL = {"|": "%7C", "<": "%3C", ">": "%3E", "`": "%60", "\\": "%5C"}
_PART = re.compile(r".{1,400}(?=\s)|.{1,400}", re.DOTALL)
_LONGEST_LINK = 2_000  # characters; one that is longer is words
_MARKING = 12  # characters that a run's marks can take


@dataclass(frozen=True, slots=True)
class Run:
    """Words that are marked alike."""

    kind: Literal["text", "code", "link"]
    text: str  # as it is read; of a link: its label
    marks: tuple[str, ...] = ()  # outermost first, each once
    url: str = ""


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def read(tokens: Iterable[Token], marks: tuple[str, ...] = ()) -> list[list[Run]]:
    """The lines of what markdown-it made of a paragraph; `marks` are on all of it."""
    lines: list[list[Run]] = [[]]
    on = list(marks)
    rest = iter(tokens)
    for token in rest:
        name, _, side = token.type.rpartition("_")
        worn = tuple(dict.fromkeys(on))
        if token.type in ("softbreak", "hardbreak"):
            lines.append([])
        elif name in _MARKS and side == "open":
            on.append(_MARKS[name])
        elif name in _MARKS:
            on.pop()
        elif token.type == "link_open":
            label = list(takewhile(lambda inner: inner.type != "link_close", rest))
            lines[-1] += _link(token, label, worn)
        else:
            lines[-1] += _leaf(token, worn)
    return lines


def plain(runs: Iterable[Run]) -> str:
    """As words alone, not escaped."""
    return "".join(_in_words(run.text, run.url) if run.kind == "link" else run.text for run in runs)


def written(runs: Sequence[Run]) -> Iterator[str]:
    """One line as mrkdwn; as several where it has more than LONGEST characters."""
    for part in _wrapped(runs):
        line = _Line()
        for run in _harmless(part):
            line.add(run)
        yield line.end()


# ------------------------------------------------------------ links


def _leaf(token: Token, marks: tuple[str, ...]) -> Iterator[Run]:
    if token.type == "code_inline":
        yield Run("code", token.content, marks)
    elif token.type == "image":
        yield from _target(token.attrs.get("src"), token.content, token.attrs.get("title"), marks)
    else:
        yield from _bare(token.content.replace("\n", " "), marks)  # of an entity


def _link(token: Token, label: Sequence[Token], marks: tuple[str, ...]) -> Iterator[Run]:
    words = "".join(" " if inner.type.endswith("break") else inner.content for inner in label)
    yield from _target(token.attrs.get("href"), words, token.attrs.get("title"), marks)
    for inner in label:  # a picture that is a link
        if inner.type == "image" and inner.attrs.get("src"):
            yield Run("text", " ", marks)
            yield from _target(inner.attrs.get("src"), "🖼", inner.attrs.get("title"), marks)


def _target(target: object, label: str, title: object, marks: tuple[str, ...]) -> Iterator[Run]:
    url, label = str(target or ""), " ".join(label.split())
    if _LINK.match(url) and len(escape(url + label)) <= _LONGEST_LINK:
        yield Run("link", label, marks, _safe(url))
    else:
        yield Run("text", _in_words(label, url), marks)
    if title:
        yield Run("text", f" ({' '.join(str(title).split())})", marks)


def _bare(text: str, marks: tuple[str, ...]) -> Iterator[Run]:
    """Addresses in `text` become links here, as Slack is told to make none itself (`verbatim`)."""
    done = 0
    for found in _BARE.finditer(text):
        url = _without_end(found[0])
        yield Run("text", text[done : found.start()], marks)
        if _LINK.match(url) and len(escape(url)) <= _LONGEST_LINK:
            yield Run("link", url, marks, _safe(url))
        else:
            yield Run("text", url, marks)
        done = found.start() + len(url)
    yield Run("text", text[done:], marks)


def _without_end(url: str) -> str:
    """Without the signs that belong to the sentence around it."""
    while url.endswith(tuple(".,;:!?'*_~")) or (url.endswith(")") and url.count(")") > url.count("(")):
        url = url[:-1]
    return url


def _safe(url: str) -> str:
    scheme, colon, rest = url.partition(":")
    return scheme.lower() + colon + "".join(_IN_URL.get(sign, sign) for sign in rest)


def _in_words(label: str, url: str) -> str:
    if not label or not url or label in (url, unquote(url)):
        return label or url
    return f"{label} ({url})"


def _as_link(run: Run) -> str:
    # A `|` would end the address. What a label looks like does not matter to Slack; a backtick could pair outside.
    label = escape(run.text.replace("|", "∣").replace("`", TICK))
    url = escape(run.url)
    return f"<{url}>" if label in ("", url) else f"<{url}|{label}>"


# ------------------------------------------------------------ marks


class _Line:
    """A line that is being written."""

    def __init__(self) -> None:
        self._text = ""
        self._open: tuple[str, ...] = ()
        self._opened = False  # the last that was written opens a mark
        self._closed = False  # the last that was written closes one

    def add(self, run: Run) -> None:
        if not run.text and run.kind != "link":
            return
        if run.kind == "text" and run.text.isspace():
            self._words(run.text)
            return
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._open, run.marks, strict=False)))
        self._close(shared)
        text = run.text.lstrip() if run.kind == "text" else run.text
        self._words(run.text[: len(run.text) - len(text)])  # a mark before a space would be none
        self._begin(run.marks[shared:])
        if run.kind == "code":
            self._code(text)
        else:
            self._words(_as_link(run) if run.kind == "link" else escape(text))

    def end(self) -> str:
        self._close(0)
        text = self._text.rstrip()
        # Slack takes an escaped `>` at the start of a line for a quote as well.
        return SPACE + text if text.lstrip().startswith("&gt;") else text

    def _words(self, text: str) -> None:
        if not text:
            return
        if self._closed and text[0] not in _BORDERS:
            self._text += SPACE
        self._text += text
        self._opened = self._closed = False

    def _code(self, text: str) -> None:
        self._border()
        self._text += f"`{escape(text.replace('`', TICK))}`"
        self._opened, self._closed = False, True

    def _begin(self, marks: Sequence[str]) -> None:
        if marks:
            self._border()
            self._text += "".join(marks)
            self._opened, self._closed = True, False
            self._open = (*self._open, *marks)

    def _close(self, shared: int) -> None:
        """All but the `shared` outermost marks."""
        marks = "".join(reversed(self._open[shared:]))
        if marks:
            text = self._text.rstrip()
            self._text = text + marks + self._text[len(text) :]
            self._opened, self._closed = False, self._text.endswith(marks)
            self._open = self._open[:shared]

    def _border(self) -> None:
        if self._text and not self._opened and self._text[-1] not in _BORDERS:
            self._text += SPACE


def _harmless(runs: Sequence[Run]) -> Iterator[Run]:
    """Signs that Slack would take for marks become others that look like them."""
    texts = [run.text for run in runs if run.kind == "text"]
    ours = {mark for run in runs for mark in run.marks}
    taken = "".join(mark for mark in "*_~" if _pair(mark, texts, mark in ours))
    for run in runs:
        if run.kind != "text":
            yield run
            continue
        signs = [sign.translate(_SIGNS) if sign in taken else sign for sign in run.text]
        text = "".join(signs[at] if any(_role(run.text, at)) else sign for at, sign in enumerate(run.text))
        yield replace(run, text=text.replace("`", TICK))


def _pair(mark: str, texts: Sequence[str], ours: bool) -> bool:
    """Whether signs in `texts`, which are one line, would mark something with each other or with a mark of ours."""
    roles = [_role(text, at) for text in texts for at, sign in enumerate(text) if sign == mark]
    first = next((number for number, (opens, _) in enumerate(roles) if opens), len(roles))
    return any(map(any, roles)) if ours else any(closes for _, closes in roles[first + 1 :])


def _role(text: str, at: int) -> tuple[bool, bool]:
    """Whether Slack would take the sign at `at` for the start, and for the end, of something marked."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return not before.isalnum() and not after.isspace(), not after.isalnum() and not before.isspace()


# ------------------------------------------------------------ long lines


def _wrapped(runs: Sequence[Run]) -> Iterator[Sequence[Run]]:
    if sum(map(_size, runs)) <= LONGEST:
        yield runs
        return
    line: list[Run] = []
    size = 0
    for part in (part for run in runs for part in _parts(run)):
        if size + _size(part) > LONGEST:
            yield line
            line, size = [], 0
            part = replace(part, text=part.text.lstrip()) if part.kind == "text" else part
        line.append(part)
        size += _size(part)
    yield line


def _parts(run: Run) -> Iterator[Run]:
    if run.kind == "link" or _size(run) <= LONGEST // 5:
        yield run
    elif run.kind == "code":
        yield from (replace(run, text=run.text[at : at + 400]) for at in range(0, len(run.text), 400))
    else:
        yield from (replace(run, text=part) for part in _PART.findall(run.text))


def _size(run: Run) -> int:
    return len(escape(run.text)) + len(escape(run.url)) + _MARKING
