"""Which console this start has: a person's terminal, a pipe, or a program that speaks JSON lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from transports.base import Status, Transport
from transports.console import local
from transports.console.standard import stdin_fd, stdout_fd

NAME = local.NAME
user_name = local.user_name


def is_interactive(input_: Literal["lines", "jsonl"]) -> bool:
    """A person types and looks; both ends must be a terminal for that."""
    stdin, stdout = stdin_fd(), stdout_fd()
    return input_ == "lines" and stdin is not None and stdout is not None and os.isatty(stdin) and os.isatty(stdout)


def build(
    input_: Literal["lines", "jsonl"],
    *,
    status: Callable[[], Status],
    complete: Callable[[str], Iterable[tuple[str, str]]],
    history: Path | None,
    banner: str,
) -> Transport:
    """Imports the variant that is needed and no other: a pipe must not wait for the terminal's libraries."""
    if is_interactive(input_):
        from transports.console.interactive import InteractiveConsole

        return InteractiveConsole(status=status, complete=complete, history=history, banner=banner)
    if input_ == "jsonl":
        from transports.console.jsonl import JsonLinesConsole

        return JsonLinesConsole(stdin=stdin_fd(), stdout=stdout_fd())
    from transports.console.piped import PipedConsole

    return PipedConsole(stdin=stdin_fd(), stdout=stdout_fd())
