"""How a program's end is told to people. Pure."""

from __future__ import annotations

import signal

from bot.agents.base import Finished
from bot.agents.text import clean

TAIL = 1500  # characters of stderr worth showing in a chat


def exit_words(code: int | None) -> str:
    """`exited with code 3`, `was killed by SIGKILL`; None: it still lives, or its end is not known."""
    if code is None:
        return "stopped answering"
    if code < 0:
        return f"was killed by {_signal(-code)}"
    # 128 and more is how a shell, or bubblewrap, tells that a signal killed what it ran.
    return f"exited with code {code}" + (f" ({_signal(code - 128)})" if 128 < code <= 192 else "")


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def with_tail(sentence: str, stderr: str) -> str:
    """The sentence, and below it what the program last said on stderr."""
    tail = clean(stderr).strip()[-TAIL:].strip()
    return f"{sentence} Its last words:\n{tail}" if tail else sentence


def exited(agent: str, code: int, stderr: str, interrupted: bool) -> Finished:
    """The end of a program whose exit code says how it went. One that was interrupted has not failed."""
    if code == 0:
        return Finished("end_turn", exit_code=0)
    if interrupted:
        return Finished("cancelled", exit_code=code)
    return Finished("exit", True, with_tail(f"{agent} {exit_words(code)}.", stderr), code)
