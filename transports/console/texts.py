"""What text modes make of an outbound message. Pure."""

from __future__ import annotations

from transports.base import Outbound, PermanentFailure
from transports.clean import clean_output
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
