"""What text modes make of an outbound message. Pure."""

from __future__ import annotations

from transports.base import Outbound, PermanentFailure, Status
from transports.clean import clean_name, clean_output
from transports.console.local import NAME

REPEAT = "(possible repeat)"


def labelled(message: Outbound) -> str:
    """The message's Markdown, safe for a terminal, with the label of one that may have been shown before."""
    text = clean_output(message.text).strip("\n")
    return f"{REPEAT} {text}" if message.repeat else text


def check_target(target: str) -> None:
    """Raises PermanentFailure for a target of another transport."""
    if not target.startswith(NAME + "/"):
        raise PermanentFailure(f"{target!r} is not a target of the console.")


def cannot_edit() -> PermanentFailure:
    return PermanentFailure("The console cannot change what it has shown.")


def is_busy(status: Status) -> bool:
    """Whether a stop would have something to stop: a run, one in line, or messages in an open window."""
    return bool(status.running or status.queued or status.waiting)


def status_line(status: Status) -> str:
    """One line under the prompt: what goes on, and the key that matters now."""
    if not is_busy(status):
        return "idle · Ctrl-D leaves"
    parts = [clean_name(run) for run in status.running]
    parts += [f"{status.queued} in line"] if status.queued else []
    parts += [f"{status.waiting} waiting"] if status.waiting else []
    return " · ".join([*parts, "Ctrl-C stops"])
