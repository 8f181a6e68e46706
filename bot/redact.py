"""Secrets recognised by their shape: typed into a chat, or said by an agent. Pure.

Shapes of tokens are those their issuers document; a false alarm costs a word, a miss costs a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MARK = "[secret]"
BEHIND = 3  # characters before a place that tell whether a secret may begin there: "://"

_SHAPES = re.compile(
    r"""
    (?P<url>(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}(?=@))            # https://user:password@host
  | -----BEGIN\ [A-Z ]{0,30}PRIVATE\ KEY-----.*?(?:-----END\ [A-Z ]{0,30}PRIVATE\ KEY-----|(?P<endless>\Z))
  | \bgh[pousr]_[A-Za-z0-9]{30,255}\b                              # GitHub
  | \bgithub_pat_[A-Za-z0-9_]{30,255}\b
  | \bglpat-[A-Za-z0-9_-]{20,255}\b                                # GitLab
  | \bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,255}\b                    # Anthropic, OpenAI
  | \bxox[abeprs]-[A-Za-z0-9-]{10,255}\b                           # Slack
  | \bxapp-[A-Za-z0-9-]{10,255}\b
  | \bsyt_[A-Za-z0-9_]{20,255}\b                                   # Synapse
  | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                                  # AWS
  | \bAIza[A-Za-z0-9_-]{35}\b                                      # Google
  | \bnpm_[A-Za-z0-9]{36}\b
  | \bpypi-[A-Za-z0-9_-]{50,255}\b
  | \bhf_[A-Za-z0-9]{30,255}\b
  | \btug[cl]?_[A-Za-z0-9]{43}\b                                   # ours, bot/access/keys.py
    """,
    re.VERBOSE | re.DOTALL,
)

# How each of them begins, by a character without which it cannot. The pattern is tried there alone: at every place of a
# text it costs a third of a second for a megabyte.
_BEGINNINGS = {
    "_": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "syt_", "npm_", "hf_", "tug_", "tugc_", "tugl_"),
    "-": ("glpat-", "sk-", "xox", "xapp-", "pypi-"),
    "A": ("AKIA", "ASIA", "AIza"),
}
_KEY = "-----BEGIN "
_URL = "://"

# What may go on behind the end of a text, and be a secret then.
_WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"  # all that tokens are made of
_LONGEST = 320  # characters of such a word that matter: no token is as long
_LONGEST_URL = 520


def _begun(beginning: str) -> Iterator[str]:
    """The beginning itself goes on as a word, and any part of it may become it."""
    yield rf"{beginning}[A-Za-z0-9_-]*"
    yield from (beginning[:end] for end in range(1, len(beginning)))


_TOKEN_OPEN = re.compile(
    r"(?:\b(?:{})|{})\Z".format(
        "|".join(sorted({each for group in _BEGINNINGS.values() for token in group for each in _begun(token)})),
        "|".join(_KEY[:end] for end in range(1, len(_KEY))),
    )
)
_KEY_OPEN = re.compile(r"-----BEGIN [A-Z ]{0,45}-{0,4}\Z")
_URL_OPEN = re.compile(r"[^\s/@:]{0,256}(?::[^\s/@]{0,256})?")


class Seen(NamedTuple):
    """What there is of secrets in a text."""

    spans: list[tuple[int, int]]  # in order, none over another
    open: int  # from there on more text may change what is a secret; the text's length where it cannot
    endless: bool = False  # from `open` on it is all of a private key, and only the end of that is missing


def redact(text: str) -> tuple[str, int]:
    """`text` with each recognised secret replaced by "[secret]", and how many there were."""
    spans = look(text).spans
    return marked(text, spans), len(spans)


def marked(text: str, spans: Iterable[tuple[int, int]], since: int = 0, until: int | None = None) -> str:
    """The slice of `text` with a mark for each of the spans, which are in order; also of one that it has a part of."""
    until = len(text) if until is None else until
    parts: list[str] = []
    for start, end in spans:
        if since < end and start < until:
            parts += (text[since : max(start, since)], MARK)
            since = end
    return "".join((*parts, text[since:until])) if parts else text[since:until]


def look(text: str, since: int = 0) -> Seen:
    """`since`: where the first secret may begin; what stands before it still tells whether one does."""
    spans, at, endless = [], since, False
    for start in _candidates(text, since):
        if start >= at and (match := _SHAPES.match(text, start)):
            spans.append(match.span())
            at, endless = match.end(), match["endless"] is not None
    if endless:
        return Seen(spans, spans[-1][0], endless=True)
    begun = min(_open(text, since))
    if spans and spans[-1][0] < begun < at:
        begun = min(_open(text, at))  # none begins within another
    return Seen(spans, next((start for start, end in spans if start < begun < end), begun))


def _candidates(text: str, since: int) -> list[int]:
    """Where a secret may begin, in order."""
    found: list[int] = []
    for character, beginnings in _BEGINNINGS.items():
        if text.find(character, since) >= 0:
            for beginning in beginnings:
                found += _all(text, beginning, since)
    if text.find(":", max(0, since - BEHIND)) >= 0:
        found += [at + BEHIND for at in _all(text, _URL, max(0, since - BEHIND))]
    if text.find("-", since) >= 0:
        found += _all(text, _KEY, since)
    return sorted(found)


def _all(text: str, wanted: str, since: int) -> Iterator[int]:
    at = text.find(wanted, since)
    while at >= 0:
        yield at
        at = text.find(wanted, at + 1)


def _open(text: str, since: int) -> Iterator[int]:
    yield len(text)
    tail = text[-_LONGEST:]
    word = len(text) - len(tail) + len(tail.rstrip(_WORD))
    if word < len(text) and (token := _TOKEN_OPEN.search(text, max(word, since))):
        yield token.start()
    url = text.rfind(_URL, max(0, since - BEHIND, len(text) - _LONGEST_URL)) + BEHIND
    if url >= max(BEHIND, since) and _URL_OPEN.fullmatch(text, url):
        yield url
    key = text.rfind(_KEY, max(since, len(text) - 80))
    if key >= 0 and _KEY_OPEN.match(text, key):
        yield key
