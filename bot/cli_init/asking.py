"""What a set-up asks a person, or reads from standard input where there is none."""

from __future__ import annotations

import sys

import click

from bot.errors import UserError


class NobodyToAsk(UserError):
    """Nobody can be asked here: give {options}. Nothing was stored."""


class InputUnreadable(UserError):
    """Standard input could not be read: it is not UTF-8 text. Nothing was stored."""


def somebody() -> bool:
    return sys.stdin.isatty()


def asked(question: str, default: str, options: str) -> str:
    """`options`: what to give on the command line instead. Raises NobodyToAsk."""
    if not somebody():
        raise NobodyToAsk(options=options)
    answer: str = click.prompt(question, default=default or None, err=True)
    return answer.strip()


def secret(what: str) -> str:
    """Typed, or a line of standard input. Never an argument: other users and the shell's history see those."""
    if somebody():
        value: str = click.prompt(f"{what} (not shown)", hide_input=True, err=True)
        return value
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        # "from None": the error holds the bytes
        raise InputUnreadable from None


def agreed(question: str) -> bool:
    """False where nobody can be asked."""
    return somebody() and click.confirm(question, default=True, err=True)
