"""Shell-like words of one line. Pure, total, linear in the length of the line."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Possessive where a quotation mark is never closed: each alternative begins differently, so giving back is useless.
_PIECE = re.compile(
    r"""(?P<space>\s++)
      | (?P<bare>[^\s'"\\]++)
      | \\(?P<escaped>.)
      | '(?P<single>[^']*+)'
      | "(?P<double>(?:[^"\\]|\\.)*+)"
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED_IN_QUOTES = re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    literal: bool = False  # begins quoted or escaped: never a command's name or an option


def split(line: str) -> tuple[Word, ...] | None:
    """The words of `line`; None where a quotation mark is not closed or a backslash ends the line."""
    words: list[Word] = []
    parts: list[str] = []
    literal = False
    position = 0
    while position < len(line):
        piece = _PIECE.match(line, position)
        if piece is None:
            return None
        position = piece.end()
        if piece.lastgroup != "space":
            literal = literal if parts else piece.lastgroup != "bare"
            parts.append(_unquoted(piece))
        elif parts:
            words.append(Word("".join(parts), literal))
            parts = []
    if parts:
        words.append(Word("".join(parts), literal))
    return tuple(words)


def _unquoted(piece: re.Match[str]) -> str:
    text = piece[piece.lastgroup or 0]
    return _ESCAPED_IN_QUOTES.sub(r"\1", text) if piece.lastgroup == "double" else text
