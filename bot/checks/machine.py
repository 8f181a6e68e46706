"""Python and the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from bot.checks.base import Check

OLDEST = (3, 11)


def python(version: tuple[int, int, int]) -> Check:
    written = ".".join(map(str, version))
    if version[:2] < OLDEST:
        return Check("python", False, f"{written} is too old, 3.11 is needed", "script/bootstrap")
    return Check("python", True, written)


def terminal(stdin: TextIO, stdout: TextIO, environ: Mapping[str, str]) -> Check:
    """Good enough to talk in. Without a terminal the console reads plain lines, which is no fault."""
    if "utf" not in (stdout.encoding or "").lower():
        return Check("terminal", False, f"writes {stdout.encoding}, not UTF-8", "export LC_ALL=C.UTF-8")
    if not (stdin.isatty() and stdout.isatty()):
        return Check("terminal", True, "none here: input is read as plain lines, UTF-8")
    kind = environ.get("TERM", "")
    if kind in ("", "dumb"):
        return Check("terminal", True, "simple: no colours, no editing", "export TERM=xterm-256color")
    return Check("terminal", True, f"{kind}, UTF-8")
