"""What a refused message's chat is told. Pure."""

from __future__ import annotations

from dispatcher.model import Limits, Message, Notice


def too_long(message: Message, size: int, limits: Limits) -> Notice:
    """`size` in bytes."""
    text = (
        f"That message has {size:,} bytes; at most {limits.max_message_bytes:,} are taken. It was not accepted: "
        "put the long part into a file and name the file, or send it in pieces."
    )
    event = message.event
    key = f"long/{event.transport}/{event.account}/{event.session}/{event.event_id}"
    return Notice(message.target, text, "refusal", key)


def full(message: Message, episode: int, limits: Limits) -> Notice:
    """One notice for an episode, whichever of the refused messages brings it: they share its key."""
    text = (
        f"{limits.max_waiting} messages are waiting here already; this one and those that follow are not "
        "accepted until some were taken up. `go` hurries them, `stop` discards them."
    )
    return Notice(message.target, text, "refusal", f"full/{message.event.session}/{episode}")
