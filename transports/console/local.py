"""Who speaks at the console, and under which names."""

from __future__ import annotations

import getpass
import itertools
import os
import secrets
from collections.abc import Iterator

from transports.base import Inbound
from transports.clean import clean_name

NAME = "console"
ACCOUNT = "local"
SESSION = "console/local"


def user_name() -> str:
    """The OS user's name; "uid-<n>" where the system has none for it, as in bare containers."""
    try:
        return clean_name(getpass.getuser())
    except (KeyError, OSError):  # KeyError before Python 3.13, OSError since
        return f"uid-{os.getuid()}"


def event_ids() -> Iterator[str]:
    """Ids that no other start makes: what is typed again after a restart is a new message, not a redelivery."""
    start = secrets.token_hex(8)
    return (f"{start}-{n}" for n in itertools.count(1))


def inbound(text: str, event_id: str, sender: str, session: str = SESSION) -> Inbound:
    """A message of the console. A console is always direct, and its target is its session."""
    return Inbound(
        session=session,
        transport=NAME,
        account=ACCOUNT,
        event_id=event_id,
        sender=sender,
        sender_name=clean_name(sender),
        text=text,
        target=session,
        direct=True,
    )
