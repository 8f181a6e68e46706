"""Codes that one person hands to another: made, and told from words."""

from __future__ import annotations

import secrets

ALPHABET = "ACDEFGHJKMNPQRTUVWXY34679"  # none that looks like another: no 0 O, 1 I L, 2 Z, 5 S, 8 B
LENGTH = 8  # 25 ** 8 is 37 bits, against 20 guesses an hour


def make() -> str:
    """A new code. It has a digit, so that no word of a sentence is taken for one."""
    while True:
        code = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
        if _has_digit(code):
            return code


def read(word: str) -> str | None:
    """The code that somebody typed, in whatever case and with hyphens; None: it is none."""
    code = word.replace("-", "").upper()
    fits = len(code) == LENGTH and all(letter in ALPHABET for letter in code)
    return code if fits and _has_digit(code) else None


def _has_digit(code: str) -> bool:
    return any(letter.isdigit() for letter in code)
